"""Speed and memory; `python -m benchmarks` prints every table."""
