"""Settings under names: those of published figures, a file each, and others to start from."""
