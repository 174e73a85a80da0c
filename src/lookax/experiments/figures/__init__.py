"""Published figures: how each is drawn and tabulated, and the numbers to match; a file each."""
