"""Scenes that a model has never seen, beside a detector with ByteTrack that has not seen them.

    python -m benchmarks.held_out [--recipe YAML] [--folds N] [--seeds N] [KEY=VALUE...]
    python -m benchmarks.held_out --weights FILE

Every scene of the training data is held out once: of N folds each is trained on the scenes of the
others and scored on its own. Thresholds of both sides, too, are those that are best on the *other*
scenes: nothing about a scene is chosen on it. What is done already (a run, the scores of a scene)
is not done again, so a command that was cut off goes on where it stopped; a run goes on from its
last checkpoint. With `--weights` nothing is trained: for weights that have seen none of the scenes.
"""
