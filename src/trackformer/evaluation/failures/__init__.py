"""What went wrong: switches and misses with causes and costs, and how they are shown."""
