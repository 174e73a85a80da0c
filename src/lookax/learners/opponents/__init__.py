"""Models of opponents: fitted to their policies, or to what they do in games."""
