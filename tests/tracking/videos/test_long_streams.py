"""A stream may go on for ever: what is kept of it does not grow."""

import gc
import sys
from itertools import pairwise

import torch

from trackformer.predictions import Predictions
from trackformer.tracking.lifecycle.advance import advance
from trackformer.tracking.lifecycle.tracks import Tracks, as_track_queries, no_tracks
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracker import as_objects

NUM_OBJECTS = 8
MARKS = (200, 500, 800, 1100)
"""Frames at which is weighed: before the first, everything that is made once is there."""
SETTINGS = TrackerSettings(patience=5, max_tracks=20)


def answer(tracks: Tracks, frame_index: int) -> Predictions:
    """Every track is found again but one, and in every frame somebody else arrives."""
    num_tracks = len(tracks.ids)
    generator = torch.Generator().manual_seed(frame_index)
    boxes = torch.rand((num_tracks + NUM_OBJECTS, 4), generator=generator)
    boxes[:, 2:] = 0.02
    scores = torch.full((len(boxes),), 0.05)
    scores[1:num_tracks] = 0.9
    scores[num_tracks] = 0.9
    labels = torch.zeros(len(boxes), dtype=torch.long)
    return Predictions(scores, labels, boxes, torch.zeros(len(boxes), 16))


@torch.inference_mode()
def test_a_thousand_frames_leave_no_trace():
    tracks = no_tracks(16)
    num_blocks, num_tensors, num_tracks = [], [], []
    for frame_index in range(MARKS[-1] + 1):
        as_track_queries(tracks, SETTINGS)
        tracks = advance(tracks, answer(tracks, frame_index), SETTINGS)
        as_objects(tracks, (480, 640), ("person",))
        if frame_index in MARKS:
            gc.collect()
            num_blocks.append(sys.getallocatedblocks())
            num_tensors.append(sum(type(each) is torch.Tensor for each in gc.get_objects()))
            num_tracks.append(len(tracks.ids))
    assert tracks.next_id > MARKS[-1]
    assert max(num_tracks) <= SETTINGS.max_tracks
    # One number kept per frame would be 300 blocks more from mark to mark.
    assert max(after - before for before, after in pairwise(num_blocks)) < 150
    assert max(after - before for before, after in pairwise(num_tensors)) <= 0
    # A view of a frame's tensors would keep the whole of them alive.
    for each in (tracks.boxes, tracks.embeddings, tracks.ids):
        assert each.untyped_storage().nbytes() == each.numel() * each.element_size()
