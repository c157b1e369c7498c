"""Everything that can be set about a training run (torch-free)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from trackformer.config import Settings
from trackformer.data.clips.settings import ClipSettings, SourceSettings
from trackformer.data.formats.names import FormatName
from trackformer.input_settings import InputSettings
from trackformer.models.settings import ModelSettings
from trackformer.tracking.settings import TrackerSettings

Rate = Annotated[float, Field(ge=0, le=1)]


class MatchingSettings(Settings):
    """Costs of the Hungarian matching, and who may match whom."""

    class_cost: NonNegativeFloat = 2.0
    l1_cost: NonNegativeFloat = 5.0
    giou_cost: NonNegativeFloat = 2.0
    coopetition: bool = False
    """In all decoder layers but the last, object queries may also match objects that a track query
    carries (CO-MOT); off: the paper."""
    birth_visibility: Rate = 0.0
    """Object queries are not asked for objects seen less than this; track queries still are."""


class LossSettings(Settings):
    """Weights of the set prediction loss."""

    classification: Literal["cross_entropy", "focal", "mal"] = "focal"
    """cross_entropy: softmax with a no-object class (DETR); focal: sigmoid focal loss (Deformable
    DETR); mal: matchability-aware loss, targets IoU^gamma (DEIM)."""
    class_weight: NonNegativeFloat = 2.0
    l1_weight: NonNegativeFloat = 5.0
    giou_weight: NonNegativeFloat = 2.0
    no_object_weight: NonNegativeFloat = 0.1
    """Weight of background in the cross-entropy."""
    lost_track_weight: NonNegativeFloat = 1.0
    """The same for track queries that must find nothing; 1: as much as objects, as published."""
    focal_alpha: Rate = 0.25
    focal_gamma: NonNegativeFloat = 2.0
    mal_gamma: NonNegativeFloat = 1.5
    mask_weight: NonNegativeFloat = 1.0
    """Of the masks' focal loss, for models with masks."""
    dice_weight: NonNegativeFloat = 1.0
    """Of the masks' DICE loss, for models with masks."""


class TrackQuerySettings(Settings):
    """How the track queries of a training frame are made from the frame before (section 3.3)."""

    drop_rate: Rate = 0.4
    """Probability with which each track query is dropped, so that its object must be found anew."""
    false_positive_rate: Rate = 0.1
    """False-positive track queries per track query: unmatched outputs near a tracked object."""
    patience: NonNegativeInt = 0
    """Frames for which the query of an object that is gone is still asked, as background."""
    motion: tuple[Rate, Rate] = (0.0, 0.0)
    """Range of the share of the displacement by which reference boxes move on."""
    motion_rate: Rate = 1.0
    """Share of clips with moving reference boxes."""
    motion_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """As in the tracker: share of the displacement before that stays in a newly measured one."""
    lost_motion: Rate = 0.0
    """As in the tracker: how fast the reference box of an object that is gone moves on."""
    lost_score: Rate = 0.0
    """A track query that answers with this score or less keeps the box and embedding it had, as in
    the tracker; 0: as in the paper, whatever it answers is carried on."""
    swap_rate: Rate = 0.0
    """Of the track queries whose reference box overlaps another one's, the share that get the box
    of that neighbour, and must find their own object all the same."""
    carry_gradient: bool = False
    """Let the loss of a frame train the embeddings carried from the frames before."""
    loss_frames: Literal["last", "all"] = "last"
    """Which frames of a clip have a loss; last: as in the paper, where the others run without
    gradient, too, unless `carry_gradient` is set."""
    compatibility: Literal["none", "reference"] = "none"
    """reference: drop and add track queries as the published code does, defects included (see
    docs/compatibility.md)."""

    @model_validator(mode="after")
    def _published_has_no_patience(self) -> TrackQuerySettings:
        if self.compatibility == "reference" and self.patience > 0:
            raise ValueError("patience: expected 0 with compatibility: reference, which has none")
        return self


class DenoisingSettings(Settings):
    """Noisy copies that the decoder must put right, in training only (DN-DETR); off: the paper."""

    object_groups: NonNegativeInt = 0
    """Copies of every object, as queries of its class; each group sees only itself. 0: off."""
    track_groups: NonNegativeInt = 0
    """Copies of every track query, which must find what it must find. 0: off."""
    box_noise: Rate = 0.4
    """Boxes are shifted by up to half of this share of their size, and scaled by up to it."""
    label_noise: Rate = 0.2
    """Share of objects' copies that ask with a random class."""
    embedding_noise: NonNegativeFloat = 0.2
    """Noise on the embeddings of tracks' copies, relative to their root mean square."""
    weight: NonNegativeFloat = 1.0
    """Of their loss, which is per object and group."""


class IdentitySettings(Settings):
    """A contrastive loss between the embeddings of people, in training only; off: the paper."""

    weight: NonNegativeFloat = 0.0
    """Of the loss. 0: off."""
    projection_size: PositiveInt = 64
    """Numbers by which embeddings are compared, behind a projection of two layers."""
    temperature: PositiveFloat = 0.1
    """Smaller: only the most similar others count."""


class ProposalSettings(Settings):
    """Boxes as of another detector, made of the annotation (docs/proposals.md); off: the paper."""

    rate: Rate = 0.0
    """Share of clips whose frames are asked about proposals, too. 0: off."""
    drop_rate: Rate = 0.2
    """Share of objects that have no proposal."""
    false_positive_rate: Rate = 0.2
    """Proposals at random places, per object."""
    box_noise: Rate = 0.2
    """Boxes are shifted by up to half of this share of their size, and scaled by up to it."""


class OptimizerSettings(Settings):
    """AdamW with parameter groups, warm-up, schedule, clipping and averaging."""

    steps: PositiveInt = 1000
    """Optimizer steps in all."""
    learning_rate: PositiveFloat = 2e-4
    """Of everything that is not named below."""
    encoder_scale: NonNegativeFloat = 1.0
    """Learning rate of the encoder relative to `learning_rate`."""
    backbone_scale: NonNegativeFloat = 0.1
    """Learning rate of the backbone relative to `learning_rate`; 0 freezes it."""
    sampling_scale: PositiveFloat = 0.1
    """The same for sampling offsets and reference points (Deformable DETR, appendix A.4)."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Learning rate of every backbone stage, encoder layer and decoder layer relative to that of
    the one after it; the last of each has its part's rate."""
    weight_decay: NonNegativeFloat = 1e-4
    warmup_steps: NonNegativeInt = 100
    schedule: Literal["constant", "cosine", "step"] = "cosine"
    """step: to a tenth at `step_at` of the run."""
    step_at: Rate = 0.8
    final_scale: Rate = 0.05
    """Where the cosine ends, relative to the learning rate."""
    max_gradient_norm: PositiveFloat = 0.1
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Of the exponential moving average of the weights that is evaluated and kept; 0: none."""


class DiagnosticsSettings(Settings):
    """What is looked at while training (docs/training.md); nothing of it changes the weights."""

    every: NonNegativeInt = 50
    """Optimizer steps between two looks at the queries, gradients and rates; 0: never."""
    pictures_every: NonNegativeInt = 500
    """Optimizer steps between two pictures of a clip with targets and answers; 0: never."""


class ValidationSettings(Settings):
    """The data on which checkpoints are compared while training."""

    path: Path
    """Annotated videos of any known format (see docs/data.md), whose tracks are scored, or still
    images of a COCO json file, whose detections are."""
    format: FormatName | None = None
    """Read them as this format instead of the one the path looks like."""
    classes: dict[str, str] = Field(default_factory=dict)
    """Classes of the data that count as another, as in a source."""
    image_folders: tuple[Path, ...] = ()
    """Folders that images may lie in besides the data's own."""
    patience: PositiveInt | None = None
    """Evaluations in a row without a better score after which the run stops; null: it goes on."""
    every: PositiveInt = 500
    """Optimizer steps between two evaluations."""
    metric: Literal["HOTA", "MOTA", "IDF1", "DetA", "AssA", "AP", "AP50", "AP75"] | None = None
    """The best checkpoint has the highest value of this over all the data; null: HOTA of videos,
    AP of images."""


class TrainingSettings(Settings):
    """A training run: what `trackformer train CONFIG.yaml` reads."""

    output: Path
    """Folder of checkpoints, curves and the record of the run."""
    sources: Annotated[tuple[SourceSettings, ...], Field(min_length=1)]
    model: ModelSettings | None = None
    """A new model; or leave it out and set `initial`."""
    initial: Path | str | None = None
    """Weights to begin with: a bundled name, our file, a published file or its name, or a Hugging
    Face folder (docs/checkpoints.md)."""
    input: InputSettings | None = None
    """Changes the input size that initial weights came with; what is not given of `multiple_of`,
    `mean` and `std` stays as stored with them."""
    tracker: TrackerSettings = TrackerSettings()
    """Stored with the weights: thresholds for validation and for whoever tracks with them. What is
    not given stays as stored with `initial`."""
    class_names: tuple[str, ...] = ("person",)
    """Classes to train; others of a source are left out, that is, background. Of initial weights,
    heads of classes with the same name are kept."""
    batch_size: PositiveInt | Literal["auto"] = 4
    """Clips per process and step. auto: as many as fit into memory, found by trying; `run.json`
    has what was found, and --resume goes on with it."""
    clips: ClipSettings = ClipSettings()
    track_queries: TrackQuerySettings = TrackQuerySettings()
    matching: MatchingSettings = MatchingSettings()
    loss: LossSettings = LossSettings()
    denoising: DenoisingSettings = DenoisingSettings()
    identities: IdentitySettings = IdentitySettings()
    proposals: ProposalSettings = ProposalSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    validation: ValidationSettings | None = None
    diagnostics: DiagnosticsSettings = DiagnosticsSettings()
    precision: Literal["no", "bf16"] = "no"
    """bf16: the network runs under autocast; matching and losses stay in float32."""
    checkpoint_frames: bool = False
    """Gradient checkpointing: of each frame only the input is stored; the backward pass runs the
    frame again. Long clips then fit into memory, for one more forward pass, and with the same
    gradients. (Statistics of a trainable batch norm count every frame twice.)"""
    log: tuple[Literal["tensorboard", "wandb", "mlflow", "clearml"], ...] = ("tensorboard",)
    """Where the curves go besides the CSV files; each but TensorBoard needs its own package."""
    seed: int = 0
    workers: NonNegativeInt = 1
    """Processes that prepare batches."""
    save_every: PositiveInt = 100
    """Optimizer steps between two resumable checkpoints."""
