"""Results as TrackEval lays them out are annotations, and are scored, also in KITTI's columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trackformer.data.formats.mot.mots import is_mots
from trackformer.data.read import read_annotations, recognised_format
from trackformer.errors import DataError
from trackformer.evaluation.reports.files import evaluate_folders

ROWS = "1,7,11,21,10,20,0.9,-1,-1,-1\n3,7,12,21,10,20,0.5,-1,-1,-1\n"
KITTI = "0 7 Car 0 0 -10 10 20 20 40 -1 -1 -1 -1000 -1000 -1000 -10"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_trackers_folder_is_read_with_its_scores(tmp_path: Path):
    write(tmp_path / "MPNTrack" / "data" / "MOT17-02.txt", ROWS)
    assert recognised_format(tmp_path / "MPNTrack") == "mot"
    (sequence,) = read_annotations(tmp_path / "MPNTrack").sequences
    assert sequence.name == "MOT17-02"
    first, between, last = sequence.frames
    assert first.boxes_xyxy.tolist() == [[10, 20, 20, 40]]
    assert (first.track_ids.tolist(), first.scores.tolist()) == ([7], [0.9])
    assert len(between.boxes_xyxy) == 0
    assert last.scores.tolist() == [0.5]


def test_results_are_found_where_trackeval_has_them(tmp_path: Path):
    truth = write(tmp_path / "gt" / "A" / "gt" / "gt.txt", "1,1,11,21,10,20,1,1,1\n").parents[2]
    write(tmp_path / "trackers" / "ours" / "data" / "A.txt", ROWS.splitlines()[0])
    for folder in ("trackers", "trackers/ours", "trackers/ours/data"):
        assert evaluate_folders(truth, tmp_path / folder).combined.hota == pytest.approx(100)


def test_of_several_trackers_one_has_to_be_named(tmp_path: Path):
    truth = write(tmp_path / "gt" / "A" / "gt" / "gt.txt", "1,1,11,21,10,20,1,1,1\n").parents[2]
    for name in ("one", "other"):
        write(tmp_path / "trackers" / name / "data" / "A.txt", ROWS)
    with pytest.raises(DataError, match="the results of one tracker, got those of one, other"):
        evaluate_folders(truth, tmp_path / "trackers")


def test_results_in_kittis_columns_are_scored_and_read(tmp_path: Path):
    write(tmp_path / "gt" / "label_02" / "0000.txt", f"{KITTI}\n")
    results = tmp_path / "ours"
    write(results / "data" / "0000.txt", f"{KITTI} 0.75\n")
    assert evaluate_folders(tmp_path / "gt", results).combined.hota == pytest.approx(100)
    assert recognised_format(results) == "kitti"
    (sequence,) = read_annotations(results).sequences
    assert sequence.frames[0].boxes_xyxy.tolist() == [[10, 20, 20, 40]]
    assert np.allclose(sequence.frames[0].scores, [0.75])


def test_kittis_pedestrian_is_the_person_of_other_ground_truth(tmp_path: Path):
    truth = write(tmp_path / "gt" / "A" / "gt" / "gt.txt", "1,7,11,21,10,20,1,1,1\n").parents[2]
    write(tmp_path / "ours" / "data" / "A.txt", f"{KITTI.replace('Car', 'Pedestrian')} 0.75\n")
    assert evaluate_folders(truth, tmp_path / "ours").combined.hota == pytest.approx(100)


def test_an_id_twice_in_a_frame_is_refused(tmp_path: Path):
    write(tmp_path / "gt" / "label_02" / "0000.txt", f"{KITTI}\n")
    twice = write(tmp_path / "0000.txt", f"{KITTI} 0.75\n{KITTI} 0.5\n")
    with pytest.raises(DataError, match=r"0000\.txt:2: expected each id once in a frame, got 7"):
        evaluate_folders(tmp_path / "gt", twice)


def test_masks_of_a_tracker_are_recognised(tmp_path: Path):
    write(tmp_path / "data" / "MOTS20-02.txt", "1 2001 2 2 4 a11\n")
    assert is_mots(tmp_path)
