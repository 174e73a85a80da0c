"""Games, learners and presets of one's own: a package that lookax finds by its entry points."""
