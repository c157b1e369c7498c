"""MOTChallenge's folders and files, boxes (MOT) and masks (MOTS)."""
