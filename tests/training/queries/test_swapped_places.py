"""Track queries that look where their neighbour is."""

import torch

from trackformer.training.queries.swapped_places import with_swapped_places
from trackformer.types import TrackQueries
from training.worlds import box


def asked(boxes, is_padding=None) -> TrackQueries:
    """One image's queries."""
    count = len(boxes)
    padded = torch.zeros(1, count, dtype=torch.bool)
    if is_padding is not None:
        padded = torch.tensor([is_padding])
    return TrackQueries(torch.arange(2.0 * count).view(1, count, 2), torch.tensor([boxes]), padded)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_neighbours_that_overlap_change_places_and_keep_who_they_are():
    near, beside, far = box(0.3, 0.3), box(0.32, 0.3), box(0.8, 0.8)
    swapped = with_swapped_places(asked([near, beside, far]), 1.0, generator())
    torch.testing.assert_close(swapped.boxes, torch.tensor([[beside, near, far]]))
    assert torch.equal(swapped.embeddings, asked([near, beside, far]).embeddings)


def test_the_place_taken_is_that_of_whoever_overlaps_most():
    middle, near, nearer = box(0.3, 0.3), box(0.35, 0.3), box(0.31, 0.3)
    swapped = with_swapped_places(asked([middle, near, nearer]), 1.0, generator())
    torch.testing.assert_close(swapped.boxes[0, 0], torch.tensor(nearer))


def test_padding_is_nobodys_neighbour():
    one, other = box(0.3, 0.3), box(0.32, 0.3)
    queries = asked([one, other], is_padding=[False, True])
    assert torch.equal(
        with_swapped_places(queries, 1.0, generator()).boxes[0, 0], queries.boxes[0, 0]
    )


def test_the_rate_is_the_share_that_is_swapped():
    pair = [box(0.3, 0.3), box(0.32, 0.3)]
    draws = torch.Generator().manual_seed(0)
    changed = [
        (with_swapped_places(asked(pair), 0.2, draws).boxes != asked(pair).boxes).any(-1)
        for _ in range(500)
    ]
    assert 0.17 < torch.cat(changed).float().mean() < 0.23
