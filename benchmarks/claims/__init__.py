"""The papers' claims, reproduced small: one command, one table and one plot each."""
