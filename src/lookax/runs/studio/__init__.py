"""A page in the browser that shows runs as they go on, and lets a person play against their agents."""
