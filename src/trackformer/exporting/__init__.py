"""Models for other runtimes: one tracked frame as a graph, written to a file and compared."""
