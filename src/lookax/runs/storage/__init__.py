"""What a run leaves in its folder: configuration, metrics, checkpoints."""
