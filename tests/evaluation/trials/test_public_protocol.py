"""A model's scores where given detections decide what may begin."""

import json
from pathlib import Path
from typing import Any

import pytest

from synthetic_videos import write_crossing
from trackformer.cli import run
from trackformer.data.annotations import AnnotatedData
from trackformer.data.formats.mot.reading import read_mot, read_mot_ground_truth
from trackformer.errors import ConfigError, DataError
from trackformer.evaluation.trials.public_protocol import public_detections_of


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    folder = write_crossing(tmp_path / "videos" / "crossing", num_frames=4)
    (folder / "det").mkdir()
    (folder / "det" / "det.txt").write_text("1,-1,5,13,14,14,0.9\n3,-1,30,13,14,14,0.9\n")
    return folder


def test_every_sequence_has_its_own_detections(sequence: Path):
    public = public_detections_of(read_mot(sequence.parent))
    assert {name: list(each.boxes_xyxy) for name, each in public.items()} == {"crossing": [0, 2]}


def test_a_missing_file_is_named(sequence: Path):
    (sequence / "det" / "det.txt").unlink()
    with pytest.raises(DataError, match=r"crossing.det.det\.txt: no such file"):
        public_detections_of(read_mot(sequence))


def test_annotations_without_images_have_no_detections_beside_them(sequence: Path):
    data = AnnotatedData((read_mot_ground_truth(sequence / "gt" / "gt.txt"),), ("person",))
    with pytest.raises(DataError, match="crossing: expected images"):
        public_detections_of(data)


def test_one_file_is_not_for_several_sequences(sequence: Path):
    write_crossing(sequence.parent / "other", num_frames=2)
    given = sequence / "det" / "det.txt"
    with pytest.raises(ConfigError, match=r"expected one sequence .* got 2; without a file"):
        public_detections_of(read_mot(sequence.parent), given)


def test_nothing_begins_where_no_detection_is(sequence: Path, model_file: Path, tmp_path: Path):
    (sequence / "det" / "det.txt").write_text("")
    assert scores_of(sequence, model_file, tmp_path)["IDs"] > 0
    assert scores_of(sequence, model_file, tmp_path, "--public-detections")["IDs"] == 0


def test_each_detection_lets_one_track_begin(sequence: Path, model_file: Path, tmp_path: Path):
    free = tmp_path / "free"
    scores_of(sequence, model_file, tmp_path, "--output", str(free))
    # The first object of the first frame, as the model sees it, is the only public detection.
    first = (free / "crossing.txt").read_text().splitlines()[0].split(",")
    public = tmp_path / "public.txt"
    public.write_text(",".join(["1", "-1", *first[2:6], "1"]) + "\n")
    for rule in ("center_distance", "min_iou"):
        (tmp_path / "tracker.yaml").write_text(f"public_rule: {rule}\n")
        words = ["--public-detections", str(public), "--settings", str(tmp_path / "tracker.yaml")]
        assert scores_of(sequence, model_file, tmp_path, *words)["IDs"] == 1


def test_only_a_model_can_be_told_what_may_begin(sequence: Path, capsys):
    words = ["--ground-truth", str(sequence), "--results", str(sequence), "--public-detections"]
    assert run(["evaluate", *words]) == 2
    assert "--public-detections: only with --model" in capsys.readouterr().err


def scores_of(sequence: Path, model_file: Path, tmp_path: Path, *words: str) -> dict[str, Any]:
    scores = tmp_path / "scores.json"
    command = ["evaluate", "--ground-truth", str(sequence), "--model", str(model_file)]
    assert run([*command, "--json", str(scores), *words]) == 0
    return json.loads(scores.read_text())
