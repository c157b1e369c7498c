"""Which feature maps a ResNet makes of a batch of images, and where they are padding."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor, nn

from trackformer.errors import ConfigError
from trackformer.models.parts.frozen_batch_norm import freeze_batch_norms
from trackformer.models.parts.padding import padding_at
from trackformer.models.settings import BackboneSettings
from trackformer.models.torchvision_import import ensure_torchvision
from trackformer.types import Images


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMap:
    """One stage's output for a batch of images."""

    features: Float[Tensor, "B C H W"]
    is_padding: Bool[Tensor, "B H W"]


class Backbone(nn.Module):
    """A ResNet (He et al. 2016) without its classifier.

    Args:
        settings: Which ResNet, and how much of it is trained.
        num_maps: How many of the last stages' outputs are wanted: 1 is stride 32, 3 is strides 8,
            16 and 32 (one half of that in the last stage with dilation).
    """

    def __init__(self, settings: BackboneSettings, num_maps: int) -> None:
        super().__init__()
        resnet = _torchvision_resnet(settings)
        self.num_maps = num_maps
        self.num_channels = tuple(resnet.inplanes >> shift for shift in reversed(range(num_maps)))
        self.stem = nn.Sequential(
            OrderedDict(
                conv1=resnet.conv1, bn1=resnet.bn1, relu=resnet.relu, maxpool=resnet.maxpool
            )
        )
        self.layer1: nn.Module = resnet.layer1
        self.layer2: nn.Module = resnet.layer2
        self.layer3: nn.Module = resnet.layer3
        self.layer4: nn.Module = resnet.layer4
        for index, stage in enumerate(self._stages()):
            is_frozen = index < settings.frozen_stages
            # requires_grad does not stop running statistics, so a frozen stage needs frozen norms.
            if is_frozen or settings.batch_norm == "frozen":
                freeze_batch_norms(stage)
            if is_frozen:
                stage.requires_grad_(requires_grad=False)

    def forward(self, images: Images) -> tuple[FeatureMap, ...]:
        """The last `num_maps` stages' outputs, finest first."""
        maps = []
        features = images.pixels
        for stage in self._stages():
            features = stage(features)
            maps.append(features)
        return tuple(
            FeatureMap(features, padding_at(images.is_padding, features))
            for features in maps[-self.num_maps :]
        )

    def _stages(self) -> tuple[nn.Module, ...]:
        return (self.stem, self.layer1, self.layer2, self.layer3, self.layer4)


# Any: torchvision publishes no types.
def _torchvision_resnet(settings: BackboneSettings) -> Any:
    if settings.dilation and settings.name in ("resnet18", "resnet34"):
        raise ConfigError(f"dilation needs resnet50 or resnet101, got {settings.name}")
    ensure_torchvision()
    from torchvision.models import get_model

    return get_model(
        settings.name,
        replace_stride_with_dilation=[False, False, settings.dilation],
    )
