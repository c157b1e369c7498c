"""What a file may ask of us: numbers that arrays can hold, and images of its own data."""
