"""A traced query asked again: it answers the same, and its attention adds up."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from tiny_models import tiny_model
from trackformer.errors import DataError
from trackformer.input_settings import InputSettings
from trackformer.inspecting.asked_again import AskedAgain
from trackformer.inspecting.explain import explain
from trackformer.inspecting.explain_picture import HEIGHT, picture_of
from trackformer.inspecting.leaving_out import name_of
from trackformer.inspecting.looked_frames import looked_frames
from trackformer.inspecting.run_folder import read_run
from trackformer.models.build import build_model
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.settings import (
    BackboneSettings,
    DeformableDetrSettings,
    DetrSettings,
    ModelSettings,
)
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracing.reading import open_trace_file
from trackformer.tracking.tracing.records import RunNames
from trackformer.tracking.videos.run import track_video

EAGER = TrackerSettings(
    birth_score=0.01, keep_score=0.01, reid_score=0.01, track_nms_iou=None, birth_nms_iou=None
)
SIZES = {"embedding_size": 16, "num_heads": 2, "num_queries": 5, "feedforward_size": 16}
LAYERS = {"num_encoder_layers": 1, "num_decoder_layers": 2}


def own_model(detector):
    """A tiny random DETR or Deformable DETR."""
    torch.manual_seed(0)
    inputs = InputSettings(area=64 * 64, multiple_of=32)
    settings = ModelSettings(detector=detector, class_names=("person",), input=inputs)
    return build_model(settings).eval()


def models():
    backbone = BackboneSettings(name="resnet18")
    yield "deimv2", tiny_model("deimv2")
    yield "rt_detr_v2", tiny_model("rt_detr_v2")
    yield "detr", own_model(DetrSettings(backbone=backbone, **SIZES, **LAYERS))
    yield "deformable", own_model(DeformableDetrSettings(backbone=backbone, **SIZES, **LAYERS))


MODELS = dict(models())


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    noise = np.random.default_rng(0).integers(0, 255, (3, 48, 64, 3), dtype=np.uint8)
    for index, pixels in enumerate(noise):
        cv2.imwrite(str(folder / f"{index:03d}.png"), pixels)
    return folder


@pytest.fixture(scope="module", params=MODELS)
def run_of(request, images, tmp_path_factory):
    """A model optimised for inference, and the folder of its traced run."""
    model = optimize_for_inference(MODELS[request.param], every_layer=True)
    folder = tmp_path_factory.mktemp(request.param) / "out"
    names = RunNames(request.param, str(images))
    track_video(model, images, folder, EAGER, trace=names, write_video=False)
    return request.param, model, folder


def test_a_query_answers_again_what_was_traced(run_of):
    _, model, folder = run_of
    trace = open_trace_file(folder)
    track_id = trace.frame(2).track_ids[0]
    made = explain(model, trace, 2, track_id)
    assert made.score == pytest.approx(made.query.layers[-1].score, abs=1e-3)
    assert len(made.query.layers) == 2
    assert made.others
    assert [change.without for change in made.changes][-2] == "its own box (greyed out)"


def test_the_object_queries_without_which_most_changes_are_left_out(run_of):
    _, model, folder = run_of
    trace = open_trace_file(folder)
    frame = trace.frame(1)
    made = explain(model, trace, 1, frame.track_ids[0])
    row, num_tracks = made.query.row, len(frame.track_ids)
    with AskedAgain.open(model, trace, None) as again:
        asked = again.frame(frame)
    rows = torch.arange(frame.num_queries)
    scores = {
        name_of(left_out, frame): score_without(model, asked, rows[rows != left_out], row)
        for left_out in range(num_tracks, frame.num_queries)
    }
    told = [each for each in made.changes if each.without.removeprefix("the query of ") in scores]
    assert len(told) == 3
    for change in told:
        expected = scores[change.without.removeprefix("the query of ")]
        assert change.score == pytest.approx(expected, abs=1e-4)
    changed = [abs(each.score - made.score) + 1 - each.overlap for each in told]
    assert changed == sorted(changed, reverse=True)


def score_without(model, asked, rows, row):
    """Of a query when only some rows are asked at all."""
    parts = ("content", "position", "reference", "is_padding")
    queries = replace(
        asked.queries, **{part: getattr(asked.queries, part)[:, rows] for part in parts}
    )
    with torch.inference_mode():
        output = model.decode_queries(asked.memory, queries, 0)
    return float(output.class_scores()[0, row].max())


def test_only_what_is_read_is_greyed_out_and_every_query_stays_as_it_was(run_of):
    _, model, folder = run_of
    trace = open_trace_file(folder)
    # An object query: where a model chooses its own from what it sees, others would be in its row.
    frame = trace.frame(0)
    born = next(query for query in frame.queries if query.track_id is not None)
    made = explain(model, trace, 0, born.track_id)
    with AskedAgain.open(model, trace, None) as again:
        asked = again.frame(frame)
        output = again.answer(asked, asked.queries, again.encode(np.full_like(asked.pixels, 114)))
    torch.testing.assert_close(output.references, asked.output.references)
    assert [each.without for each in made.changes][-1] == "its own box (greyed out)"
    assert all(0 <= each.score <= 1 for each in made.changes)


def test_attention_is_seen_in_every_layer_and_adds_up_to_one(run_of):
    name, model, folder = run_of
    trace = open_trace_file(folder)
    made = explain(model, trace, 1, trace.frame(1).track_ids[0])
    if name == "detr":
        sums = [weights.sum((-1, -2)) for weights in made.maps]
        assert made.points == ()
    else:
        sums = [layer.weights.sum((-1, -2)) for layer in made.points]
        assert made.maps == ()
    assert len(sums) == 2
    for each in sums:
        torch.testing.assert_close(each, torch.ones_like(each))


def test_an_explanation_is_drawn_layer_beside_layer(run_of):
    _, model, folder = run_of
    trace = open_trace_file(folder)
    picture = picture_of(explain(model, trace, 1, trace.frame(1).track_ids[0]))
    assert picture.shape[0] == HEIGHT
    assert picture.shape[1] > HEIGHT


def test_the_page_gets_points_of_the_frame_where_something_happened(run_of):
    _, model, folder = run_of
    run = read_run(folder)
    found = looked_frames(model, run)
    born = {(0, track_id) for track_id in run.frames[0]}
    assert born <= set(found)
    points = found[min(born)].points
    assert points[0][2] == 1.0
    assert all(later[2] <= 1.0 for later in points)


def test_another_model_than_the_traced_one_is_refused(run_of):
    name, _, folder = run_of
    if name != "deimv2":
        pytest.skip("one model is enough")
    trace = open_trace_file(folder)
    other = optimize_for_inference(tiny_model("deimv2", seed=5), every_layer=True)
    with pytest.raises(DataError, match="was it another model"):
        explain(other, trace, 1, trace.frame(1).track_ids[0])


def test_the_command_tells_the_reason_and_draws_it(run, images, model_file, tmp_path):
    out = tmp_path / "out"
    code, _, error = run(
        *("track", images, "--output", out, "--model", model_file, "--no-video", "--trace"),
    )
    assert (code, error) == (0, "")
    track_id = open_trace_file(out).frame(1).track_ids[0]
    picture = tmp_path / "why.jpg"
    code, output, error = run(
        *("explain", out, "--frame", 1, "--track", track_id, "--picture", picture)
    )
    assert (code, error) == (0, "")
    assert "kept: its score" in output
    assert "without its own box (greyed out): score" in output
    assert cv2.imread(str(picture)) is not None


def test_an_identity_that_nobody_asked_about_is_refused_in_one_line(run, run_of):
    code, _, error = run("explain", run_of[2], "--frame", 1, "--track", 12345)
    assert code == 2
    assert "expected an identity of" in error
    assert error.count("\n") == 1
