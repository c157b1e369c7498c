"""A clip through a real (tiny, random) model: gradients, ragged batches, which frames count."""

from dataclasses import replace

import pytest
import torch
from torch import tensor

from tiny_models import tiny_config, tiny_model
from trackformer.training.clip_loss import clip_loss
from trackformer.training.losses.frame import ClipLossSettings
from trackformer.training.settings import LossSettings, MatchingSettings, TrackQuerySettings
from trackformer.types import Clip, Images
from training.worlds import box, target

NO_NOISE = {"drop_rate": 0.0, "false_positive_rate": 0.0}
ONE = [target([box(0.3, 0.3)])]
TWO = [target([box(0.3, 0.3), box(0.7, 0.7, 0.3)], labels=[0, 1])]


@pytest.fixture(scope="module", params=["rt_detr", "deimv2"])
def model(request):
    return tiny_model(request.param)


def clip_of(*frames, seed=0) -> Clip:
    """Frames are lists of targets, one per image; pixels are noise, the same for the same seed."""
    images = [
        Images.from_list(
            [
                torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(seed + 10 * i + f))
                for i in range(len(targets))
            ]
        )
        for f, targets in enumerate(frames)
    ]
    return Clip(tuple(images), tuple(tuple(targets) for targets in frames))


def loss_of(model, clip, *, count=None, seed=0, **track_queries):
    """`count`: the number of objects that sums are divided by, instead of the true one."""
    settings = ClipLossSettings(
        TrackQuerySettings(**NO_NOISE | track_queries), MatchingSettings(), LossSettings()
    )
    reduce = (lambda true: true) if count is None else (lambda _true: tensor(count))
    return clip_loss(model, clip, settings, torch.Generator().manual_seed(seed), reduce)


@torch.no_grad()
def test_a_batch_of_two_is_two_batches_of_one(model):
    both = clip_of([*ONE, *TWO], [*TWO, *ONE], [*ONE, target()])
    first = Clip(
        tuple(image_of(images, 0) for images in both.images),
        tuple(frame[:1] for frame in both.targets),
    )
    second = Clip(
        tuple(image_of(images, 1) for images in both.images),
        tuple(frame[1:] for frame in both.targets),
    )
    settings = {"count": 1.0, "loss_frames": "all", "patience": 2}
    alone = loss_of(model, first, **settings).total + loss_of(model, second, **settings).total
    torch.testing.assert_close(loss_of(model, both, **settings).total, alone, rtol=1e-4, atol=1e-4)


def image_of(images: Images, index: int) -> Images:
    rows = slice(index, index + 1)
    return Images(images.pixels[rows], images.is_padding[rows], images.image_sizes[rows])


@torch.no_grad()
def test_all_frames_count_or_only_the_last(model):
    # Everything dropped: each frame is a detection problem of its own.
    first, second = clip_of(ONE), clip_of(TWO, seed=1)
    both = Clip((*first.images, *second.images), (*first.targets, *second.targets))
    losses = [loss_of(model, part).total for part in (first, second)]
    every = loss_of(model, both, loss_frames="all", drop_rate=1.0).total
    last = loss_of(model, both, loss_frames="last", drop_rate=1.0).total
    torch.testing.assert_close(every, torch.stack(losses).mean())
    torch.testing.assert_close(last, losses[1])


@pytest.mark.parametrize("carry_gradient", [False, True])
def test_the_last_frame_trains_the_first_through_carried_embeddings_only_if_asked(
    model, carry_gradient
):
    clip = clip_of(TWO, TWO)
    clip.images[0].pixels.requires_grad_()
    loss_of(model, clip, carry_gradient=carry_gradient, loss_frames="last").total.backward()
    gradient = clip.images[0].pixels.grad
    assert (gradient is not None and gradient.abs().sum() > 0) == carry_gradient
    model.zero_grad()


def test_gradients_of_a_clip_are_finite(model):
    clip = clip_of([*ONE, target()], [target(), *TWO], [*TWO, target()])
    loss_of(
        model, clip, loss_frames="all", carry_gradient=True, patience=2, false_positive_rate=0.5
    ).total.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert len(gradients) > 10
    assert all(gradient.isfinite().all() for gradient in gradients)
    model.zero_grad()


@torch.no_grad()
def test_carried_objects_are_answered_by_track_queries(model):
    terms = loss_of(model, clip_of(TWO, TWO)).terms
    assert terms["objects_by_track_queries"] == 2
    assert terms["objects_by_object_queries"] == 0


@torch.no_grad()
def test_the_parts_add_up_to_the_total(model):
    loss = loss_of(model, clip_of(TWO, TWO), loss_frames="all")
    parts = [value for name, value in loss.terms.items() if not name.startswith("objects")]
    torch.testing.assert_close(torch.stack(parts).sum(), loss.total)


@torch.no_grad()
def test_clips_without_any_object_have_a_loss(model):
    loss = loss_of(model, clip_of([target()], [target()]), loss_frames="all")
    assert loss.total.isfinite()
    assert loss.total > 0


@torch.no_grad()
def test_the_count_is_the_mean_over_processes(model):
    clip = clip_of(TWO)
    once = loss_of(model, clip).total
    torch.testing.assert_close(loss_of(model, clip, count=2.0).total, once)
    torch.testing.assert_close(loss_of(model, clip, count=4.0).total, once / 2)
    torch.testing.assert_close(loss_of(model, clip, count=0.0).total, once * 2)  # at least 1


@torch.no_grad()
def test_references_move_in_the_given_share_of_clips(model):
    clip = clip_of(TWO, TWO, TWO)
    still = loss_of(model, clip).total
    moving = {"motion": (1.0, 1.0)}
    assert loss_of(model, clip, **moving, motion_rate=0.0).total == still
    assert loss_of(model, clip, **moving, motion_rate=1.0).total != still


@torch.no_grad()
def test_references_move_by_the_time_between_frames(model):
    clip = clip_of(TWO, TWO, TWO)
    moving = {"motion": (1.0, 1.0)}
    counted = loss_of(model, clip, **moving).total

    def timed(*intervals):
        rows = tensor(intervals)[:, None].repeat(1, len(TWO))
        return loss_of(model, replace(clip, intervals=rows), **moving).total

    assert timed(1.0, 1.0, 1.0) == counted
    assert timed(1.0, 2.0, 2.0) == counted  # the unit does not matter
    assert timed(1.0, 1.0, 3.0) != counted


@torch.no_grad()
def test_the_same_generator_gives_the_same_loss(model):
    noise = {"drop_rate": 0.5, "false_positive_rate": 0.5, "loss_frames": "all"}
    clip = clip_of([*TWO, *ONE], [*ONE, *TWO], [*TWO, *TWO])
    totals = [loss_of(model, clip, seed=seed, **noise).total for seed in (1, 1, 2)]
    assert totals[0] == totals[1]
    assert totals[0] != totals[2]


def loss_and_gradients(model, clip, *, checkpoint_frames):
    """With how many bytes the forward pass leaves for the backward pass outside of frames."""
    settings = ClipLossSettings(
        TrackQuerySettings(carry_gradient=True, loss_frames="all", false_positive_rate=0.5),
        MatchingSettings(),
        LossSettings(),
        checkpoint_frames,
    )
    stored = 0

    def count(saved):
        nonlocal stored
        stored += saved.nbytes
        return saved

    torch.manual_seed(0)  # of dropout
    generator = torch.Generator().manual_seed(0)
    with torch.autograd.graph.saved_tensors_hooks(count, lambda saved: saved):
        loss = clip_loss(model, clip, settings, generator, lambda true: true).total
    loss.backward()
    gradients = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    return loss, gradients, stored


def test_checkpointed_frames_give_the_same_gradients_from_less_memory():
    dropout = tiny_config("rt_detr") | {"dropout": 0.1}
    model = tiny_model("rt_detr", config=dropout).train()
    clip = clip_of([*ONE, *TWO], [*TWO, *TWO], [*TWO, *ONE])
    loss, gradients, stored = loss_and_gradients(model, clip, checkpoint_frames=False)
    same, same_gradients, less = loss_and_gradients(model, clip, checkpoint_frames=True)
    assert same == loss
    for one, other in zip(gradients, same_gradients, strict=True):
        assert (one is None) == (other is None)
        assert one is None or torch.equal(one, other)
    assert less < stored / 3
