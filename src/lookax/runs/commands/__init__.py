"""What the command does: run, evaluate, report, play, sweep."""
