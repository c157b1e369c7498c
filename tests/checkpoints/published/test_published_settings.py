"""What the shapes of published weights tell about the model they belong to."""

import pytest
import torch

from golden.recordings import read_manifest
from trackformer.checkpoints.coco_classes import coco_names_by_id
from trackformer.checkpoints.published.settings import (
    PublishedArguments,
    PublishedWeights,
    settings_of,
    trained_by_trackformer,
)
from trackformer.models.settings import ModelSettings
from trackformer.tracking.settings import TrackerSettings

MULTI_FRAME = "trackformer_deformable_multiframe_small"


def settings_from_shapes(name: str, drop: str = "", **arguments) -> ModelSettings:
    tensors = {
        each["key"]: torch.empty(each["shape"], device="meta")
        for each in read_manifest(name)
        if not (drop and drop in each["key"])
    }
    is_trackformer = trained_by_trackformer(arguments.keys(), tensors)
    return settings_of(
        PublishedWeights(tensors, PublishedArguments(**arguments), is_trackformer, name)
    )


def test_the_full_detr_has_the_published_settings():
    detector = settings_from_shapes("full_detr_r50").detector
    # As it was published but for the statistics of the backbone, which stay as loaded anyway.
    assert detector == type(detector)()


def test_the_full_deformable_detr_has_the_published_settings():
    detector = settings_from_shapes("full_deformable_r50_refine_twostage").detector
    assert detector == type(detector)(box_refinement=True, two_stage=True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("deformable_r50_small", (4, False, False)),
        ("deformable_r50_small_refine", (4, True, False)),
        ("deformable_r50_small_refine_twostage", (4, True, True)),
        ("deformable_r50_small_singlescale", (1, False, False)),
    ],
)
def test_variants_of_deformable_detr_are_told_apart(name, expected):
    detector = settings_from_shapes(name).detector
    assert (detector.num_levels, detector.box_refinement, detector.two_stage) == expected
    assert (detector.num_points, detector.num_encoder_layers) == (4, 2)
    assert (detector.num_decoder_layers, detector.feedforward_size) == (3, 128)


def test_the_number_of_heads_decides_the_number_of_points():
    detector = settings_from_shapes("deformable_r50_small", nheads=16).detector
    assert (detector.num_heads, detector.num_points) == (16, 2)


@pytest.mark.parametrize(("name", "expected"), [("", False), ("_prenorm", True)])
def test_a_norm_behind_the_encoder_means_norms_before_sublayers(name, expected):
    assert settings_from_shapes(f"detr_r50_small{name}").detector.pre_norm is expected


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("trackformer_vanilla_small", {}, "softmax"),
        ("trackformer_vanilla_small", {"focal_loss": True}, "sigmoid"),
        ("trackformer_deformable_singleframe_small", {}, "sigmoid"),
        ("trackformer_deformable_singleframe_small", {"focal_loss": False}, "softmax"),
    ],
)
def test_trackformers_loss_tells_what_its_logits_are(name, arguments, expected):
    settings = settings_from_shapes(name, **arguments)
    assert settings.detector.classification == expected


def test_a_trackformer_is_told_from_a_detector_by_its_class_head():
    ours = settings_from_shapes("trackformer_vanilla_small").detector
    theirs = settings_from_shapes("detr_r50_small").detector
    assert (ours.position_encoding, theirs.position_encoding) == ("sine_centred", "sine")
    ours = settings_from_shapes("trackformer_deformable_singleframe_small").detector
    theirs = settings_from_shapes("deformable_r50_small").detector
    assert (ours.compatibility, theirs.compatibility) == ("reference", "none")


def test_a_detector_with_as_many_classes_as_trackformer_is_told_by_its_arguments():
    tensors = {"class_embed.weight": torch.empty(21, 64)}
    assert trained_by_trackformer(set(), tensors)
    assert not trained_by_trackformer({"lr", "dataset_file"}, tensors)
    assert trained_by_trackformer({"lr", "tracking"}, {})


def test_two_frames_are_seen_by_the_level_embedding():
    detector = settings_from_shapes(MULTI_FRAME).detector
    assert (detector.multi_frame, detector.num_levels) == ("separate_encoder", 4)
    assert (detector.position_encoding, detector.num_points) == ("sine_time", 4)


def test_positions_without_time_are_told_by_the_arguments():
    detector = settings_from_shapes(MULTI_FRAME, multi_frame_encoding=False).detector
    assert detector.position_encoding == "sine"


def test_merged_features_are_seen_by_their_convolutions():
    name = "trackformer_deformable_mergefeatures_small"
    detector = settings_from_shapes(name).detector
    assert (detector.merge_features, detector.multi_frame) == (True, "none")


@pytest.mark.parametrize("name", ["detr_r50_small", "deformable_r50_small"])
def test_classes_of_coco_models_are_category_ids(name):
    names = settings_from_shapes(name).class_names
    assert names == coco_names_by_id()
    assert (len(names), names[1], names[18], names[90]) == (91, "person", "dog", "toothbrush")


def test_classes_of_coco_models_of_trackformer_begin_with_the_first_category():
    names = settings_from_shapes("detr_r50_small", tracking=True).class_names
    assert (len(names), names[0], names[17], names[90]) == (91, "person", "dog", "N/A")


@pytest.mark.parametrize(
    "name", ["trackformer_vanilla_small", "trackformer_deformable_singleframe_small"]
)
def test_pedestrian_models_name_their_one_class(name):
    names = settings_from_shapes(name).class_names
    assert (len(names), names[0], set(names[1:])) == (20, "person", {"N/A"})


@pytest.mark.parametrize("name", ["trackformer_vanilla_small", MULTI_FRAME])
def test_trackers_bring_the_published_thresholds(name):
    model = settings_from_shapes(name)
    tracker = TrackerSettings(**model.tracker)
    assert (tracker.birth_score, tracker.keep_score, tracker.reid_score) == (0.4, 0.4, 0.4)
    assert (tracker.patience, tracker.track_nms_iou, tracker.birth_nms_iou) == (5, 0.9, 0.9)
    # Its queries were trained with reference boxes that stay, and our corrections do not matter.
    assert (tracker.motion, tracker.compatibility) == (0, "none")


@pytest.mark.parametrize(("overflow_boxes", "clip_boxes"), [(True, False), (False, True)])
def test_trackers_cut_boxes_where_they_were_trained_to(overflow_boxes, clip_boxes):
    model = settings_from_shapes(MULTI_FRAME, overflow_boxes=overflow_boxes)
    assert TrackerSettings(**model.tracker).clip_boxes is clip_boxes


def test_detectors_bring_no_thresholds():
    assert settings_from_shapes("detr_r50_small").tracker == {}
