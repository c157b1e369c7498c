"""A detector's ResNet begins with weights trained on ImageNet, from a file of torchvision's."""

from __future__ import annotations

from typing import Final, cast

from torch import nn

from trackformer.checkpoints.published.by_name import existing
from trackformer.checkpoints.renaming import Rules, renamed
from trackformer.checkpoints.safe_pickle import check_plain_tensors, read_pickle
from trackformer.checkpoints.tensors import load_tensors
from trackformer.errors import CheckpointError
from trackformer.models.settings import BackboneSettings
from trackformer.models.trackformer import TrackFormer

FILES: Final = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-0676ba61.pth",
    "resnet101": "resnet101-63fe2227.pth",
}
"""torchvision's IMAGENET1K_V1, which DETR was trained from; V2 were trained differently."""
RULES: Final[Rules] = ((r"^(conv1|bn1)\.", r"stem.\1."),)


def load_imagenet(model: TrackFormer) -> None:
    """Fill the backbone of a new model, if its settings say `weights: imagenet`.

    Raises:
        CheckpointError: The file is not in the folder of published weights, or is another one.
    """
    settings = getattr(model.settings.detector, "backbone", None)
    if not isinstance(settings, BackboneSettings) or settings.weights == "none":
        return
    path = existing(FILES[settings.name], f"weights: imagenet of {settings.name}")
    stored = read_pickle(path)
    if not isinstance(stored, dict):
        raise CheckpointError(f"{path}: expected torchvision's tensors of {settings.name}")
    check_plain_tensors(stored, path)
    # The cast: a module's attributes have no types.
    backbone = cast(nn.Module, model.detector.backbone)
    wanted = backbone.state_dict()
    # Without the classifier; frozen norms do not count batches.
    tensors = {
        name: tensor
        for name, tensor in renamed(stored, RULES).items()
        if not name.startswith("fc.") and (name in wanted or "num_batches" not in name)
    }
    # Norms of older files did not count either.
    counts = {name: tensor for name, tensor in wanted.items() if "num_batches" in name}
    load_tensors(backbone, counts | tensors, str(path))
