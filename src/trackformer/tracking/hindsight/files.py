"""The files of a tracked recording, written anew with hindsight."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from trackformer.atomic_files import whole_file
from trackformer.data.annotations import AnnotatedFrame
from trackformer.data.formats.mot.reading import write_mot_results
from trackformer.data.formats.tracks import object_records, read_tracks
from trackformer.data.results import ResultFrame
from trackformer.objects import TrackedObjects
from trackformer.tracking.hindsight.revise import revise
from trackformer.tracking.videos.output_files import output_files
from trackformer.tracking.videos.progress import progress_bar
from trackformer.tracking.videos.run import Source, opened
from trackformer.tracking.videos.video_run import VideoRun
from trackformer.tracking.videos.zones import ZoneCounter, draw_tallies
from trackformer.video.drawing import TrackDrawer
from trackformer.video.writing import VideoWriter


def revise_results(
    run: VideoRun,
    folder: Path,
    source: Source,
    zones: ZoneCounter | None = None,
    *,
    write_video: bool,
) -> VideoRun:
    """Replace `tracks.txt` and `tracks.jsonl` of a finished run, and draw what they now say.

    Objects of `tracks.jsonl` that were not seen in a frame have `"is_filled": true` there.

    Args:
        run: What became of the recording, tracked without a video.
        folder: Of its files.
        source: The recording, to be read a second time for the video.
        zones: Counts the revised tracks.
        write_video: Draw the revised tracks.
    """
    files = output_files(folder, "tracks", write_video=write_video)
    data = read_tracks(files.lines)
    (sequence,) = data.sequences
    frames: tuple[AnnotatedFrame, ...] = tuple(revise(sequence).frames)
    with whole_file(files.lines) as partial:
        lines = files.lines.read_text(encoding="utf-8").splitlines()
        records: list[dict[str, Any]] = [json.loads(line) for line in lines]
        partial.write_text(
            "".join(
                json.dumps(record | {"objects": list(object_records(frame, data.class_names))})
                + "\n"
                for record, frame in zip(records, frames, strict=True)
            ),
            encoding="utf-8",
        )
    with whole_file(files.rows) as partial:
        has_classes = len(data.class_names) > 1
        write_mot_results(partial, (_result(frame, has_classes=has_classes) for frame in frames))
    if files.video is not None or zones is not None:
        _draw(frames, data.class_names, source, files.video, zones)
    num_objects = sum(len(frame.track_ids) for frame in frames)
    return replace(
        run,
        num_objects=num_objects,
        files=files.written() + (() if zones is None else zones.written()),
    )


def _result(frame: AnnotatedFrame, *, has_classes: bool) -> ResultFrame:
    labels = frame.labels if has_classes else None
    return ResultFrame(frame.frame_index, frame.track_ids, frame.boxes_xyxy, frame.scores, labels)


def _draw(
    frames: tuple[AnnotatedFrame, ...],
    class_names: tuple[str, ...],
    source: Source,
    path: Path | None,
    zones: ZoneCounter | None,
) -> None:
    drawer = TrackDrawer(class_names)
    with ExitStack() as stack:
        pictures = stack.enter_context(opened(source))
        writer = None
        if path is not None:
            writer = stack.enter_context(VideoWriter(path, pictures.frame_rate))
        if zones is not None:
            stack.enter_context(zones)
        progress = stack.enter_context(progress_bar())
        task = progress.add_task("video", total=len(frames))
        # Not further: where a recording is cut, reading on would say so a second time.
        for frame, tracked in zip(islice(pictures, len(frames)), frames, strict=False):
            objects = _objects(tracked, class_names)
            tallies = () if zones is None else zones.count(frame, objects)
            if writer is not None:
                writer.write(draw_tallies(drawer.draw(frame.pixels, objects), tallies))
            progress.advance(task)


def _objects(frame: AnnotatedFrame, class_names: tuple[str, ...]) -> TrackedObjects:
    return TrackedObjects(
        track_ids=torch.from_numpy(frame.track_ids),
        boxes_xyxy=torch.from_numpy(frame.boxes_xyxy).float(),
        scores=torch.from_numpy(frame.scores).float(),
        labels=torch.from_numpy(frame.labels),
        frame_index=frame.frame_index,
        class_names=class_names,
    )
