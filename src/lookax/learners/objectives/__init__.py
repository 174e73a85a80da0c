"""What learners maximise: returns through the learning of others, estimates of returns, actor-critic objectives."""
