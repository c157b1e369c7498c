"""Recorded calls: which are replayed, that answers stay, and what happens where nothing can be."""

import gc
import itertools
import weakref

import pytest
import torch

from models.conftest import DETECTORS, random_images
from models.fast.pretended_recorder import PretendedRecorder
from trackformer.models import deformable_attention
from trackformer.models.fast import recordings
from trackformer.models.fast.recordings import Recordings
from trackformer.models.fast.replayed import SLOTS, ReplayedDetector
from trackformer.models.fast.watch import Watch
from trackformer.models.settings import DetrSettings, ModelSettings
from trackformer.models.trackformer import TrackFormer
from trackformer.types import Images, ProposalBoxes, TrackQueries


@pytest.fixture(autouse=True)
def _as_on_a_device(monkeypatch):
    """Only on a processor does a layer look whether there is padding."""
    monkeypatch.setattr(deformable_attention, "_is_seen_whole", lambda _: False)


def tracked(model: TrackFormer, images: Images, num_tracks: int):
    generator = torch.Generator().manual_seed(num_tracks)
    count = len(images.pixels)
    queries = TrackQueries(
        torch.randn(count, num_tracks, 32, generator=generator),
        0.1 + 0.8 * torch.rand(count, num_tracks, 4, generator=generator),
        torch.zeros(count, num_tracks, dtype=torch.bool),
    )
    with torch.inference_mode():
        return model(images, queries)


def pair(name: str) -> tuple[TrackFormer, TrackFormer, PretendedRecorder]:
    """A model, and the same one replayed."""
    detector, recorder = DETECTORS[name](), PretendedRecorder()
    settings = ModelSettings(detector=DetrSettings())
    replayed = TrackFormer(ReplayedDetector(detector, recorder), settings)
    return TrackFormer(detector, settings), replayed, recorder


@pytest.mark.parametrize("name", ["detr", "deformable", "refinement_two_stage"])
def test_replayed_frames_have_the_same_answers_however_many_tracks_there_are(name):
    plain, replayed, recorder = pair(name)
    frames = [random_images((96, 64)), random_images((96, 64))]
    frames[1].pixels.mul_(-1)
    for num_tracks, images in zip((0, 1, 2, 3, 20, 21), itertools.cycle(frames)):
        found, expected = (tracked(each, images, num_tracks) for each in (replayed, plain))
        torch.testing.assert_close(found.boxes, expected.boxes)
        torch.testing.assert_close(found.class_logits, expected.class_logits)
        torch.testing.assert_close(found.embeddings, expected.embeddings)
    # The frame and its queries once; the decoder for 5 to 16 queries, and for 17 to 32.
    assert SLOTS == 16
    assert recorder.num_recorded == 4


def test_proposals_are_replayed_however_many_there_are():
    plain, replayed, recorder = pair("refinement_two_stage")
    images = random_images((96, 64))
    for count in (1, 2, 3):
        boxes = 0.2 + 0.6 * torch.rand(1, count, 4, generator=torch.Generator().manual_seed(count))
        proposed = ProposalBoxes(boxes, torch.zeros(1, count, dtype=torch.bool))
        with torch.inference_mode():
            found, expected = (each(images, proposed=proposed) for each in (replayed, plain))
        torch.testing.assert_close(found.boxes, expected.boxes)
        assert torch.equal(found.is_padding, expected.is_padding)
    assert recorder.num_recorded == 3


def test_an_answer_stays_as_it_was_when_the_next_frame_is_replayed():
    _, replayed, recorder = pair("deformable")
    for _ in range(2):
        tracked(replayed, random_images((96, 64)), 2)
    first = tracked(replayed, random_images((96, 64)), 2)
    before = first.boxes.clone(), first.memory.tokens.clone()
    other = random_images((96, 64))
    other.pixels.zero_()
    second = tracked(replayed, other, 2)
    assert recorder.num_replayed >= 6
    assert torch.equal(first.boxes, before[0])
    assert torch.equal(first.memory.tokens, before[1])
    assert not torch.equal(second.boxes, first.boxes)


def doubled(numbers: torch.Tensor) -> torch.Tensor:
    return 2 * numbers


def test_a_shape_is_recorded_when_it_comes_again():
    recorder = PretendedRecorder()
    replayed = Recordings(recorder)
    for count, values in enumerate(([1.0], [2.0], [1.0, 1.0], [3.0])):
        assert replayed("double", doubled, torch.tensor(values)).tolist() == [2 * x for x in values]
        assert recorder.num_recorded == min(count, 1)


def test_only_the_shapes_used_last_are_remembered(monkeypatch):
    monkeypatch.setattr(recordings, "MOST", 2)
    recorder = PretendedRecorder()
    replayed = Recordings(recorder)
    for length in (1, 1, 2, 3, 1):  # the last one is as if it were the first
        replayed("double", doubled, torch.zeros(length))
    assert recorder.num_recorded == 1
    replayed("double", doubled, torch.zeros(1))
    assert recorder.num_recorded == 2


def test_what_cannot_be_recorded_is_called_and_told_once():
    recorder = PretendedRecorder(error="operation not permitted when stream is capturing\nmore")
    replayed = Recordings(recorder)
    ones = torch.ones(2)
    replayed("double", doubled, ones)
    with pytest.warns(
        UserWarning, match=r"cannot be recorded: operation not permitted.*capturing$"
    ):
        assert replayed("double", doubled, ones).tolist() == [2.0, 2.0]
    assert replayed("double", doubled, ones).tolist() == [2.0, 2.0]


def test_a_call_that_waits_for_numbers_is_not_recorded():
    def at_least_one(numbers):
        return numbers[numbers > 0]

    recorder = PretendedRecorder()
    replayed = Recordings(recorder)
    replayed("positive", at_least_one, torch.ones(2))
    with pytest.warns(UserWarning, match="index.Tensor needs the processor"):
        assert replayed("positive", at_least_one, torch.ones(2)).tolist() == [1.0, 1.0]
    assert recorder.num_recorded == 0


def test_a_copy_from_the_processor_is_an_obstacle_although_no_device_objects():
    watch = Watch(torch.device("meta"))
    with watch:
        torch.zeros(2, device="meta") * 2.0 + torch.tensor(1.0)  # single numbers travel as such
    assert watch.obstacle is None
    with watch:
        torch.ones(2).to("meta", non_blocking=True)
    assert watch.obstacle == "aten._to_copy.default needs the processor"


def test_what_a_recording_reads_is_kept_though_its_owner_forgets_it():
    cache = [torch.full((2,), 3.0)]
    remembered = weakref.ref(cache[0])
    replayed = Recordings(PretendedRecorder())
    for _ in range(2):
        replayed("add", lambda numbers: numbers + (cache[0] if cache else 0.0), torch.ones(2))
    cache.clear()
    gc.collect()
    assert remembered() is not None


def test_only_what_was_there_before_is_kept():
    detector = DETECTORS["deformable"]()
    images = random_images((96, 64))
    watch = Watch(torch.device("cpu"))
    with torch.no_grad(), watch:
        detector.encode(images)
    there = {id(each) for each in (*detector.parameters(), *detector.buffers())}
    there |= {id(images.pixels), id(images.is_padding)}
    # Besides: sizes of levels, which are made anew on a processor.
    assert all(each.numel() <= 16 for key, each in watch.read.items() if key not in there)


def test_a_copied_model_records_anew():
    recorder = PretendedRecorder()
    replayed = Recordings(recorder)
    for _ in range(2):
        replayed("double", doubled, torch.ones(2))
    copied = replayed.__deepcopy__({})
    copied("double", doubled, torch.ones(2))
    assert recorder.num_replayed == 1
