"""A whole video through a tracker that is one file: `run.py` without torch."""

from __future__ import annotations

import time
from contextlib import closing, nullcontext
from itertools import chain
from pathlib import Path

from trackformer.tracking.tracker_file import TrackerFile
from trackformer.tracking.videos.output_files import check_output, output_files
from trackformer.tracking.videos.outputs import open_outputs
from trackformer.tracking.videos.progress import progress_bar
from trackformer.tracking.videos.video_run import VideoRun
from trackformer.tracking.videos.whole_frames import WholeFrames
from trackformer.video.frames import FrameSource
from trackformer.video.read_ahead import read_ahead


def track_with_file(
    tracker: TrackerFile,
    source: FrameSource,
    output: Path,
    *,
    write_video: bool = True,
    overwrite: bool = False,
) -> VideoRun:
    """Track the objects of an opened video; the files are those of `track_video`.

    Raises:
        DataError: The source has no frames, or results cannot be written.
    """
    files = output_files(output, "tracks", write_video=write_video)
    check_output(files, overwrite=overwrite)
    reading = WholeFrames(source)
    whole = (frame for frame in reading.whole())
    num_objects, start = 0, time.monotonic()
    with (
        closing(whole if source.num_frames is None else read_ahead(whole)) as frames,
        # Before the files are opened: a video without any frame leaves earlier ones alone.
        nullcontext(next(frames)) as first,
        open_outputs(files, source, tracker.settings.class_names) as writer,
        progress_bar() as progress,
    ):
        task = progress.add_task(files.rows.stem, total=source.num_frames)
        for frame in chain([first], frames):
            found = tracker.update(frame.pixels)
            writer.append(frame, found)
            num_objects += len(found)
            progress.advance(task)
    return VideoRun(
        files=files.written(),
        num_frames=reading.num_frames,
        num_objects=num_objects,
        seconds=time.monotonic() - start,
        broken_off=reading.broken_off,
        remarks=source.remarks,
    )
