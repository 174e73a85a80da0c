"""Many settings of one preset: every combination of values, or those that a search asks for, here or on a cluster."""
