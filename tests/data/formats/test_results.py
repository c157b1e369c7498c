import torch

from trackformer.data.results import result_of
from trackformer.objects import TrackedObjects


def test_a_trackers_answer_becomes_arrays_of_the_same_numbers():
    objects = TrackedObjects(
        track_ids=torch.tensor([4, 7]),
        boxes_xyxy=torch.tensor([[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.5, 7.0]]),
        scores=torch.tensor([0.5, 0.25]),
        labels=torch.tensor([0, 0]),
        frame_index=3,
    )
    result = result_of(objects)
    assert (result.frame_index, result.track_ids.tolist()) == (3, [4, 7])
    assert result.boxes_xyxy.tolist() == [[0, 1, 2, 3], [4, 5, 6.5, 7]]
    assert result.scores.tolist() == [0.5, 0.25]


def test_no_objects_become_empty_arrays():
    none = TrackedObjects(
        torch.zeros(0, dtype=torch.int64),
        torch.zeros(0, 4),
        torch.zeros(0),
        torch.zeros(0, dtype=torch.int64),
        frame_index=0,
    )
    assert result_of(none).boxes_xyxy.shape == (0, 4)
