"""Published figures and tables, as presets with what to match and how to draw it."""
