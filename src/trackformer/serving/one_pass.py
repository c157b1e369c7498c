"""One frame of several sessions through the model, each answer safe on disk before it is known."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from concurrent.futures import CancelledError
from pathlib import Path

from trackformer.errors import TrackFormerError
from trackformer.last_resort import in_one_line
from trackformer.models.frame_model import FrameModel
from trackformer.objects import TrackedObjects
from trackformer.serving.refusal import Refusal
from trackformer.serving.session import Session, Waiting
from trackformer.serving.session_files import write_session
from trackformer.tracking.prepared_frame import PreparedFrame
from trackformer.tracking.steps import update_together

Batch = Sequence[tuple[Session, Waiting]]


def one_pass(model: FrameModel, folder: Path, batch: Batch) -> list[str | Refusal]:
    """The answer to each frame; one that cannot be tracked does not stop the others.

    Args:
        model: Of all sessions.
        folder: Where they are kept.
        batch: Each of another session.
    """
    frames = [_expected(session, waiting) for session, waiting in batch]
    rows = [row for row, frame in enumerate(frames) if isinstance(frame, PreparedFrame)]
    found = _found(model, [batch[row] for row in rows], [frames[row] for row in rows])
    outcomes: list[str | Refusal] = [
        frame if isinstance(frame, Refusal) else Refusal(500, "not tracked") for frame in frames
    ]
    for row, own in zip(rows, found, strict=True):
        outcomes[row] = own if isinstance(own, Refusal) else _kept(folder, *batch[row], own)
    return outcomes


def _expected(session: Session, waiting: Waiting) -> PreparedFrame | Refusal:
    """The frame, if it is one that this session can go on with."""
    try:
        frame = waiting.prepared.result()
        session.tracker.expect(waiting.time_s)
    except Refusal as refusal:
        return refusal
    except CancelledError:
        return Refusal(503, "the service ends")
    except TrackFormerError as error:
        return Refusal(422, str(error))
    except Exception as error:
        return _failure(error)
    return frame


def _found(
    model: FrameModel, batch: Batch, frames: Sequence[PreparedFrame | Refusal]
) -> Sequence[TrackedObjects | Refusal]:
    prepared = [frame for frame in frames if isinstance(frame, PreparedFrame)]
    if not prepared:
        return []
    try:
        return update_together(
            model,
            [session.tracker for session, _ in batch],
            prepared,
            times_s=[waiting.time_s for _, waiting in batch],
        )
    except Exception as error:
        # Some may have gone on already, others not.
        for session, _ in batch:
            session.go_back()
        return [_failure(error)] * len(prepared)


def _kept(folder: Path, session: Session, waiting: Waiting, found: TrackedObjects) -> str | Refusal:
    """The answer, once its state is safe."""
    try:
        state = session.answered(waiting, found)
        write_session(folder / session.name, state)
    except TrackFormerError as error:
        session.go_back()
        return Refusal(503, str(error), retry_after_s=1)
    session.go_on(state)
    assert state.last is not None
    return state.last.answer


def _failure(error: Exception) -> Refusal:
    """What a client is told of what is not its fault."""
    known = in_one_line(error)
    if known is not None:
        return Refusal(503, known, retry_after_s=1)
    if isinstance(error, TrackFormerError):
        return Refusal(500, str(error))
    traceback.print_exception(error, file=sys.stderr)
    return Refusal(500, "the frame could not be tracked; the service's error output says why")
