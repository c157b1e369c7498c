"""Short clips for training: which frames, which crops, how they are varied."""
