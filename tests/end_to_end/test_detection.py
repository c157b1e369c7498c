"""Pure detection: from a COCO file to a trained model, its detections and their AP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from still_images import write_coco
from tiny_models import tiny_settings
from trackformer.cli import run
from trackformer.errors import ConfigError
from trackformer.training.run import train
from trackformer.training.settings import TrainingSettings


def recipe(truth: Path, output: Path, **validation: object) -> TrainingSettings:
    settings = {
        "output": str(output),
        "sources": [{"path": str(truth)}],
        "class_names": ["person", "dog"],
        "model": tiny_settings("rt_detr").model_dump(mode="json"),
        "batch_size": 2,
        "clips": {"canvas": [64, 96], "length": [1, 1]},
        "optimizer": {"steps": 2, "warmup_steps": 1},
        "validation": {"path": str(truth), "every": 1} | validation,
        "workers": 0,
    }
    # Categories stand in the order of their ids.
    return TrainingSettings.model_validate(settings)


def test_training_on_still_images_is_validated_by_average_precision(tmp_path: Path):
    output = train(recipe(write_coco(tmp_path), tmp_path / "run"))
    header, *rows = (output / "validation.csv").read_text().splitlines()
    assert header.split(",")[:4] == ["step", "AP", "AP50", "AP75"]
    assert [row.split(",")[0] for row in rows] == ["1", "2"]
    assert (output / "best.safetensors").exists()


def test_scores_of_tracks_are_refused_for_still_images(tmp_path: Path):
    settings = recipe(write_coco(tmp_path), tmp_path / "run", metric="HOTA")
    with pytest.raises(ConfigError, match="has AP, AP50, AP75, got HOTA"):
        train(settings)


def test_detections_of_a_coco_file_score_as_the_model_does(model_file: Path, tmp_path: Path):
    truth = write_coco(tmp_path)
    out, scores = tmp_path / "out", tmp_path / "scores.json"
    words = ["--coco", str(truth), "--output", str(out), "--model", str(model_file)]
    assert run(["detect", str(tmp_path / "images"), *words]) == 0
    assert list(out.iterdir()) == [out / "detections.json"]
    truth_words = ["evaluate", "--ground-truth", str(truth), "--json", str(scores)]
    assert run([*truth_words, "--results", str(out / "detections.json")]) == 0
    from_file = json.loads(scores.read_text())
    assert run([*truth_words, "--model", str(model_file)]) == 0
    assert json.loads(scores.read_text()) == from_file
    assert (from_file["images"], from_file["boxes"]) == (2, 4)
    assert from_file["results"] > 0
