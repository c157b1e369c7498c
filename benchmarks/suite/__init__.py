"""What `python -m benchmarks` is made of: its parts, their goals, and how results are shown."""
