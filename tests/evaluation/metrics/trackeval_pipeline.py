"""TrackEval's own reader, preprocessing and metrics over the same files, and how far we differ.

As a program, `python tests/evaluation/metrics/trackeval_pipeline.py GROUND_TRUTH RESULTS` compares
all sequences of a folder and prints the largest difference of any score, in percentage points.
"""

import contextlib
import io
import sys
from pathlib import Path

import numpy as np

from trackformer.evaluation.reports.files import evaluate_folders, scores_by_published_name

SHARES = {
    **{name: name for name in ("HOTA", "DetA", "AssA", "LocA", "DetRe", "DetPr", "AssRe", "AssPr")},
    **{name: name for name in ("MOTA", "MOTP", "IDF1", "IDP", "IDR")},
    "Precision": "CLR_Pr",
    "Recall": "CLR_Re",
}
COUNTS = {"FP": "CLR_FP", "FN": "CLR_FN", "IDSW": "IDSW", "MT": "MT", "ML": "ML", "Frag": "Frag"}
"""Our names and TrackEval's."""


def trackeval_scores(folder, results, names, dataset_class="MotChallenge2DBox"):
    """Every sequence's scores and, last, the combined ones, from TrackEval's whole pipeline."""
    with contextlib.redirect_stdout(io.StringIO()):
        import trackeval

        dataset = getattr(trackeval.datasets, dataset_class)(
            {
                "GT_FOLDER": str(folder),
                "TRACKERS_FOLDER": str(results.parent),
                "TRACKERS_TO_EVAL": [results.name],
                "TRACKER_SUB_FOLDER": "",
                "SKIP_SPLIT_FOL": True,
                "SEQ_INFO": dict.fromkeys(names),
            }
        )
        metrics = [
            trackeval.metrics.HOTA(),
            trackeval.metrics.CLEAR(),
            trackeval.metrics.Identity(),
        ]
    raw = [dataset.get_raw_seq_data(results.name, name) for name in names]
    inputs = [dataset.get_preprocessed_seq_data(data, "pedestrian") for data in raw]
    rows = [{} for _ in (*names, "combined")]
    for metric in metrics:
        by_name = {n: metric.eval_sequence(data) for n, data in zip(names, inputs, strict=True)}
        for row, part in zip(
            rows, (*by_name.values(), metric.combine_sequences(by_name)), strict=True
        ):
            row.update(part)
    return rows


def largest_difference(folder, results):
    """Of any share (percentage points) and of any count, over all sequences and combined."""
    table = evaluate_folders(folder, results)
    rows = (*table.sequences, table.combined)
    expected_rows = trackeval_scores(folder, results, [row.name for row in table.sequences])
    shares, counts = [], []
    for row, expected in zip(rows, expected_rows, strict=True):
        ours = scores_by_published_name(row)
        shares += [ours[name] - 100 * np.mean(expected[key]) for name, key in SHARES.items()]
        counts += [ours[name] - expected[key] for name, key in COUNTS.items()]
    return float(np.abs(shares).max()), int(np.abs(counts).max())


if __name__ == "__main__":
    difference = largest_difference(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
    sys.stdout.write(
        "shares differ by at most {:.1e} points, counts by at most {}\n".format(*difference)
    )
