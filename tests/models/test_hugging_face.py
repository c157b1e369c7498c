"""The adapter answers as transformers itself does, and takes track queries besides."""

import json

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForObjectDetection

from tiny_models import MODEL_TYPES, tiny_config, tiny_model
from trackformer.checkpoints.classes import with_classes
from trackformer.checkpoints.hugging_face.real_time import load_hugging_face
from trackformer.models.parts.frozen_batch_norm import FrozenBatchNorm2d
from trackformer.models.torchvision_import import ensure_torchvision
from trackformer.types import Images, TrackQueries
from transformers_models import real_time_model

CLOSE = {"atol": 1e-4, "rtol": 1e-4}
NEAR = {"atol": 2e-3, "rtol": 1e-2}  # another batch size, another order of float32 sums


@pytest.fixture(scope="module", params=MODEL_TYPES)
def model_type(request):
    return request.param


@pytest.fixture(scope="module")
def model(model_type):
    return tiny_model(model_type)


@pytest.fixture(scope="module")
def published(model_type):
    """transformers' own detector with three classes, random to the last parameter."""
    return real_time_model(model_type)


@pytest.fixture(scope="module")
def loaded(published, tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    published.save_pretrained(folder)
    return load_hugging_face(folder)


def pixels(seed=0, height=64, width=96):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def images(*seeds, size=(64, 96)) -> Images:
    return Images.from_list([pixels(seed, *size)[0] for seed in seeds])


def tracks(model, is_padding, seed=3) -> TrackQueries:
    generator = torch.Generator().manual_seed(seed)
    batch_size, count = is_padding.shape
    return TrackQueries(
        torch.randn(batch_size, count, model.embedding_size, generator=generator),
        torch.rand(batch_size, count, 4, generator=generator) * 0.5 + 0.25,
        is_padding,
    )


def none_padded(batch_size: int, count: int) -> torch.Tensor:
    return torch.zeros(batch_size, count, dtype=torch.bool)


@torch.no_grad()
def test_a_saved_detector_answers_as_in_transformers(published, loaded):
    expected = published(pixels())
    answer = loaded(images(0))
    torch.testing.assert_close(answer.class_logits[-1], expected.logits, **CLOSE)
    torch.testing.assert_close(answer.boxes[-1], expected.pred_boxes, **CLOSE)
    torch.testing.assert_close(answer.embeddings, expected.last_hidden_state, **CLOSE)
    assert expected.pred_boxes.std(1).max() > 1e-2  # the comparison means something


@torch.no_grad()
def test_a_saved_detector_brings_its_class_names(loaded):
    assert loaded.settings.class_names == ("cat", "person", "dog")
    assert not loaded.training
    assert not any(isinstance(part, nn.BatchNorm2d) for part in loaded.modules())


@torch.no_grad()
def test_the_first_stage_is_that_of_transformers(published, loaded):
    expected, proposals = published(pixels()), loaded(images(0)).proposals
    torch.testing.assert_close(proposals.class_logits, expected.enc_topk_logits, **CLOSE)
    torch.testing.assert_close(proposals.boxes, expected.enc_topk_bboxes, **CLOSE)


@torch.no_grad()
def test_choosing_classes_keeps_their_rows(loaded):
    chosen = with_classes(loaded, ["dog", "person"])
    rows = loaded(images(0)).class_logits[..., [2, 1]]
    # One layer: which cells are selected depends on all classes, so compare where it does not.
    memory = loaded.encode(images(0))
    queries = loaded.detector.object_queries(memory)
    ours = chosen.detector.decode(memory, queries).class_logits
    torch.testing.assert_close(ours, rows, **CLOSE)


@torch.no_grad()
def test_as_many_other_classes_begin_at_random(loaded):
    swapped = with_classes(loaded, ["person", "cat", "dog"])
    memory = loaded.encode(images(0))
    queries = loaded.detector.object_queries(memory)
    before = loaded.detector.decode(memory, queries).class_logits
    after = swapped.detector.decode(memory, queries).class_logits
    torch.testing.assert_close(after, before[..., [1, 0, 2]], **CLOSE)
    renamed = with_classes(loaded, ["cat", "bird", "dog"]).detector.decode(memory, queries)
    torch.testing.assert_close(renamed.class_logits[..., 2], before[..., 2], **CLOSE)
    assert not torch.allclose(renamed.class_logits[..., 1], before[..., 1], atol=1e-2)


@torch.no_grad()
def test_track_queries_come_first(model):
    answer = model(images(0, 1), tracks(model, none_padded(2, 3)))
    assert answer.num_track_queries == 3
    assert answer.boxes.shape[1:] == (2, 9, 4)
    assert answer.class_logits.shape[1:] == (2, 9, 2)
    assert answer.embeddings.shape == (2, 9, 32)
    assert answer.is_padding.shape == (2, 9)


@torch.no_grad()
def test_track_queries_matter(model):
    plain = model(images(0))
    asked = model(images(0), tracks(model, none_padded(1, 3)))
    other = model(images(0), tracks(model, none_padded(1, 3), seed=4))
    assert not torch.allclose(asked.embeddings[:, 3:], plain.embeddings, atol=1e-3)
    assert not torch.allclose(asked.boxes[-1, :, :3], other.boxes[-1, :, :3], atol=1e-3)


@torch.no_grad()
def test_padded_track_rows_change_nothing(model):
    plain = model(images(0, 1))
    padded = model(images(0, 1), tracks(model, torch.ones(2, 3, dtype=torch.bool)))
    torch.testing.assert_close(padded.boxes[:, :, 3:], plain.boxes, **CLOSE)
    torch.testing.assert_close(padded.class_logits[:, :, 3:], plain.class_logits, **CLOSE)
    assert padded.boxes.isfinite().all()


@torch.no_grad()
def test_a_ragged_batch_is_its_images_alone(model):
    asked = tracks(model, torch.tensor([[False, False], [False, True]]))
    both = model(images(0, 1), asked)
    first = model(images(0), TrackQueries(*(part[:1] for part in parts(asked))))
    second = model(images(1), TrackQueries(*(part[1:, :1] for part in parts(asked))))
    torch.testing.assert_close(both.boxes[:, :1], first.boxes, **NEAR)
    rows = [0, 2, 3, 4, 5, 6, 7]
    torch.testing.assert_close(both.boxes[:, 1:, rows], second.boxes, **NEAR)


def parts(queries: TrackQueries):
    return queries.embeddings, queries.boxes, queries.is_padding


@torch.no_grad()
def test_no_track_queries_are_none(model):
    plain = model(images(0))
    torch.testing.assert_close(
        model(images(0), tracks(model, none_padded(1, 0))).boxes, plain.boxes
    )


@torch.no_grad()
def test_boxes_are_relative_to_the_image_not_to_its_padding(model):
    # The same black-bordered canvas, once as an image and once as padding of a smaller one.
    small = pixels(0, 32, 64)[0]
    batch = Images.from_list([small, pixels(1, 64, 96)[0]])
    memory = model.encode(batch)
    assert memory.valid_ratios[0, 0].tolist() == pytest.approx([64 / 96, 0.5])
    queries = model.detector.object_queries(memory)
    as_image = Images.from_list([batch.pixels[0]])
    whole = model.encode(as_image)
    ratio = torch.tensor([64 / 96, 0.5] * 2)
    first = model.detector.decode(memory, queries).boxes[:, :1] * ratio
    asked = type(queries)(
        queries.content[:1],
        queries.position[:1],
        queries.reference[:1] * ratio,
        queries.is_padding[:1],
    )
    torch.testing.assert_close(model.detector.decode(whole, asked).boxes, first, **CLOSE)


@torch.no_grad()
def test_no_object_query_is_chosen_in_the_padding(model):
    batch = Images.from_list([pixels(0, 32, 64)[0], pixels(1, 96, 96)[0]])
    memory = model.encode(batch)
    chosen = model.detector.object_queries(memory)
    assert memory.is_padding[0].any()
    assert not memory.is_padding[1].any()
    assert chosen.content.isfinite().all()
    anchors, _ = model.detector.network.generate_anchors(memory.level_shapes)
    centres = anchors[0].sigmoid()[:, :2]
    outside = (centres > torch.tensor([64 / 96, 32 / 96])).any(1)
    assert torch.equal(memory.is_padding[0], outside)


@torch.no_grad()
@pytest.mark.parametrize("size", [(33, 70), (100, 150)])
def test_images_may_have_any_size(model, size):
    answer = model(images(0, size=size), tracks(model, none_padded(1, 2)))
    assert answer.boxes.shape[2] == 8
    assert answer.boxes.isfinite().all()


def test_training_answers_with_every_layer(model_type, model):
    model.train()
    answer = model(images(0), tracks(model, none_padded(1, 2)))
    model.eval()
    layers = 3 if model_type in ("d_fine", "deimv2") else 2  # one more: the initial box head
    assert answer.class_logits.shape == (layers, 1, 8, 2)
    assert answer.boxes.shape == (layers, 1, 8, 4)


def test_gradients_reach_images_and_carried_embeddings_but_no_reference_box(model):
    queries = tracks(model, none_padded(1, 2))
    queries.embeddings.requires_grad_()
    picture = images(0)
    picture.pixels.requires_grad_()
    answer = model(picture, queries)
    (answer.class_logits.sum() + answer.boxes.sum()).backward()
    assert queries.embeddings.grad.abs().sum() > 0
    assert picture.pixels.grad.abs().sum() > 0
    model.zero_grad()


@torch.no_grad()
def test_the_carry_projection_is_the_identity_at_first(model_type):
    torch.manual_seed(0)
    plain = tiny_model(model_type)
    plain.carry.projection.weight.copy_(torch.eye(32))
    plain.carry.projection.bias.zero_()
    plain.carry.type_embedding.zero_()
    queries = tracks(plain, none_padded(1, 2))
    projected = plain(images(0), queries)
    plain.carry = None
    torch.testing.assert_close(projected.boxes, plain(images(0), queries).boxes, **CLOSE)


def test_a_configuration_without_label_names_has_as_many_as_the_weights(tmp_path):
    ensure_torchvision()
    config = AutoConfig.for_model("rt_detr", **tiny_config("rt_detr"), num_queries=6)
    AutoModelForObjectDetection.from_config(config).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    written = json.loads(path.read_text())
    written.pop("id2label", None)  # written for some model types only
    path.write_text(json.dumps(written))
    assert load_hugging_face(tmp_path).settings.class_names == ("LABEL_0", "LABEL_1")


@torch.no_grad()
def test_frozen_and_folded_batch_norm_give_the_same(published, tmp_path):
    published.save_pretrained(tmp_path)
    folded = load_hugging_face(tmp_path)
    assert not any(isinstance(part, FrozenBatchNorm2d) for part in folded.modules())
    frozen_in_training = folded.train()(images(0)).boxes[-1]
    torch.testing.assert_close(frozen_in_training, published(pixels()).pred_boxes, **CLOSE)


@torch.no_grad()
def test_bfloat16_runs_and_is_near(model):
    expected = model(images(0, 1), tracks(model, none_padded(2, 2))).class_logits
    with torch.autocast("cpu", dtype=torch.bfloat16):
        answer = model(images(0, 1), tracks(model, none_padded(2, 2)))
    assert answer.class_logits.shape == expected.shape
    assert answer.class_logits.isfinite().all()
