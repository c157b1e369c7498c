"""What is kept of a tracker so that another process can go on."""
