"""Settings, and what they compute: a learner and its evaluation."""
