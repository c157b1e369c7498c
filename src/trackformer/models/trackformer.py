"""How a detector becomes a tracker: track queries are put in front of its object queries."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from trackformer.devices import forked_children_use_one_thread
from trackformer.errors import ConfigError
from trackformer.models.detector import Detector, Segmenter
from trackformer.models.fingerprint import fingerprint_of
from trackformer.models.parts.image_share import (
    answer_from_network,
    image_share,
    proposed_to_network,
    queries_from_network,
    queries_to_network,
    without_padding,
)
from trackformer.models.parts.query_groups import followed_by
from trackformer.models.settings import HuggingFaceSettings, ModelSettings
from trackformer.types import (
    DecoderOutput,
    DecoderQueries,
    FrameFeatures,
    Images,
    Memory,
    ModelOutput,
    ProposalBoxes,
    TrackQueries,
)


class TrackFormer(nn.Module):
    """A detector whose decoder also answers track queries (Meinhardt et al. 2022, section 3).

    The decoder's output embedding of an object, found in one frame, goes into the next frame as
    that object's track query; its row is the identity. Detection is tracking with no track
    queries. The module is stateless.

    Args:
        detector: Any `Detector` that is a module.
        settings: What the model was built from: class names, input size, carry projection.
    """

    def __init__(self, detector: Detector, settings: ModelSettings) -> None:
        super().__init__()
        forked_children_use_one_thread()
        self.settings = settings
        # Registered as a submodule; the cast only tells the type checker that it is one.
        self.detector = cast(nn.Module, detector)
        self.is_for_inference = False
        """Made by `optimize_for_inference`: it can be neither trained nor saved."""
        self.carry = CarryProjection(detector.embedding_size) if settings.carry_projection else None

    def forward(
        self,
        images: Images,
        track_queries: TrackQueries | None = None,
        previous: ModelOutput | FrameFeatures | None = None,
        proposed: ProposalBoxes | None = None,
    ) -> ModelOutput:
        """Detect, and track if there are track queries.

        Args:
            images: B normalised images of any sizes.
            track_queries: T rows per image; outputs of these come first.
            previous: Output for the previous frames, or its `memory.frame`, which is all that is
                used of it. For models that look at two frames; others ignore it. Without it, the
                frames stand in for the previous ones.
            proposed: Where another detector sees objects. Each box is one more object query, the
                last ones of them; the model decides whether there is something.

        Returns:
            Predictions of every decoder layer for Q = T + N queries.

        Raises:
            ConfigError: There are proposals, but the model's queries do not start from a place.
        """
        frame = previous.memory.frame if isinstance(previous, ModelOutput) else previous
        return self.decode(self.encode(images, frame), track_queries, proposed)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def embedding_size(self) -> int:
        """C, the width of a track query."""
        return self._as_detector.embedding_size

    def fingerprint(self) -> str:
        """The same text for the same weights and settings only; the tracker's do not count."""
        return fingerprint_of(self, self.settings)

    def encode(self, images: Images, previous: FrameFeatures | None = None) -> Memory:
        """The part of `forward` that does not depend on tracks."""
        if self.settings.input.canvas is None:
            return self._as_detector.encode(images, previous)
        seen = images
        if isinstance(self.settings.detector, HuggingFaceSettings):
            # These networks know no padding, and looked at it as at the rest while they learned.
            seen = without_padding(images)
        memory = self._as_detector.encode(seen, previous)
        return replace(memory, image_share=image_share(images))

    def decode(
        self,
        memory: Memory,
        track_queries: TrackQueries | None = None,
        proposed: ProposalBoxes | None = None,
    ) -> ModelOutput:
        """The part of `forward` that does; `memory` may be used again with other track queries."""
        queries = self.queries_of(memory, track_queries, proposed)
        output = self.decode_queries(memory, queries, _count(track_queries))
        return output if proposed is None else replace(output, num_proposed=proposed.boxes.shape[1])

    def decode_queries(
        self, memory: Memory, queries: DecoderQueries, num_track_queries: int
    ) -> ModelOutput:
        """`decode` of queries that were made before: `queries_of` this memory, or of another."""
        answer = self._decoded(memory, queries)
        return self._output(memory, queries, answer, num_track_queries)

    def decode_beside(
        self,
        memory: Memory,
        track_queries: TrackQueries | None,
        others: DecoderQueries,
        proposed: ProposalBoxes | None = None,
    ) -> tuple[ModelOutput, DecoderOutput]:
        """`decode`, and the answers to other queries, which those asked do not see.

        Args:
            memory: Of the images.
            track_queries: As in `decode`.
            others: E queries with groups; `as_content` makes contents of embeddings.
            proposed: As in `decode`.
        """
        queries = self.queries_of(memory, track_queries, proposed)
        answer = self._decoded(memory, followed_by(queries, others))
        asked, beside = (
            DecoderOutput(
                answer.class_logits[:, :, rows],
                answer.boxes[:, :, rows],
                answer.embeddings[:, rows],
            )
            for rows in (
                slice(queries.content.shape[1]),
                slice(queries.content.shape[1], None),
            )
        )
        return self._output(memory, queries, asked, _count(track_queries)), beside

    def as_content(self, embeddings: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        """What a decoder is given of the embeddings of track queries."""
        carried: Tensor = embeddings if self.carry is None else self.carry(embeddings)
        return carried

    @property
    def predicts_masks(self) -> bool:
        """Whether `masks_of` and `with_masks` may be asked."""
        return isinstance(self.detector, Segmenter) and self.detector.predicts_masks

    def masks_of(
        self,
        memory: Memory,
        embeddings: Float[Tensor, "B Q C"],
        chosen: Bool[Tensor, "B Q"],
    ) -> Float[Tensor, "R h w"]:
        """Mask logits of some queries: a mask costs far more than a box.

        Args:
            memory: Of the images.
            embeddings: As in `ModelOutput`.
            chosen: Which R queries.

        Returns:
            Logits at a quarter of the padded images' size, image by image.

        Raises:
            ConfigError: The model was built without a mask head.
        """
        if not (isinstance(self.detector, Segmenter) and self.detector.predicts_masks):
            raise ConfigError("this model has no mask head (detector.masks: true builds one)")
        return self.detector.mask_logits(memory, embeddings, chosen)

    def with_masks(self, output: ModelOutput) -> ModelOutput:
        """The same answer with the masks of all queries; ConfigError without a mask head."""
        logits = self.masks_of(output.memory, output.embeddings, torch.ones_like(output.is_padding))
        return replace(output, masks=logits.view(*output.is_padding.shape, *logits.shape[1:]))

    def queries_of(
        self,
        memory: Memory,
        tracks: TrackQueries | None,
        proposed: ProposalBoxes | None = None,
    ) -> DecoderQueries:
        """Track queries in front of the object queries, of which the proposals are the last."""
        if proposed is not None and proposed.boxes.shape[1] == 0:
            proposed = None
        proposed = proposed_to_network(proposed, memory)
        objects = queries_from_network(self._as_detector.object_queries(memory, proposed), memory)
        if tracks is None or _count(tracks) == 0:
            return objects
        content = self.as_content(tracks.embeddings.to(objects.content.dtype))
        # Reference points are the centre of a reference box, so the first columns serve both.
        reference = tracks.boxes[..., : objects.reference.shape[-1]].to(objects.reference.dtype)
        return DecoderQueries(
            content=torch.cat([content, objects.content], dim=1),
            # Zeros: what a track query is about is in its content (Meinhardt et al., section 3.2).
            position=torch.cat([torch.zeros_like(content), objects.position], dim=1),
            reference=torch.cat([reference, objects.reference], dim=1),
            is_padding=torch.cat([tracks.is_padding, objects.is_padding], dim=1),
            proposals=objects.proposals,
        )

    def _decoded(self, memory: Memory, queries: DecoderQueries) -> DecoderOutput:
        """Answers whose boxes are shares of the image, whatever the network's are."""
        answer = self._as_detector.decode(memory, queries_to_network(queries, memory))
        return answer_from_network(answer, memory)

    def _output(
        self, memory: Memory, queries: DecoderQueries, answer: DecoderOutput, num_track_queries: int
    ) -> ModelOutput:
        return ModelOutput(
            class_logits=answer.class_logits,
            boxes=answer.boxes,
            embeddings=answer.embeddings,
            is_padding=queries.is_padding,
            memory=memory,
            num_track_queries=num_track_queries,
            has_no_object_class=self._as_detector.has_no_object_class,
            proposals=queries.proposals,
            references=queries.reference,
        )

    @property
    def _as_detector(self) -> Detector:
        return cast(Detector, self.detector)


def _count(track_queries: TrackQueries | None) -> int:
    return 0 if track_queries is None else track_queries.embeddings.shape[1]


class CarryProjection(nn.Module):
    """Turns an output embedding into the content of a track query; the identity at first."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.projection = nn.Linear(size, size)
        nn.init.zeros_(self.projection.weight)
        # Not nn.init.eye_: where only sizes are asked for, it imports torch's compiler.
        self.projection.weight.detach().diagonal().fill_(1)
        nn.init.zeros_(self.projection.bias)
        self.type_embedding = nn.Parameter(torch.zeros(size))

    def forward(self, embeddings: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        """Project and mark carried embeddings."""
        projected: Tensor = self.projection(embeddings)
        return projected + self.type_embedding
