"""What makes a run real: lanes, run folders, provenance, progress."""
