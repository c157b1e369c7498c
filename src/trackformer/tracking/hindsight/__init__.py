"""A second look at the tracks of a recording, when all of it has been seen."""
