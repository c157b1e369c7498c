"""What a program imports before its first frame; each of these takes as long as torch itself."""

import os
import subprocess
import sys

import pytest

SLOW = ("transformers", "torch._dynamo", "torchvision", "scipy.optimize", "supervision", "sympy")


@pytest.mark.parametrize(
    "start",
    [
        "trackformer.load_model('nano')",
        "import trackformer.tracking.videos.run; trackformer.optimize_for_inference",
    ],
)
def test_a_bundled_model_begins_without(start):
    code = f"import sys, trackformer; {start}; print(*sys.modules)"
    run = [sys.executable, "-c", code]
    # Environments of tests may preload what is looked for.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONSTARTUP"}
    done = subprocess.run(run, check=True, capture_output=True, text=True, env=environment)
    loaded = set(done.stdout.split())
    assert "torch" in loaded
    assert not loaded.intersection(SLOW)
