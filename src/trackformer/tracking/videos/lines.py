"""A video in, one line of JSON a frame out, as soon as it is known: for the next program."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing

from trackformer.models.frame_model import FrameModel
from trackformer.tracking.lifecycle.public_detections import PublicDetections
from trackformer.tracking.proposals.places import ProposalSource
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracker import Tracker
from trackformer.tracking.videos.clock import clock_of
from trackformer.tracking.videos.outputs import as_record
from trackformer.tracking.videos.reading import prepared_frames
from trackformer.tracking.videos.run import VideoRun, public_boxes
from trackformer.tracking.videos.whole_frames import WholeFrames
from trackformer.video.frames import FrameSource


def track_to_lines(  # noqa: PLR0913 - each is a choice of its own, and most have a default
    model: FrameModel,
    source: FrameSource,
    write: Callable[[str], object],
    settings: TrackerSettings | None = None,
    *,
    public_detections: PublicDetections | None = None,
    proposals: ProposalSource | None = None,
    timed: bool = False,
) -> VideoRun:
    """Track the objects of a video, and hand on what `tracks.jsonl` would say, line by line.

    Args:
        model: In evaluation mode, on any device.
        source: Open.
        write: Called with the line of each frame, without its end.
        settings: Thresholds; by default those stored with the model's weights.
        public_detections: Only objects that these show begin tracks; None: every object may.
        proposals: Another detector, about whose boxes the model is asked, too.
        timed: As for `track_video`.

    Raises:
        DataError: The source has no frames.
    """
    start = time.monotonic()
    tracker = Tracker(model, settings)
    clock = clock_of(tracker, source, timed=timed)
    reading = WholeFrames(source)
    num_objects = 0
    with closing(prepared_frames(reading, model)) as frames:
        for frame, prepared in frames:
            found = tracker.update(
                prepared,
                public_boxes(public_detections, frame, tracker.settings),
                None if proposals is None else proposals.in_frame(frame),
                time_s=clock(frame),
            )
            num_objects += len(found)
            write(json.dumps(as_record(frame, found)))
    return VideoRun(
        files=(),
        num_frames=reading.num_frames,
        num_objects=num_objects,
        seconds=time.monotonic() - start,
        broken_off=reading.broken_off,
        remarks=source.remarks,
    )
