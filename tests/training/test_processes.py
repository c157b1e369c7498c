"""Two processes train as one process with twice the batch does."""

import os
import subprocess
import sys

import pytest
import yaml

from commands import HANGS_S
from synthetic_videos import write_crossing
from trackformer.checkpoints.load import load_model
from trackformer.training.run import train
from trackformer.training.settings import TrainingSettings
from trackformer.training.watching.metrics_file import read_metrics

# Two processes on one machine that need no network card.
ENVIRONMENT = {"ACCELERATE_USE_CPU": "true", "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
# With learned queries: selected ones are others as soon as rounding is, and so is the loss.
DETECTOR = {
    "kind": "deformable_detr",
    "backbone": {"name": "resnet18"},
    "embedding_size": 32,
    "num_heads": 4,
    "num_encoder_layers": 1,
    "num_decoder_layers": 2,
    "feedforward_size": 32,
    "num_queries": 8,
    "num_levels": 2,
    "dropout": 0.0,
}
MODEL = {"detector": DETECTOR, "class_names": ["person"], "input": {"area": 64 * 96}}


@pytest.fixture
def recipe(tmp_path):
    """Without noise inside of the network and of track queries, which every process draws alone."""
    return {
        "output": str(tmp_path / "one"),
        "sources": [{"path": str(write_crossing(tmp_path / "crossing", num_frames=6))}],
        "model": MODEL,
        "batch_size": 2,
        "clips": {"canvas": [64, 96], "length": [2, 3]},
        "track_queries": {"drop_rate": 0, "false_positive_rate": 0, "loss_frames": "all"},
        "optimizer": {"steps": 3, "warmup_steps": 1, "learning_rate": 1e-4},
        "diagnostics": {"every": 2},
        "workers": 0,
    }


def losses(run) -> list[float]:
    return [float(row["loss"]) for row in read_metrics(run / "metrics.csv")]


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one_with_twice_the_batch(recipe, tmp_path):
    two = recipe | {"output": str(tmp_path / "two"), "batch_size": 1}
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(two))
    launch = ["torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "trackformer"]
    process = subprocess.Popen(
        [sys.executable, "-m", *launch, "train", str(tmp_path / "two.yaml")],
        env=os.environ | ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    one = train(TrainingSettings.model_validate(recipe))
    said, _ = process.communicate(timeout=HANGS_S)
    assert process.returncode == 0, said
    assert losses(tmp_path / "two") == pytest.approx(losses(one), rel=1e-5)
    weights = load_model(one / "last.safetensors").state_dict()
    for name, weight in load_model(tmp_path / "two" / "last.safetensors").state_dict().items():
        # Adam's first steps are as long for tiny gradients, whose sign may be rounding.
        assert (weight - weights[name]).abs().max() < 1e-3
