"""Scores of masks: by hand, and equal to TrackEval's own reader, preprocessing and metrics."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluation.metrics.trackeval_pipeline import trackeval_scores
from models.conftest import SIZES as SIZES_OF_MODEL
from trackformer import cli, save_model
from trackformer.data.masks import encode_mask
from trackformer.errors import DataError
from trackformer.evaluation.reports.files import (
    evaluate_folders,
    score_table,
    scores_by_published_name,
    write_json,
)
from trackformer.models.build import build_model
from trackformer.models.settings import DeformableDetrSettings, ModelSettings

SIZE = (40, 60)
NUM_FRAMES = 12
SHARES = {"HOTA": "hota", "DetA": "det_a", "AssA": "ass_a", "MOTA": "mota", "MOTP": "motp"}
SHARES |= {"sMOTA": "smota", "IDF1": "idf1"}
COUNTS = {"IDSW": "id_switches", "CLR_FP": "false_positives", "CLR_FN": "false_negatives"}
PEDESTRIAN, IGNORED = 2, 10


def block(left: float, top: float, width: float, height: float) -> np.ndarray:
    mask = np.zeros(SIZE, dtype=bool)
    mask[max(0, round(top)) : round(top + height), max(0, round(left)) : round(left + width)] = True
    return mask


def lines(frame: int, masks: dict[int, np.ndarray], class_id: int = PEDESTRIAN) -> list[str]:
    """One after the other, each without the pixels of those before."""
    taken, text = np.zeros(SIZE, dtype=bool), []
    for track_id, mask in masks.items():
        own = mask & ~taken
        taken |= own
        if own.any():
            row = f"{frame} {track_id} {class_id} {SIZE[0]} {SIZE[1]} {encode_mask(own).counts}"
            text.append(row)
    return text


def write(folder: Path, results: Path, name: str, truth: list[str], found: list[str]) -> None:
    (folder / name / "gt").mkdir(parents=True)
    (folder / name / "gt" / "gt.txt").write_text("\n".join(truth) + "\n")
    (folder / name / "seqinfo.ini").write_text(f"[Sequence]\nseqLength={NUM_FRAMES}\n")
    results.mkdir(exist_ok=True)
    (results / f"{name}.txt").write_text("\n".join(found) + "\n")


def write_world(folder: Path, results: Path, random: np.random.Generator) -> None:
    """Walkers and an ignored corner; results tremble, miss, switch ids, and invent walkers."""
    for name in ("MOTS20-90", "MOTS20-91"):
        truth, found = [], []
        places = random.uniform(0, 35, size=(5, 2))
        for frame in range(1, NUM_FRAMES + 1):
            places += random.normal(0, 1, size=places.shape)
            objects = {2000 + i: block(x, y, 9, 12) for i, (x, y) in enumerate(places)}
            corner = block(45, 0, 15, 20)
            for mask in objects.values():
                corner &= ~mask
            truth += lines(frame, objects) + lines(frame, {10000: corner}, IGNORED)
            seen = {}
            for i, (x, y) in enumerate(places):
                if random.random() < 0.8:
                    shift = random.normal(0, 1.5, size=2)
                    seen[i + 10 * (frame // 5) * (i % 2)] = block(x + shift[0], y + shift[1], 9, 12)
            seen[900 + frame] = block(random.uniform(30, 55), random.uniform(0, 20), 8, 8)
            found += lines(frame, seen)
        write(folder, results, name, truth, found)


@pytest.mark.parametrize("seed", [0, 1])
def test_scores_of_masks_equal_those_of_trackeval(tmp_path, seed):
    folder, results = tmp_path / "ground_truth", tmp_path / "results"
    write_world(folder, results, np.random.default_rng(seed))
    table = evaluate_folders(folder, results)
    rows = (*table.sequences, table.combined)
    names = [row.name for row in table.sequences]
    expected = trackeval_scores(folder, results, names, "MOTSChallenge")
    for row, theirs in zip(rows, expected, strict=True):
        for key, ours in SHARES.items():
            assert getattr(row, ours) == pytest.approx(100 * np.mean(theirs[key]), abs=1e-9), key
        assert [getattr(row, ours) for ours in COUNTS.values()] == [theirs[key] for key in COUNTS]
    assert table.combined.id_switches > 0


def test_smotsa_by_hand(tmp_path):
    # Frame 1: 3/4 of the object is found. Frame 2: exactly found, and one invented.
    folder, results = tmp_path / "ground_truth", tmp_path / "results"
    whole, part, other = block(0, 0, 4, 4), block(0, 0, 3, 4), block(20, 20, 4, 4)
    truth = lines(1, {2001: whole}) + lines(2, {2001: whole})
    found = lines(1, {1: part}) + lines(2, {1: whole, 2: other})
    write(folder, results, "A", truth, found)
    table = evaluate_folders(folder / "A", results)
    scores = scores_by_published_name(table.combined)
    assert table.combined.smota == pytest.approx(100 * (0.75 + 1 - 1) / 2)
    assert (scores["MOTA"], scores["FP"]) == (50, 1)


def test_results_in_ignore_regions_are_no_mistakes(tmp_path):
    folder, results = tmp_path / "ground_truth", tmp_path / "results"
    region, inside, mostly_outside = block(20, 20, 8, 8), block(22, 22, 4, 4), block(0, 20, 30, 2)
    truth = lines(1, {2001: block(0, 0, 4, 4)}) + lines(1, {10000: region}, IGNORED)
    write(folder, results, "A", truth, lines(1, {1: inside, 2: mostly_outside}))
    assert evaluate_folders(folder / "A", results).combined.false_positives == 1


def test_classes_have_rows_of_their_own(tmp_path):
    (tmp_path / "instances_txt").mkdir()
    truth = lines(0, {1001: block(0, 0, 4, 4)}, 1) + lines(0, {2001: block(9, 9, 4, 4)})
    (tmp_path / "instances_txt" / "0002.txt").write_text("\n".join(truth))
    (tmp_path / "results").mkdir()
    # The car is found as a person: a miss of one class, a false positive of the other.
    found = lines(0, {1: block(0, 0, 4, 4)}) + lines(0, {2: block(9, 9, 4, 4)})
    (tmp_path / "results" / "0002.txt").write_text("\n".join(found))
    table = evaluate_folders(tmp_path, tmp_path / "results")
    assert [row.name for row in table.sequences] == ["0002 person", "0002 car"]
    assert [row.mota for row in table.sequences] == [0, 0]


def test_masks_of_another_size_are_refused(tmp_path):
    folder, results = tmp_path / "ground_truth", tmp_path / "results"
    write(folder, results, "A", lines(1, {2001: block(0, 0, 4, 4)}), [])
    small = encode_mask(np.ones((4, 4), dtype=bool)).counts
    (results / "A.txt").write_text(f"1 1 2 4 4 {small}\n")
    with pytest.raises(
        DataError, match=r"A, frame 1: expected masks of .* \(40, 60\), got \(4, 4\)"
    ):
        evaluate_folders(folder / "A", results)


def test_the_table_and_the_file_call_the_scores_by_their_names(tmp_path):
    folder, results = tmp_path / "ground_truth", tmp_path / "results"
    write_world(folder, results, np.random.default_rng(0))
    table = evaluate_folders(folder, results)
    columns = [column.header for column in score_table(table).columns]
    assert columns[:3] == ["sequence", "HOTA", "sMOTSA"]
    assert "MOTSA" in columns
    write_json(table, tmp_path / "scores.json")
    assert '"sMOTSA"' in (tmp_path / "scores.json").read_text()


def test_a_models_masks_are_tracked_and_scored(tmp_path, capsys):
    folder = tmp_path / "ground_truth"
    write(folder, tmp_path / "other", "A", lines(1, {2001: block(0, 0, 4, 4)}), [])
    (folder / "A" / "img1").mkdir()
    (folder / "A" / "seqinfo.ini").unlink()
    for frame in (1, 2):
        cv2.imwrite(str(folder / "A" / "img1" / f"{frame:06d}.png"), np.zeros((*SIZE, 3), np.uint8))
    detector = DeformableDetrSettings(**SIZES_OF_MODEL | {"masks": True})
    model = build_model(ModelSettings(detector=detector, tracker={"birth_score": 0.0}))
    save_model(model, tmp_path / "model.safetensors")

    code = cli.run(
        [
            *("evaluate", "--ground-truth", str(folder), "--output", str(tmp_path / "out")),
            *("--model", str(tmp_path / "model.safetensors"), "--device", "cpu"),
        ]
    )

    assert code == 0
    assert "sMOTSA" in capsys.readouterr().out
    assert (tmp_path / "out" / "A" / "tracks_mots.txt").exists()
    assert evaluate_folders(folder, tmp_path / "out").overlap == "masks"
