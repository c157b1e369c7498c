"""What the readers and writers of all formats are made of."""
