"""Our scores must be those of TrackEval's own reader, preprocessing and metrics, digit by digit."""

import contextlib
import io

import numpy as np
import pytest

from trackformer.evaluation.report import evaluate_folders, scores_by_published_name

NUM_FRAMES = 12
SEQUENCES = ("MOT17-90", "MOT17-91")
CLASSES = (1, 1, 1, 1, 1, 2, 7, 8, 9, 12, 3, 1)
"""Class of each annotated walker; the last one is marked consider = 0."""


def write_world(folder, results, rng):
    """Walkers of several classes; results are noisy, miss some, switch ids and invent boxes."""
    for name in SEQUENCES:
        ground_truth, tracks = [], []
        walkers = rng.uniform(1, 120, size=(len(CLASSES), 2))
        for frame in range(1, NUM_FRAMES + 1):
            walkers += rng.normal(0, 2, size=walkers.shape)
            for walker, (left, top) in enumerate(walkers):
                consider = int(walker != len(CLASSES) - 1)
                box = f"{left:.2f},{top:.2f},20,40"
                ground_truth.append(f"{frame},{walker},{box},{consider},{CLASSES[walker]},0.5")
                if rng.random() < 0.8:
                    track = walker + 100 * (frame // 5) * (walker % 2)
                    left, top, width, height = np.array([left, top, 20, 40]) + rng.normal(
                        0, 2, size=4
                    )
                    tracks.append(f"{frame},{track},{left:.2f},{top:.2f},{width:.2f},{height:.2f}")
            tracks.append(f"{frame},{900 + frame},{rng.uniform(1, 100):.2f},30,20,40")
        (folder / name / "gt").mkdir(parents=True)
        (folder / name / "gt" / "gt.txt").write_text("\n".join(ground_truth))
        (folder / name / "seqinfo.ini").write_text(f"[Sequence]\nseqLength={NUM_FRAMES}\n")
        (results / name).with_suffix(".txt").write_text(
            "".join(f"{row},1,-1,-1,-1\n" for row in tracks)
        )


def trackeval_scores(folder, results):
    """The scores of both sequences and combined, from TrackEval's whole pipeline."""
    with contextlib.redirect_stdout(io.StringIO()):
        import trackeval

        dataset = trackeval.datasets.MotChallenge2DBox(
            {
                "GT_FOLDER": str(folder),
                "TRACKERS_FOLDER": str(results.parent.parent),
                "TRACKERS_TO_EVAL": [results.parent.name],
                "SKIP_SPLIT_FOL": True,
                "SEQ_INFO": dict.fromkeys(SEQUENCES),
            }
        )
        metrics = [
            trackeval.metrics.HOTA(),
            trackeval.metrics.CLEAR(),
            trackeval.metrics.Identity(),
        ]
    raw = [dataset.get_raw_seq_data(results.parent.name, name) for name in SEQUENCES]
    inputs = [dataset.get_preprocessed_seq_data(data, "pedestrian") for data in raw]
    rows = [{} for _ in (*SEQUENCES, "combined")]
    for metric in metrics:
        by_name = {n: metric.eval_sequence(data) for n, data in zip(SEQUENCES, inputs, strict=True)}
        for row, part in zip(
            rows, (*by_name.values(), metric.combine_sequences(by_name)), strict=True
        ):
            row.update(part)
    return rows


@pytest.mark.parametrize("seed", [0, 1])
def test_scores_equal_those_of_trackeval(tmp_path, seed):
    folder, results = tmp_path / "ground_truth", tmp_path / "trackers" / "ours" / "data"
    results.mkdir(parents=True)
    write_world(folder, results, np.random.default_rng(seed))
    table = evaluate_folders(folder, results)
    expected_rows = trackeval_scores(folder, results)
    for row, expected in zip((*table.sequences, table.combined), expected_rows, strict=True):
        ours = scores_by_published_name(row)
        for name in ("HOTA", "DetA", "AssA", "LocA", "MOTA", "MOTP", "IDF1"):
            assert ours[name] == pytest.approx(100 * np.mean(expected[name]), abs=1e-6)
        assert ours["Precision"] == pytest.approx(100 * expected["CLR_Pr"], abs=1e-6)
        assert ours["Recall"] == pytest.approx(100 * expected["CLR_Re"], abs=1e-6)
        counts = (expected["IDSW"], expected["CLR_FP"], expected["CLR_FN"])
        assert (ours["IDSW"], ours["FP"], ours["FN"]) == counts
    assert table.combined.id_switches > 0
