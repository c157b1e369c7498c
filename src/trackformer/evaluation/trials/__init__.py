"""Models run in order to be judged: tuned, compared with peers, validated."""
