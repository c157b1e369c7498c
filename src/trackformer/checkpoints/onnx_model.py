"""A TrackFormer that was exported to ONNX, where trackers and detectors expect a model."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from trackformer.checkpoints.onnx_session import OnnxSession
from trackformer.checkpoints.stored_settings import stored_settings
from trackformer.errors import CheckpointError, ConfigError, DataError
from trackformer.types import (
    FrameFeatures,
    Images,
    Memory,
    ModelOutput,
    ProposalBoxes,
    TrackQueries,
)

if TYPE_CHECKING:
    import numpy as np

ENDING: Final = ".onnx"
FORMAT: Final = "trackformer-onnx-1"
QUERY_INPUTS: Final = ("track_embeddings", "track_boxes", "track_padding")
INPUTS: Final = ("pixels", *QUERY_INPUTS)
OUTPUTS: Final = ("scores", "boxes", "embeddings")
MAP: Final = "map_"
"""Models of two frames also answer with what the backbone saw: `map_0` (the finest), `map_1`..."""
PREVIOUS: Final = "previous_"
"""They take it with the next frame: `previous_map_0`, ..."""


class OnnxModel:
    """Tracks and detects with a file that `trackformer export` wrote; nothing else.

    It takes and answers what a `TrackFormer` does, with the last decoder layer only; images of a
    batch must be of one size. Inputs lie on the processor, onnxruntime moves them where it works.

    Args:
        path: The file.
        device: cpu, cuda, cuda:1, or auto: the first CUDA device where onnxruntime has one.

    Raises:
        ConfigError: onnxruntime, the extra `onnx`, is not installed, or does not know the device.
        CheckpointError: The file is missing, damaged, or not one of ours.
    """

    def __init__(self, path: Path, device: torch.device | str = "cpu") -> None:
        self._path = path
        self._session = OnnxSession(path, device)
        self.settings = stored_settings(
            path, self._session.metadata, FORMAT, "a model that `trackformer export` wrote"
        )
        _check_shapes(path, self._session, len(self.settings.class_names))
        self.device = torch.device("cpu")
        self.embedding_size = int(self._session.inputs["track_embeddings"][2])
        self.predicts_masks = False
        self._maps = [name for name in self._session.outputs if name.startswith(MAP)]

    def __call__(
        self,
        images: Images,
        track_queries: TrackQueries | None = None,
        previous: FrameFeatures | None = None,
        proposed: ProposalBoxes | None = None,
    ) -> ModelOutput:
        """Detect, and track if there are track queries; see `TrackFormer.forward`.

        Raises:
            ConfigError: There are proposals, which exported models do not take.
            DataError: The images are padded.
        """
        if proposed is not None and proposed.boxes.shape[1] > 0:
            self._refuse("proposals")
        _check_sizes(images)
        batch_size = images.pixels.shape[0]
        queries = track_queries or self._no_queries(batch_size)
        inputs = {
            "pixels": images.pixels.numpy(),
            "track_embeddings": queries.embeddings.numpy(),
            "track_boxes": queries.boxes.numpy(),
            "track_padding": queries.is_padding.numpy(),
        }
        if self._maps:
            inputs |= self._previous(inputs, previous)
        scores, boxes, embeddings, *maps = self._run((*OUTPUTS, *self._maps), inputs)
        is_padding = queries.is_padding.new_zeros(scores.shape[:2])
        num_tracks = queries.is_padding.shape[1]
        is_padding[:, :num_tracks] = queries.is_padding
        return ModelOutput(
            # Scores again behind the sigmoid; the file's are those of either classification.
            class_logits=scores.logit()[None],
            boxes=boxes[None],
            embeddings=embeddings,
            is_padding=is_padding,
            memory=_empty_memory(embeddings, FrameFeatures(tuple(maps), images.is_padding)),
            num_track_queries=num_tracks,
            has_no_object_class=False,
        )

    def fingerprint(self) -> str:
        """Of the file, settings included."""
        with self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def masks_of(
        self, memory: Memory, embeddings: Float[Tensor, "B Q C"], chosen: Bool[Tensor, "B Q"]
    ) -> Float[Tensor, "R h w"]:
        """Refused: exported models predict no masks."""
        del memory, embeddings, chosen
        self._refuse("masks")

    def _previous(
        self, inputs: dict[str, np.ndarray], previous: FrameFeatures | None
    ) -> dict[str, np.ndarray]:
        """What the backbone saw in the frame before; a first frame stands in for it."""
        names = [PREVIOUS + name for name in self._maps]
        if previous is None:
            # What it sees in a frame does not depend on the one before, which may be of any size.
            channels = [int(self._session.inputs[name][1]) for name in names]
            nothing = [torch.zeros(len(inputs["pixels"]), each, 1, 1) for each in channels]
            asked = dict(zip(names, (each.numpy() for each in nothing), strict=True))
            maps = self._run(self._maps, inputs | asked)
        else:
            maps = list(previous.maps)
        return {name: each.numpy() for name, each in zip(names, maps, strict=True)}

    def _run(
        self, outputs: tuple[str, ...] | list[str], inputs: dict[str, np.ndarray]
    ) -> list[Tensor]:
        return [torch.from_numpy(each) for each in self._session.run(outputs, inputs)]

    def _no_queries(self, batch_size: int) -> TrackQueries:
        return TrackQueries(
            torch.zeros(batch_size, 0, self.embedding_size),
            torch.zeros(batch_size, 0, 4),
            torch.zeros(batch_size, 0, dtype=torch.bool),
        )

    def _refuse(self, what: str) -> NoReturn:
        raise ConfigError(
            f"{self._path}: exported models have no {what}; use the weights it was exported from"
        )


def _check_shapes(path: Path, session: OnnxSession, num_classes: int) -> None:
    """Refuse a file whose network is another one than its settings speak of.

    Raises:
        CheckpointError: Inputs or outputs are missing, or the classes are not as many as the names.
    """
    missing = [*(set(INPUTS) - session.inputs.keys()), *(set(OUTPUTS) - session.outputs.keys())]
    if missing:
        raise CheckpointError(f"{path}: expected inputs and outputs {', '.join(sorted(missing))}")
    ranks = {"track_embeddings": session.inputs["track_embeddings"]}
    ranks |= {name: session.outputs[name] for name in OUTPUTS}
    for name, shape in ranks.items():
        if len(shape) != 3 or not isinstance(shape[2], int):
            raise CheckpointError(f"{path}: expected {name} of three axes, got {list(shape)}")
    found = session.outputs["scores"][2]
    if found != num_classes:
        raise CheckpointError(
            f"{path}: expected scores of {num_classes} classes, as its settings name, got {found}"
        )


def _check_sizes(images: Images) -> None:
    size = list(images.pixels.shape[-2:])
    given = images.image_sizes.tolist()
    if any(each != size for each in given):
        raise DataError(f"images: exported models take images of one size together, got {given}")


def _empty_memory(embeddings: Float[Tensor, "B Q C"], frame: FrameFeatures) -> Memory:
    """No tokens: the decoder has run already."""
    tokens = embeddings[:, :0]
    return Memory(
        tokens=tokens,
        is_padding=torch.zeros(tokens.shape[:2], dtype=torch.bool),
        level_shapes=(),
        valid_ratios=tokens.new_zeros(tokens.shape[0], 0, 2),
        frame=frame if frame.maps else None,
    )
