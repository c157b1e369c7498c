"""The whole way from frames to identities: a small model learns one video by heart."""

import pytest

from synthetic_videos import HEIGHT, WIDTH, write_crossing
from trackformer.checkpoints.load import load_model
from trackformer.data.read import read_annotations
from trackformer.evaluation.reports.files import scores_by_published_name
from trackformer.evaluation.trials.model_scores import evaluate_model
from trackformer.training.run import train
from trackformer.training.settings import TrainingSettings

DETECTOR = {
    "kind": "deformable_detr",
    "backbone": {"name": "resnet18", "batch_norm": "trainable", "frozen_stages": 0},
    "embedding_size": 64,
    "num_heads": 4,
    "num_encoder_layers": 1,
    "num_decoder_layers": 2,
    "feedforward_size": 128,
    "dropout": 0,
    "num_queries": 8,
    "num_levels": 3,
    "box_refinement": True,
    "two_stage": True,
}
RECIPE = {
    "model": {
        "detector": DETECTOR,
        "input": {
            "area": HEIGHT * WIDTH,
            "multiple_of": 16,
            "mean": (0.35, 0.35, 0.35),  # of the drawn frames
            "std": (0.2, 0.2, 0.2),
        },
        "carry_projection": True,
    },
    "clips": {
        "canvas": (HEIGHT, WIDTH),
        "max_gap": 2,
        "zoom": (1, 1),
        "flip_rate": 0,
        "colour_jitter": 0,
        "camera_jitter": 0,
    },
    "track_queries": {"drop_rate": 0.2, "carry_gradient": True, "loss_frames": "all"},
    "optimizer": {
        "steps": 200,
        "learning_rate": 2e-3,
        "backbone_scale": 0,  # colours are told apart by random features, at a third of the time
        "sampling_scale": 1,
        "warmup_steps": 20,
        "max_gradient_norm": 1,
        "ema_decay": 0.9,
    },
    "seed": 2,
    "workers": 0,
}


@pytest.mark.slow
def test_two_objects_that_cross_keep_their_identities(tmp_path):
    video = write_crossing(tmp_path / "crossing")
    # Learnt by heart, so the best weights are chosen on the same video.
    validation = {"path": video, "every": 25, "metric": "IDF1"}
    places = {"output": tmp_path / "run", "sources": [{"path": video}], "validation": validation}
    output = train(TrainingSettings.model_validate(RECIPE | places))
    model = load_model(output / "best.safetensors")
    scores = scores_by_published_name(evaluate_model(model, read_annotations(video)).combined)
    assert scores["IDF1"] == 100
    assert scores["IDSW"] == 0
