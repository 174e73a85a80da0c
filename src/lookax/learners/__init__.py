"""The algorithms: `init(key)` makes a state, `update(key, state)` the next one and metrics."""
