"""The verbs of the command line, one file each: a summary, what it takes, and what it does.

Their imports are inside functions: help answers at once, and a mistyped path is reported before
torch is loaded.
"""
