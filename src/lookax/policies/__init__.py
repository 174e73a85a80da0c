"""Who plays: policies from observations to action logits."""
