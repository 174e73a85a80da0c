"""What is installed, what this machine has, and what is wrong with it; whatever is broken, this can still be run."""
