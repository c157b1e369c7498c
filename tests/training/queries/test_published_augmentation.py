"""Given the recorded random draws, the published track queries: kept, dropped and made up."""

import json
from typing import Any

import pytest
import torch
from torch import Tensor

from golden.recordings import FOLDER
from trackformer.training.queries.published_augmentation import (
    Draws,
    GeneratorDraws,
    augment_as_published,
)
from trackformer.training.queries.track_queries import (
    CarriedObjects,
    carried_targets,
    carry,
    nothing_carried,
)
from trackformer.training.settings import TrackQuerySettings
from trackformer.types import NO_OBJECT
from training.worlds import output, target

RECORDED: dict[str, Any] = json.loads((FOLDER / "track_query_augmentation.json").read_text())
CASES: list[dict[str, Any]] = RECORDED["cases"]
NEXT = [
    target(torch.rand(len(ids), 4).tolist(), ids=ids)  # Only identities are looked at.
    for ids in RECORDED["cur_track_ids"]
]

FEWEST = min(len(queries) for queries, _ in RECORDED["prev_indices"])


def named(case: dict[str, Any]) -> str:
    where = "last" if case["add_false_pos"] else "earlier"
    return f"false-{case['fp']}-dropped-{case['fn']}-{where}-seed-{case['seed']}"


class RecordedDraws:
    """Answers what the published code drew, and checks that it was asked the same."""

    def __init__(self, calls: list[list[Any]]) -> None:
        self.calls = list(calls)

    def whole(self, end: int) -> int:
        kind, arguments, drawn = self.calls.pop(0)
        assert (kind, arguments[-1]) == ("randint", end)
        return drawn[0]

    def order(self, count: int) -> list[int]:
        kind, arguments, drawn = self.calls.pop(0)
        assert (kind, arguments) == ("randperm", [count])
        return drawn

    def weighted(self, weights: Tensor) -> int:
        kind, recorded, drawn = self.calls.pop(0)
        assert kind == "multinomial"
        # Recorded with seven digits.
        assert weights.tolist() == pytest.approx(recorded, rel=1e-5, abs=1e-7)
        return drawn[0]


@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_same_draws_give_the_same_track_queries(case):
    draws = RecordedDraws(case["rng"])
    assert_as_recorded(augmented(case, draws), case)
    assert not draws.calls


@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_same_seed_gives_the_same_track_queries(case):
    draws = GeneratorDraws(torch.Generator().manual_seed(case["seed"]))
    assert_as_recorded(augmented(case, draws), case)


def augmented(case: dict[str, Any], draws: Draws) -> list[CarriedObjects]:
    settings = TrackQuerySettings(
        drop_rate=case["fn"], false_positive_rate=case["fp"], compatibility="reference"
    )
    before = output(RECORDED["prev_pred_boxes"])
    target_index = torch.full((2, RECORDED["num_queries"]), NO_OBJECT)
    carried = []
    for image, (queries, targets) in enumerate(RECORDED["prev_indices"]):
        if case["fn"] == 0:
            # Without drops the published code needs as many tracks in every image.
            queries, targets = queries[:FEWEST], targets[:FEWEST]
        target_index[image, queries] = torch.tensor(targets)
        ids = RECORDED["prev_track_ids"][image]
        seen = target(torch.rand(len(ids), 4).tolist(), ids=ids)
        nothing = nothing_carried(before.embeddings)
        carried.append(carry(nothing, before, image, target_index[image], seen, settings))
    return augment_as_published(
        carried,
        before,
        target_index,
        NEXT,
        settings,
        draws,
        adds_false_positives=case["add_false_pos"],
    )


def assert_as_recorded(rows: list[CarriedObjects], case: dict[str, Any]) -> None:
    asked = carried_targets(rows, NEXT)
    for image, (each, recorded) in enumerate(zip(rows, case["out"], strict=True)):
        # The hand-made embedding of a query is its number.
        assert each.embeddings[:, 0].tolist() == recorded["prev_out_ind"]
        index = asked[image, : recorded["n_track"]]
        assert torch.nonzero(index == NO_OBJECT)[:, 0].tolist() == recorded["fal_pos"]
        assert index[index != NO_OBJECT].tolist() == recorded["match_ids"]
