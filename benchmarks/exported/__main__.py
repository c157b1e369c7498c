"""What a tracked frame costs exported and not, and how good it is, beside what else one may pick.

Run: `OMP_NUM_THREADS=1 python -m benchmarks.exported [MODEL ...] [--data VAL] [--rtmdet FILE]
[--femto FILE] [--int8 FRAMES]`: bundled names, files of weights, or exported files (default: nano).
Each model is exported, unless `--files` has its files already; then all take turns with every frame
of the annotated videos (default: the bundled clip, whose ground truth comes along).
Milliseconds of processor time of one thread, medians over the frames, reading included.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from benchmarks.exported.contenders import (
    ByTracking,
    Contender,
    Femto,
    Ours,
    Rtmdet,
    frames_with_other_ids,
    in_turn,
)
from benchmarks.exported.videos import Videos, videos_in
from trackformer import Tracker, optimize_for_inference
from trackformer.checkpoints.load import load_weights
from trackformer.checkpoints.onnx_model import OnnxModel
from trackformer.exporting.int8 import quantized
from trackformer.exporting.int8_examples import drawn_examples
from trackformer.exporting.onnx_file import translated
from trackformer.exporting.tracker_file import tracker_content
from trackformer.freed_memory import keep_freed_memory
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.tracker_file import TrackerFile, opened_tracker

WARM_UP = 5
SLOTS = 100


def main() -> None:
    """All that the command line asks for."""
    options = _parser().parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # as the programs do
    with tempfile.TemporaryDirectory() as temporary:
        options.files = options.files or Path(temporary)
        contenders = list(_contenders(options))
        videos = videos_in(options.data, options.frames)
        for contender in contenders:
            contender.results = {video.name: [] for video in videos.data.sequences}
        for video in videos.data.sequences:
            for contender in contenders:
                contender.begin()
            pixels = zip(videos.frames(video), range(len(video.frames)), strict=False)
            for each, frame_index in pixels:
                in_turn(contenders, each, frame_index, video.name)
    print("\n".join(_table(contenders, videos)))


def _contenders(options: argparse.Namespace) -> Iterator[Contender]:
    if options.rtmdet is not None:
        yield ByTracking("RTMDet-nano", Rtmdet(options.rtmdet))
    if options.femto is not None:
        yield ByTracking("DEIMv2-Femto", Femto(options.femto))
    for model in options.models:
        if not model.endswith(".onnx"):
            yield from _forms(model, options)
        elif (tracker := opened_tracker(Path(model))) is not None:
            yield Ours(Path(model).name, TrackerFile(tracker))
        else:
            yield Ours(Path(model).name, Tracker(OnnxModel(Path(model))))


def _forms(model: str, options: argparse.Namespace) -> Iterator[Contender]:
    """A model as it is, and its exported files."""
    weights, name = load_weights(model), Path(model).stem
    frame, tracker = (options.files / f"{name}{end}.onnx" for end in ("", ".tracker"))
    if not frame.exists():
        frame.write_bytes(translated(weights))
    tracker.write_bytes(tracker_content(frame.read_bytes(), weights, SLOTS))
    yield Ours(f"{name}, PyTorch", Tracker(optimize_for_inference(weights)))
    yield Ours(f"{name}, a frame in onnxruntime", Tracker(OnnxModel(frame)))
    yield Ours(f"{name}, tracker file", TrackerFile(tracker))
    for seed in range(options.seeds if options.int8 else 0):
        path = tracker.with_suffix(f".int8.{seed}.onnx")
        path.write_bytes(_int8(frame, weights, options.int8, seed))
        yield Ours(f"{name}, tracker file, int8, seed {seed}", TrackerFile(path))


def _int8(frame: Path, weights: TrackFormer, frames: Sequence[Path], seed: int) -> bytes:
    examples = drawn_examples(weights, frames, seed)
    return tracker_content(quantized(frame.read_bytes(), examples), weights, SLOTS)


def _table(contenders: Sequence[Contender], videos: Videos) -> Iterator[str]:
    first = contenders[0]
    yield (
        f"{sum(len(each.frames) for each in videos.data.sequences)} frames; times are by "
        f"{first.name}, ids by the model's own row of PyTorch"
    )
    yield " " * 38 + "     ms  times   HOTA   DetA   AssA   IDF1  other ids"
    base = _milliseconds(first, videos)
    for contender in contenders:
        scores, taken = contender.scores(videos.data), _milliseconds(contender, videos)
        times = statistics.median(ours / his for ours, his in zip(taken, base, strict=True))
        own = [each for each in contenders if each.name == f"{_model(contender)}, PyTorch"]
        other = f"{frames_with_other_ids(contender, own[0])} frames" if own else ""
        yield (
            f"{contender.name:38} {statistics.median(taken):6.1f} {times:6.2f} {scores.hota:6.1f} "
            f"{scores.det_a:6.1f} {scores.ass_a:6.1f} {scores.idf1:6.1f}  {other}"
        )


def _model(contender: Contender) -> str:
    return contender.name.split(",")[0]


def _milliseconds(contender: Contender, videos: Videos) -> list[float]:
    pairs = zip(contender.seconds, videos.seconds, strict=True)
    return [1000 * (own + reading) for own, reading in pairs][WARM_UP:]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exported", allow_abbrev=False)
    parser.add_argument("models", nargs="*", default=["nano"], metavar="MODEL")
    parser.add_argument("--data", type=Path, help="annotated videos (default: the bundled clip)")
    parser.add_argument("--rtmdet", type=Path, help="RTMDet, as MMDeploy exports it")
    parser.add_argument("--femto", type=Path, help="DEIMv2-Femto, as its authors export it")
    parser.add_argument(
        "--int8", type=Path, nargs="+", metavar="FRAMES", help="calibrate on frames of these videos"
    )
    parser.add_argument("--seeds", type=int, default=1, help="so many drawings of them")
    parser.add_argument("--files", type=Path, help="keep exported files, and take those there are")
    parser.add_argument("--frames", type=int, help="so many of each video (default: all)")
    return parser


if __name__ == "__main__":
    main()
