"""Lets `python -m trackformer` and `accelerate launch -m trackformer` run the command line."""

from trackformer.cli import main

main()
