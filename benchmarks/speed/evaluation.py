"""How long scoring takes: seven sequences as long and as full as MOT17's training set.

Run: `python -m benchmarks.speed.evaluation`. The tracks are made up: people who walk through the
picture, distractors and vehicles among them, and results with misses, false positives and switches.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from trackformer.evaluation.reports.result_files import read_scored
from trackformer.evaluation.reports.tracking import report_tracking

SEQUENCES = {  # frames, boxes of people: those of MOT17's training set
    "MOT17-02": (600, 18581),
    "MOT17-04": (1050, 47557),
    "MOT17-05": (837, 6917),
    "MOT17-09": (525, 5325),
    "MOT17-10": (654, 12839),
    "MOT17-11": (900, 9436),
    "MOT17-13": (750, 11642),
}
TRACK_LENGTH = 200
"""Frames for which one person is annotated; MOT17's mean is 206."""
DISTRACTOR, CAR = 8, 3
HIT_RATE, SWITCH_RATE, FALSE_RATE, NOISE = 0.8, 0.01, 0.08, 0.04


def measure(seed: int = 0) -> dict[str, float | int]:
    """Seconds to read and score the seven sequences, by the clock and of all processors."""
    with tempfile.TemporaryDirectory() as folder:
        ground_truth, results = Path(folder) / "ground_truth", Path(folder) / "results"
        num_frames, num_boxes = write_sequences(ground_truth, results, seed)
        start, start_cpu = time.perf_counter(), _cpu_seconds()
        report = report_tracking("train", *read_scored(ground_truth, results))
        return {
            "frames": num_frames,
            "boxes": num_boxes,
            "seconds": round(time.perf_counter() - start, 2),
            "cpu_seconds": round(_cpu_seconds() - start_cpu, 2),
            "HOTA": round(report.table.combined.hota, 3),
        }


def write_sequences(ground_truth: Path, results: Path, seed: int = 0) -> tuple[int, int]:
    """Write annotations and results; returns how many frames and boxes of people there are."""
    results.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for name, (num_frames, num_boxes) in SEQUENCES.items():
        annotated = _annotated_rows(num_frames, num_boxes, random)
        (ground_truth / name / "gt").mkdir(parents=True)
        _write(
            ground_truth / name / "gt" / "gt.txt", annotated, "%d,%d,%.0f,%.0f,%.0f,%.0f,%d,%d,%.3f"
        )
        (ground_truth / name / "seqinfo.ini").write_text(
            f"[Sequence]\nname={name}\nseqLength={num_frames}\nimWidth=1920\nimHeight=1080\n"
        )
        _write(
            results / f"{name}.txt",
            _result_rows(annotated, random),
            "%d,%d,%.2f,%.2f,%.2f,%.2f,%.3f,-1,-1,-1",
        )
    frames, boxes = zip(*SEQUENCES.values(), strict=True)
    return sum(frames), sum(boxes)


def _annotated_rows(num_frames: int, num_boxes: int, random: np.random.Generator) -> np.ndarray:
    """Rows of gt.txt; beside the people a distractor for every ten, and a car for every five."""
    people = _walks(num_frames, num_boxes, 1, random)
    distractors = _walks(num_frames, num_boxes // 10, 10001, random)
    cars = _walks(num_frames, num_boxes // 5, 20001, random)
    distractors[:, 6:8] = 0, DISTRACTOR
    cars[:, 6:8] = 0, CAR
    return np.concatenate([people, distractors, cars])


def _walks(
    num_frames: int, num_boxes: int, first_id: int, random: np.random.Generator
) -> np.ndarray:
    walks, left = [], num_boxes
    while left > 0:
        length = min(left, TRACK_LENGTH, num_frames)
        frames = 1 + np.arange(length) + random.integers(num_frames - length + 1)
        height = random.uniform(60, 400)
        corner = random.uniform([0, 0], [1800, 900]) + np.outer(
            np.arange(length), random.normal(0, 2, size=2)
        )
        walk = np.empty((length, 9))
        walk[:, 0], walk[:, 1] = frames, first_id + len(walks)
        walk[:, 2:4], walk[:, 4:6] = corner, (height * 0.4, height)
        walk[:, 6:8], walk[:, 8] = 1, random.uniform(size=length)
        walks.append(walk)
        left -= length
    return np.concatenate(walks)


def _result_rows(annotated: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Noisy boxes of most people and half of the distractors, with switches and inventions."""
    rate = np.select([annotated[:, 7] == 1, annotated[:, 7] == DISTRACTOR], [HIT_RATE, 0.5])
    rows = annotated[random.uniform(size=len(annotated)) < rate, :7].copy()
    # Sorted by person and frame: after a switch a person keeps the new number.
    switches = np.cumsum(random.uniform(size=len(rows)) < SWITCH_RATE)
    rows[:, 1] += 100_000 * switches
    rows[:, 2:6] += rows[:, 5:6] * random.normal(0, NOISE, size=(len(rows), 4))
    false = rows[random.uniform(size=len(rows)) < FALSE_RATE].copy()
    false[:, 1] += 100_000_000
    false[:, 2] += 300
    rows = np.concatenate([rows, false])
    rows[:, 6] = random.uniform(size=len(rows))
    return rows[np.argsort(rows[:, 0], kind="stable")]


def _write(path: Path, rows: np.ndarray, line: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        np.savetxt(file, rows, fmt=line)


def _cpu_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    print(json.dumps(measure(parser.parse_args().seed), indent=2))
