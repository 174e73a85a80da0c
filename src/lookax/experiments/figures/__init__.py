"""Published figures: presets, and the numbers to match. One file each."""
