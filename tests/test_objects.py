"""Objects as users get them reach other libraries."""

import pytest
import torch
from torch import tensor

from trackformer.objects import TrackedObjects


def tracked(names=("person", "dog")) -> TrackedObjects:
    return TrackedObjects(
        track_ids=tensor([7, 9]),
        boxes_xyxy=tensor([[0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 3.0, 3.0]]),
        scores=tensor([0.9, 0.8]),
        labels=tensor([1, 0]),
        frame_index=3,
        class_names=names,
    )


def test_supervision_gets_identities_and_class_names():
    detections = tracked().to_supervision()
    assert detections.tracker_id.tolist() == [7, 9]
    assert detections.data["class_name"].tolist() == ["dog", "person"]
    assert detections.xyxy.tolist() == [[0, 0, 2, 2], [1, 1, 3, 3]]
    assert detections.confidence.tolist() == pytest.approx([0.9, 0.8])


def test_supervision_gets_an_empty_frame():
    nothing = TrackedObjects(
        tensor([], dtype=torch.long), torch.zeros(0, 4), tensor([]), tensor([], dtype=torch.long), 0
    )
    assert len(nothing) == 0
    assert len(nothing.to_supervision()) == 0
