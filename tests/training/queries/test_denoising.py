"""Noisy copies: what they are asked, what they must find, and that nobody else sees them."""

import pytest
import torch

from synthetic_videos import write_crossing
from tiny_models import tiny_model, tiny_settings
from trackformer.checkpoints.load import load_model
from trackformer.errors import ConfigError
from trackformer.models.build import build_model
from trackformer.models.settings import ModelSettings
from trackformer.training.clip_loss import clip_loss
from trackformer.training.losses.frame import ClipLossSettings
from trackformer.training.queries.denoising import Denoiser, denoising_losses
from trackformer.training.run import train
from trackformer.training.run_state import load_state
from trackformer.training.settings import (
    DenoisingSettings,
    LossSettings,
    MatchingSettings,
    TrackQuerySettings,
    TrainingSettings,
)
from trackformer.types import NO_OBJECT, PADDING, DecoderOutput, Images, TrackQueries
from training.test_clip_loss import ONE, TWO, clip_of
from training.worlds import box, nobody_carried, target

SIZES = {"embedding_size": 32, "num_heads": 4, "feedforward_size": 32, "num_queries": 5}
LAYERS = {"num_encoder_layers": 1, "num_decoder_layers": 2, "backbone": {"name": "resnet18"}}
DETECTORS = {
    "points": {"kind": "deformable_detr", "num_levels": 2},
    "boxes": {
        "kind": "deformable_detr",
        "num_levels": 2,
        "box_anchors": True,
        "box_position": True,
        "box_refinement": True,
    },
}


@pytest.fixture(scope="module", params=["rt_detr", "deimv2", "points", "boxes"])
def model(request):
    if request.param not in DETECTORS:
        return tiny_model(request.param)
    torch.manual_seed(0)
    detector = DETECTORS[request.param] | SIZES | LAYERS
    settings = {"detector": detector, "class_names": ["person", "dog"]}
    return build_model(ModelSettings.model_validate(settings)).eval()


def denoiser(**settings) -> Denoiser:
    torch.manual_seed(0)
    return Denoiser(DenoisingSettings(**settings), num_classes=2, embedding_size=32)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def tracks(*, padded: bool = False) -> TrackQueries:
    """Two images with two tracks each, or in the second image one."""
    return TrackQueries(
        torch.randn(2, 2, 32, generator=generator()),
        torch.tensor([[box(0.3, 0.3), box(0.6, 0.6)], [box(0.4, 0.4), box(0.5, 0.5)]]),
        torch.tensor([[False, False], [False, padded]]),
    )


CARRIED = torch.tensor([[1, NO_OBJECT], [0, PADDING]])


def test_copies_of_objects_ask_for_them_group_by_group():
    make = denoiser(object_groups=2, box_noise=0, label_noise=0)
    world = [*TWO, target([box(0.1, 0.1)], labels=[1])]
    copies = make(tiny_model(), None, nobody_carried(2), world, generator())
    assert copies.target_index.tolist() == [[0, 1, 0, 1], [0, PADDING, 0, PADDING]]
    # Padding is in group 0: in a group of its own it would have nothing to attend to.
    assert copies.queries.groups.tolist() == [[1, 1, 2, 2], [1, 0, 2, 0]]
    torch.testing.assert_close(copies.queries.reference[0], TWO[0].boxes.repeat(2, 1))
    contents = make.class_contents.weight
    assert torch.equal(copies.queries.content[0], contents[[0, 1, 0, 1]])
    assert torch.equal(copies.queries.content[1, 0], contents[1])


def test_copies_of_tracks_must_find_what_the_tracks_must():
    make = denoiser(track_groups=2, object_groups=1, box_noise=0, embedding_noise=0)
    model, asked = tiny_model(), tracks(padded=True)
    copies = make(model, asked, CARRIED, [*TWO, *ONE], generator())
    assert copies.num_of_tracks == 4
    assert copies.target_index[:, :4].tolist() == CARRIED.repeat(1, 2).tolist()
    assert copies.queries.groups.tolist() == [[1, 1, 2, 2, 3, 3], [1, 0, 2, 0, 3, 0]]
    torch.testing.assert_close(copies.queries.reference[0, 2:4], asked.boxes[0])
    expected = model.as_content(asked.embeddings)
    torch.testing.assert_close(copies.queries.content[:, :2], expected)


def test_noise_stays_within_its_bounds():
    many = [target([[0.5, 0.5, 0.2, 0.4]] * 500)]
    copies = denoiser(object_groups=1, box_noise=0.5, label_noise=1.0)(
        tiny_model(), None, nobody_carried(), many, generator()
    )
    found = copies.queries.reference[0]
    assert ((found[:, 0] - 0.5).abs().max() - 0.05).abs() < 1e-3
    assert ((found[:, 1] - 0.5).abs().max() - 0.10).abs() < 1e-3
    assert (found[:, 2] / 0.2).min() == pytest.approx(0.5, abs=0.01)
    assert (found[:, 3] / 0.4).max() == pytest.approx(1.5, abs=0.01)
    is_other = (copies.queries.content[0] != copies.queries.content[0, 0]).any(1)
    assert 0.4 < is_other.float().mean() < 0.6  # of two classes


def test_embedding_noise_is_relative_to_the_embedding():
    many = TrackQueries(
        torch.tensor([2.0, -2.0]).repeat(16).expand(1, 400, 32),
        torch.tensor(box(0.5, 0.5)).expand(1, 400, 4),
        torch.zeros(1, 400, dtype=torch.bool),
    )
    model = build_model(tiny_settings())  # its carry projection is the identity
    copies = denoiser(track_groups=1, embedding_noise=0.25)(
        model, many, torch.zeros(1, 400, dtype=torch.long), ONE, generator()
    )
    assert (copies.queries.content - many.embeddings).std().item() == pytest.approx(0.5, abs=0.01)


@torch.no_grad()
def test_nobody_sees_the_copies_of_another_group(model):
    images = Images.from_list([torch.rand(3, 64, 64, generator=generator())] * 2)
    memory, asked = model.encode(images), tracks(padded=True)
    copies = denoiser(object_groups=2, track_groups=1)(
        model, asked, CARRIED, [*TWO, *ONE], generator()
    )
    alone = model.decode(memory, asked)
    output, beside = model.decode_beside(memory, asked, copies.queries)
    assert output.num_track_queries == 2
    torch.testing.assert_close(output.boxes, alone.boxes, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(output.class_logits, alone.class_logits, rtol=1e-4, atol=1e-4)
    is_last = copies.queries.groups == 3
    copies.queries.content[is_last] += 1
    _, changed = model.decode_beside(memory, asked, copies.queries)
    stays = ~is_last & ~copies.queries.is_padding
    torch.testing.assert_close(
        beside.boxes[:, stays], changed.boxes[:, stays], rtol=1e-4, atol=1e-5
    )
    assert not torch.allclose(beside.embeddings[is_last], changed.embeddings[is_last])


def test_the_loss_of_copies_is_per_object_and_group():
    copies = denoiser(object_groups=2, box_noise=0)(
        tiny_model(), None, nobody_carried(), ONE, generator()
    )
    wrong = torch.tensor([box(0.3, 0.3), box(0.4, 0.3)])
    answer = DecoderOutput(torch.zeros(1, 1, 2, 1), wrong[None, None], torch.zeros(1, 2, 32))
    losses = denoising_losses(answer, copies, ONE, 1.0, LossSettings())
    assert losses.l1 == pytest.approx(0.1 / 2)
    assert losses.giou == pytest.approx(1.0 / 2)  # side by side: IoU 0, no gap
    # Focal, at a score of a half: 0.25 * 0.5^2 * ln 2 for each of two copies.
    assert losses.classification == pytest.approx(0.25 * 0.25 * 0.6931472)


def total(model, clip, weight=None) -> torch.Tensor:
    settings = ClipLossSettings(
        TrackQuerySettings(drop_rate=0, false_positive_rate=0, loss_frames="all"),
        MatchingSettings(),
        LossSettings(),
    )
    noisy = None
    if weight is not None:
        noisy = denoiser(object_groups=2, track_groups=2, weight=weight)
    loss = clip_loss(model, clip, settings, generator(), lambda n: n, denoiser=noisy)
    parts = [value for name, value in loss.terms.items() if not name.startswith("objects")]
    torch.testing.assert_close(torch.stack(parts).sum(), loss.total.detach())
    return loss.total


@torch.no_grad()
def test_without_weight_the_loss_is_that_without_copies(model):
    clip = clip_of([*ONE, *TWO], [*TWO, target()], [*TWO, *TWO])
    torch.testing.assert_close(total(model, clip, 0.0), total(model, clip), rtol=1e-4, atol=1e-4)
    assert total(model, clip, 1.0) > total(model, clip) + 0.1


def test_copies_of_nothing_have_no_loss(model):
    clip = clip_of([target()], [target()])
    assert total(model, clip, 1.0) == total(model, clip)


def test_a_run_with_copies_resumes_to_the_bit(tmp_path):
    video = str(write_crossing(tmp_path / "crossing", num_frames=6))

    def run(name, steps, *, resume=False):
        recipe = {
            "output": str(tmp_path / name),
            "sources": [{"path": video}],
            "model": tiny_settings().model_dump(mode="json"),
            "batch_size": 1,
            "clips": {"canvas": [64, 96]},
            "denoising": {"object_groups": 1, "track_groups": 1},
            "optimizer": {"steps": steps, "warmup_steps": 1, "schedule": "constant"},
            "workers": 0,
        }
        return train(TrainingSettings.model_validate(recipe), resume=resume)

    whole, parts = run("whole", 2), run("parts", 1)
    first = load_state(parts / "last.pt").denoiser["class_contents.weight"]
    run("parts", 2, resume=True)
    last = load_state(parts / "last.pt").denoiser["class_contents.weight"]
    assert not torch.equal(first, last)
    assert torch.equal(last, load_state(whole / "last.pt").denoiser["class_contents.weight"])
    expected = load_model(whole / "last.safetensors").state_dict()
    found = load_model(parts / "last.safetensors").state_dict()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert not any("class_contents" in name for name in found)


def test_queries_without_a_place_have_no_noisy_copies(tmp_path):
    detector = {"kind": "detr"} | SIZES | LAYERS
    recipe = {
        "output": str(tmp_path / "run"),
        "sources": [{"path": str(write_crossing(tmp_path / "crossing", num_frames=2))}],
        "model": {"detector": detector},
        "loss": {"classification": "cross_entropy"},
        "denoising": {"object_groups": 1},
    }
    with pytest.raises(ConfigError, match="queries start from a place"):
        train(TrainingSettings.model_validate(recipe))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("dtype", "off_by"), [(torch.float32, 0.02), (torch.bfloat16, 0.1)])
def test_a_step_on_a_gpu_has_the_loss_of_a_processor(model, dtype, off_by):
    expected = float(loss_on("cpu", model, torch.float32).detach())
    try:
        loss = loss_on("cuda", model.to("cuda"), dtype)
        loss.backward()
        assert float(loss.detach()) == pytest.approx(expected, rel=off_by)
        gradients = [each.grad for each in model.parameters() if each.grad is not None]
        assert all(each.isfinite().all() for each in gradients)
    finally:
        model.zero_grad()
        model.to("cpu")


def loss_on(device, model, dtype):
    """Of two frames with tracks and noisy copies."""
    settings = ClipLossSettings(TrackQuerySettings(), MatchingSettings(), LossSettings())
    copies = denoiser(object_groups=2, track_groups=2).to(device)
    clip = clip_of([*ONE, *TWO], [*TWO, *ONE]).to(device)
    with torch.autocast(device, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        found = clip_loss(model, clip, settings, generator(), lambda count: count, denoiser=copies)
    return found.total
