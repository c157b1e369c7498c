"""Our scores must be those of TrackEval's own reader, preprocessing and metrics, digit by digit."""

import numpy as np
import pytest

from evaluation.metrics.trackeval_pipeline import largest_difference
from trackformer.evaluation.reports.files import evaluate_folders

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


@pytest.mark.parametrize("seed", [0, 1])
def test_scores_equal_those_of_trackeval(tmp_path, seed):
    folder, results = tmp_path / "ground_truth", tmp_path / "results"
    results.mkdir()
    write_world(folder, results, np.random.default_rng(seed))
    shares, counts = largest_difference(folder, results)
    assert shares < 1e-9
    assert counts == 0
    assert evaluate_folders(folder, results).combined.id_switches > 0
