"""What is left of runs and of services that are killed."""
