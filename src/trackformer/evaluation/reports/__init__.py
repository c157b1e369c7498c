"""What is said about results: tables, intervals, bins, classes and plots."""
