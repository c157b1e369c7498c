"""The whole state of a tracker as bytes, from which another process goes on bit for bit."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import torch
from torch import Tensor

from trackformer.config import settings_from
from trackformer.errors import CheckpointError, ConfigError
from trackformer.models.frame_model import FrameModel
from trackformer.tracking.lifecycle.tracks import Start, Tracks, no_tracks
from trackformer.tracking.sessions.packed import packed, unpacked
from trackformer.tracking.settings import TrackerSettings
from trackformer.types import FrameFeatures

FORMAT: Final = "trackformer-tracker-2"
WHAT: Final = "state of a tracker"


@dataclass(frozen=True, slots=True, eq=False)
class TrackerState:
    """All that a tracker knows between two frames."""

    fingerprint: str
    """Of the model; another one would read the embeddings as something else."""
    settings: TrackerSettings
    slots_of: int
    tracks: Tracks
    last_frames: tuple[FrameFeatures | None, ...]
    """What the model saw in the frames before, oldest first, where it looks at two."""

    def to_bytes(self) -> bytes:
        """As one safetensors file."""
        known = {each.name: getattr(self.tracks, each.name) for each in fields(Tracks)}
        tensors = {name: value for name, value in known.items() if isinstance(value, Tensor)}
        plain = {name: value for name, value in known.items() if name not in tensors}
        for row, frame in enumerate(self.last_frames):
            if frame is not None:
                tensors[f"frame.{row}.is_padding"] = frame.is_padding
                maps = enumerate(frame.maps)
                tensors |= {f"frame.{row}.map.{level}": each for level, each in maps}
        about = {
            "fingerprint": self.fingerprint,
            "settings": self.settings.model_dump(mode="json"),
            "slots_of": self.slots_of,
            "tracks": plain,
            "maps": [None if each is None else len(each.maps) for each in self.last_frames],
        }
        return packed(FORMAT, about, tensors)


def state_from_bytes(data: bytes, model: FrameModel) -> TrackerState:
    """The inverse of `TrackerState.to_bytes`, with frames on the model's device.

    Raises:
        CheckpointError: Damaged, of another version, or of another model than `model`.
    """
    about, tensors = unpacked(FORMAT, data, WHAT)
    try:
        return _read(about, tensors, model)
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise CheckpointError(f"{WHAT}: damaged: {error}") from error


def _read(about: dict[str, Any], tensors: dict[str, Tensor], model: FrameModel) -> TrackerState:
    own = model.fingerprint()
    if about["fingerprint"] != own:
        raise CheckpointError(
            f"{WHAT}: expected one of this model ({own[:12]}), "
            f"got one of another ({str(about['fingerprint'])[:12]})"
        )
    frames = [
        None if num_maps is None else _frame(tensors, row, int(num_maps), model.device)
        for row, num_maps in enumerate(about["maps"])
    ]
    return TrackerState(
        fingerprint=own,
        settings=settings_from(TrackerSettings, about["settings"], "its settings"),
        slots_of=int(about["slots_of"]),
        tracks=_tracks(tensors, about["tracks"], model.embedding_size),
        last_frames=tuple(frames),
    )


def _frame(
    tensors: dict[str, Tensor], row: int, num_maps: int, device: torch.device
) -> FrameFeatures:
    maps = tuple(tensors[f"frame.{row}.map.{level}"].to(device) for level in range(num_maps))
    return FrameFeatures(maps, tensors[f"frame.{row}.is_padding"].to(device))


def _tracks(tensors: dict[str, Tensor], plain: dict[str, Any], embedding_size: int) -> Tracks:
    """Whatever fields a record of tracks has; rows and kinds must be those of an empty one."""
    known: dict[str, Any] = {}
    expected = no_tracks(embedding_size)
    for each in fields(Tracks):
        empty = getattr(expected, each.name)
        if not isinstance(empty, Tensor):
            known[each.name] = plain[each.name]
            continue
        tensor = tensors[each.name]
        shape = (len(tensors["ids"]), *empty.shape[1:])
        if tensor.shape != shape or tensor.dtype != empty.dtype:
            raise ValueError(
                f"{each.name}: expected {shape} of {empty.dtype}, "
                f"got {tuple(tensor.shape)} of {tensor.dtype}"
            )
        known[each.name] = tensor
    known["starting"] = tuple(Start(tuple(box), int(label)) for box, label in known["starting"])
    return Tracks(**known)
