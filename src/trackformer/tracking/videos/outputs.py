"""How the results of a video reach its files, frame by frame."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from trackformer.data.formats.mot.mots import mots_frame_of, mots_lines
from trackformer.data.formats.mot.published_results import written_as_published
from trackformer.data.formats.mot.reading import mot_lines
from trackformer.data.formats.tracks import VIDEO, video_record
from trackformer.data.masks import RunLengths, encode_mask
from trackformer.data.results import result_of, result_of_detections
from trackformer.errors import DataError
from trackformer.folder_lock import only_writer
from trackformer.growing_files import WholeLines, open_growing
from trackformer.objects import Detections, TrackedObjects
from trackformer.tracking.videos.output_files import OutputFiles
from trackformer.tracking.videos.zones import Tally, ZoneCounter, draw_tallies
from trackformer.video.drawing import TrackDrawer
from trackformer.video.frames import Frame, FrameSource
from trackformer.video.writing import VideoWriter


@dataclass(frozen=True, slots=True)
class FileSizes:
    """How many bytes of results there are; the video counts frames."""

    rows: int = 0
    lines: int = 0
    masks: int = 0


@dataclass(frozen=True, slots=True)
class ResultsWriter:
    """Open files of one video; made by `open_outputs`."""

    _files: OutputFiles
    _rows: WholeLines
    _lines: WholeLines
    _masks: WholeLines | None
    _video: VideoWriter | None
    _drawer: TrackDrawer
    _as_published: bool
    _source: FrameSource
    _class_names: tuple[str, ...]
    _zones: ZoneCounter | None

    def append(self, frame: Frame, found: TrackedObjects | Detections) -> None:
        """Write what was found in the next frame.

        Raises:
            DataError: A file cannot be written, for example because the disk is full.
        """
        if isinstance(found, TrackedObjects):
            result = result_of(found)
        else:
            result = result_of_detections(found)
        try:
            published = written_as_published(result) if self._as_published else result
            self._rows.write(mot_lines(published, self._files.rows))
            record = as_record(frame, found)
            if frame.frame_index == 0:
                record[VIDEO] = self._video_record(frame)
            self._lines.write((json.dumps(record) + "\n").encode())
            if self._masks is not None and isinstance(found, TrackedObjects):
                self._masks.write(mots_lines(mots_frame_of(found)))
        except OSError as error:
            raise DataError(f"results cannot be written: {error.strerror}") from error
        tallies: tuple[Tally, ...] = ()
        if self._zones is not None and isinstance(found, TrackedObjects):
            tallies = self._zones.count(frame, found)
        if self._video is not None:
            # Drawn in the encoder's thread, while the model works on the next frame.
            draw = partial(self._drawer.draw, frame.pixels, found)
            self._video.write_drawing(
                draw if not tallies else lambda: draw_tallies(draw(), tallies)
            )

    def mark(self) -> FileSizes:
        """How long the files are now; later they can be cut back to it and go on from there."""
        if self._video is not None:
            self._video.begin_piece()
        masks = 0 if self._masks is None else self._masks.tell()
        return FileSizes(self._rows.tell(), self._lines.tell(), masks)

    def is_on_disk(self, num_frames: int) -> bool:
        """Whether no kill can take these frames from the video any more; rows are there at once."""
        return self._video is None or self._video.num_on_disk >= num_frames

    def _video_record(self, frame: Frame) -> dict[str, Any]:
        """So that the results alone can become any format (`trackformer data convert`)."""
        height, width = frame.pixels.shape[:2]
        name = Path(self._source.name.rstrip("/")).stem or "video"
        return video_record(name, (height, width), self._source.frame_rate, self._class_names)


@dataclass(frozen=True, slots=True)
class KeptResults:
    """What stays of the results of a run that was cut."""

    sizes: FileSizes = field(default_factory=FileSizes)
    num_frames: int = 0
    image_size: tuple[int, int] = (0, 0)
    """(height, width) of the frames."""


@contextmanager
def open_outputs(
    files: OutputFiles,
    source: FrameSource,
    class_names: tuple[str, ...],
    *,
    as_published: bool = False,
    kept: KeptResults | None = None,
    zones: ZoneCounter | None = None,
) -> Iterator[ResultsWriter]:
    """Files that are valid whenever the statement ends: by an exception, Ctrl-C, or the end.

    Args:
        files: Their names.
        source: Of which they are the results.
        class_names: Of the model.
        as_published: Boxes in the MOTChallenge file are off by the pixel of the published code.
        kept: What stays of files that are there; None: nothing, they begin anew.
        zones: Counts, too, and is drawn.

    Raises:
        DataError: A file cannot be written, holds less than what shall stay, or another run is
            writing into the folder.
    """
    kept = kept or KeptResults()
    drawer = TrackDrawer(class_names)
    with ExitStack() as stack:
        stack.enter_context(only_writer(files.rows.parent))
        try:
            rows = stack.enter_context(open_growing(files.rows, kept.sizes.rows))
            lines = stack.enter_context(open_growing(files.lines, kept.sizes.lines))
            masks = None
            if files.masks is not None:
                masks = stack.enter_context(open_growing(files.masks, kept.sizes.masks))
        except OSError as error:
            raise DataError(f"{error.filename}: cannot be written: {error.strerror}") from error
        video = None
        if files.video is not None:
            writer = VideoWriter(
                files.video, source.frame_rate, kept.num_frames, source.pixel_aspect
            )
            video = stack.enter_context(writer)
            if kept.num_frames:
                _follow(drawer, files.lines, kept.image_size)
        counter = None if zones is None else stack.enter_context(zones)
        yield ResultsWriter(
            files, rows, lines, masks, video, drawer, as_published, source, class_names, counter
        )


def _follow(drawer: TrackDrawer, lines: Path, image_size: tuple[int, int]) -> None:
    """Let the trails come from where they came from before the cut."""
    import torch  # only where a run goes on: other writers do without

    with lines.open(encoding="utf-8") as file:
        last = deque(file, maxlen=drawer.trail_length)
    for line in last:
        objects = json.loads(line)["objects"]
        drawer.follow(
            TrackedObjects(
                track_ids=torch.tensor([each["track_id"] for each in objects], dtype=torch.long),
                boxes_xyxy=torch.tensor([each["box_xyxy"] for each in objects]).reshape(-1, 4),
                scores=torch.zeros(len(objects)),
                labels=torch.zeros(len(objects), dtype=torch.long),
                frame_index=0,
            ),
            image_size,
        )


def as_record(frame: Frame, found: TrackedObjects | Detections) -> dict[str, Any]:
    """What a line of `tracks.jsonl` or `detections.jsonl` says; pixels counted from 0."""
    return {
        "frame_index": frame.frame_index,
        "time_s": None if frame.time_s is None else round(frame.time_s, 4),
        "objects": object_records(found),
    }


def object_records(found: TrackedObjects | Detections) -> list[dict[str, Any]]:
    """What it says of each object."""
    objects: list[dict[str, Any]] = [
        {
            "box_xyxy": [round(side, 3) for side in box],
            "score": round(score, 4),
            "label": _class_name(found, label),
        }
        for box, score, label in zip(
            found.boxes_xyxy.tolist(), found.scores.tolist(), found.labels.tolist(), strict=True
        )
    ]
    if isinstance(found, Detections):
        return objects
    track_ids = found.track_ids.tolist()
    objects = [{"track_id": i} | entry for i, entry in zip(track_ids, objects, strict=True)]
    if found.masks is not None:
        masks = [as_json(encode_mask(mask)) for mask in found.masks.cpu().numpy()]
        objects = [entry | {"mask": mask} for entry, mask in zip(objects, masks, strict=True)]
    return objects


def as_json(outline: RunLengths) -> dict[str, Any]:
    """COCO's compressed run lengths, for its tools."""
    return {"size": list(outline.image_size), "counts": outline.counts}


def _class_name(found: TrackedObjects | Detections, label: int) -> str:
    return found.class_names[label] if label < len(found.class_names) else str(label)
