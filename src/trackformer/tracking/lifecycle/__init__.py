"""How tracks are born, kept, found again and given up: pure functions over one record."""
