import pytest
import torch

from golden.recordings import read_manifest
from trackformer.checkpoints.published.names import (
    from_published_deformable_detr,
    from_published_detr,
    from_published_trackformer,
)
from trackformer.models.build import build_model
from trackformer.models.deformable_detr import DeformableDetr
from trackformer.models.detr import Detr
from trackformer.models.settings import DeformableDetrSettings, DetrSettings, ModelSettings

MOT17 = DeformableDetrSettings(
    embedding_size=288,
    num_queries=500,
    box_refinement=True,
    multi_frame="separate_encoder",
    position_encoding="sine_time",
    compatibility="reference",
)
"""Of the published pedestrian tracker on two frames."""
TWENTY_CLASSES = tuple(f"class {index}" for index in range(20))
BUILDERS = {
    "full_detr_r50": (lambda: Detr(DetrSettings(), 91), from_published_detr),
    "full_deformable_r50_refine_twostage": (
        lambda: DeformableDetr(DeformableDetrSettings(box_refinement=True, two_stage=True), 91),
        from_published_deformable_detr,
    ),
    "full_trackformer_mot17_deformable_multiframe": (
        lambda: build_model(ModelSettings(detector=MOT17, class_names=TWENTY_CLASSES)),
        from_published_trackformer,
    ),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_full_size_models_have_the_published_parameters(name):
    build, rename = BUILDERS[name]
    with torch.device("meta"):
        model = build()
        published = {e["key"]: torch.empty(e["shape"]) for e in read_manifest(name)}
    ours = {key: each.shape for key, each in model.state_dict().items()}
    assert {key: each.shape for key, each in rename(published).items()} == ours


def test_trackformer_on_plain_detr_is_told_from_its_names():
    with torch.device("meta"):
        model = build_model(ModelSettings(detector=DetrSettings(), class_names=("object",) * 90))
        published = {e["key"]: torch.empty(e["shape"]) for e in read_manifest("full_detr_r50")}
    ours = {key: each.shape for key, each in model.state_dict().items()}
    mapped = from_published_trackformer(published)
    assert mapped.keys() == ours.keys()


def test_merged_features_are_renamed():
    published = {
        "transformer.level_embed": torch.zeros(4, 2),
        "merge_features.0.bias": torch.ones(2),
    }
    assert list(from_published_trackformer(published)) == [
        "detector.level_embedding",
        "detector.feature_mergers.0.bias",
    ]


def test_a_detector_inside_a_mask_model_is_found():
    assert list(from_published_detr({"detr.class_embed.bias": torch.zeros(2)})) == [
        "class_head.bias"
    ]


def test_packed_attention_is_split_in_three():
    packed = torch.arange(6.0)[:, None].expand(6, 2)
    ours = from_published_detr({"transformer.encoder.layers.0.self_attn.in_proj_weight": packed})
    assert ours["encoder.layers.0.self_attention.key.weight"].tolist() == [[2.0, 2.0], [3.0, 3.0]]


def test_unknown_names_stay_so_that_loading_reports_them():
    assert list(from_published_detr({"a.new.head": torch.zeros(1)})) == ["a.new.head"]
