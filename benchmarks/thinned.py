"""What dropped frames cost, and what it helps to know when the frames that are left were taken.

Run: `python -m benchmarks.thinned [--model nano] [--data FOLDER]`; the data are MOTChallenge
sequences with images, by default the bundled clip. Every 2nd, 5th and 10th frame stays, or each by
chance; a tracker counts frames, one moves boxes on by the time that has passed, one also counts its
patience in seconds (as many as its frames last at the full rate). Scores are those of the frames
that are left. All three share the encoder's answers.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch

from trackformer.checkpoints.load import load_weights
from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.read import read_annotations
from trackformer.data.results import ResultFrame, result_of
from trackformer.demo_clip import clip_file, ground_truth_file
from trackformer.evaluation.metrics.tracking import evaluate_tracking
from trackformer.evaluation.reports.files import scores_by_published_name
from trackformer.evaluation.trials.encoded import EncodedVideo, encode_video, repeated
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.lifecycle.advance import advance
from trackformer.tracking.lifecycle.tracks import expecting, no_tracks
from trackformer.tracking.query_batch import answers_apart, ask_together
from trackformer.tracking.tracker import as_objects, settings_for
from trackformer.video.sources import open_source

SHOWN: Final = ("HOTA", "AssA", "IDF1", "IDSW")
TRACKERS: Final = ("counted", "timed", "timed, patience in seconds")


@dataclass(frozen=True, slots=True)
class Row:
    """The scores of the three trackers on what is left of all videos."""

    thinning: str
    num_frames: int
    scores: dict[str, dict[str, float]]


def measure(model: TrackFormer, data: AnnotatedData) -> Iterator[Row]:
    """Each thinning as soon as it is known."""
    encoded = [encode_video(model, sequence) for sequence in data.sequences]
    for name, is_kept in _thinnings(data.sequences):
        parts, results = [], [dict[str, list[ResultFrame]]() for _ in TRACKERS]
        for sequence, video, kept in zip(data.sequences, encoded, is_kept, strict=True):
            frames = tuple(
                replace(sequence.frames[row], frame_index=index) for index, row in enumerate(kept)
            )
            parts.append(replace(sequence, frames=frames))
            for found, tracked in zip(
                results, _track(model, video, kept, sequence.frame_rate or 25.0), strict=True
            ):
                found[sequence.name] = tracked
        thinned = replace(data, sequences=tuple(parts))
        yield Row(
            name,
            sum(len(each) for each in is_kept),
            {
                tracker: _scores(thinned, found)
                for tracker, found in zip(TRACKERS, results, strict=True)
            },
        )


def _thinnings(
    sequences: Sequence[AnnotatedSequence],
) -> Iterator[tuple[str, list[list[int]]]]:
    """Names, and which frames of each sequence stay."""
    for step in (1, 2, 5, 10):
        name = "all frames" if step == 1 else f"every {step}th" if step > 2 else "every 2nd"
        yield name, [list(range(0, len(each.frames), step)) for each in sequences]
    for step in (2, 5, 10):
        random = np.random.default_rng(step)
        kept = [
            np.flatnonzero(random.uniform(size=len(each.frames)) < 1 / step) for each in sequences
        ]
        yield f"each with chance 1/{step}", [each.tolist() for each in kept]


def _track(
    model: TrackFormer, video: EncodedVideo, kept: Sequence[int], frame_rate: float
) -> list[list[ResultFrame]]:
    own = settings_for(model)
    in_seconds = own.model_copy(update={"patience_s": own.patience / frame_rate})
    settings = [own, own, in_seconds]
    states = [no_tracks(model.embedding_size) for _ in settings]
    results: list[list[ResultFrame]] = [[] for _ in settings]
    for row in kept:
        times = (None, row / frame_rate, row / frame_rate)
        states = [expecting(each, time) for each, time in zip(states, times, strict=True)]
        with torch.inference_mode():
            queries = ask_together(states, settings, model.device)
            output = model.decode(repeated(video.memories[row], len(settings)), queries)
            states = [
                advance(state, answers, chosen, video.image_size)
                for state, answers, chosen in zip(
                    states, answers_apart(output, states), settings, strict=True
                )
            ]
        for result, state in zip(results, states, strict=True):
            result.append(
                result_of(as_objects(state, video.image_size, model.settings.class_names))
            )
    return results


def _scores(data: AnnotatedData, results: dict[str, list[ResultFrame]]) -> dict[str, float]:
    scores = scores_by_published_name(evaluate_tracking(data, results).combined)
    return {name: float(scores[name]) for name in SHOWN}


@contextmanager
def demo_data() -> Iterator[AnnotatedData]:
    """The bundled clip as a MOTChallenge sequence."""
    with tempfile.TemporaryDirectory() as folder, clip_file() as clip, open_source(clip) as source:
        sequence = Path(folder, "clip")
        (sequence / "img1").mkdir(parents=True)
        (sequence / "gt").mkdir()
        for frame in source:
            name = f"{frame.frame_index + 1:06d}.png"
            cv2.imwrite(str(sequence / "img1" / name), frame.pixels[..., ::-1])
        (sequence / "seqinfo.ini").write_text(
            f"[Sequence]\nname=clip\nimDir=img1\nframeRate={source.frame_rate:g}\n"
            f"seqLength={frame.frame_index + 1}\nimWidth={frame.pixels.shape[1]}\n"
            f"imHeight={frame.pixels.shape[0]}\nimExt=.png\n"
        )
        with ground_truth_file() as ground_truth:
            shutil.copy(ground_truth, sequence / "gt" / "gt.txt")
        yield read_annotations(Path(folder))


def main() -> None:
    """The table, line by line, then the rows as one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.thinned")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = optimize_for_inference(load_weights(options.model))
    rows = []
    print(f"each cell: {' / '.join(TRACKERS)}")
    print(f"| frames left | number | {' | '.join(SHOWN)} |")
    print("|---" * (2 + len(SHOWN)) + "|")
    if options.data is None:
        with demo_data() as data:
            rows = _print_rows(measure(model, data))
    else:
        rows = _print_rows(measure(model, read_annotations(options.data)))
    print(json.dumps([[row.thinning, row.num_frames, row.scores] for row in rows]))


def _print_rows(rows: Iterator[Row]) -> list[Row]:
    printed = []
    for row in rows:
        cells = [" / ".join(f"{row.scores[each][name]:.1f}" for each in TRACKERS) for name in SHOWN]
        print(f"| {row.thinning} | {row.num_frames} | {' | '.join(cells)} |", flush=True)
        printed.append(row)
    return printed


if __name__ == "__main__":
    main()
