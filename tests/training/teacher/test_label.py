"""What becomes of a teacher's boxes, beside an annotation and in film without any."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from commands import Run
from still_images import write_coco
from synthetic_videos import write_crossing
from trackformer.data.annotations import AnnotatedData, AnnotatedSequence, frame_without_objects
from trackformer.data.read import read_annotations
from trackformer.data.results import ResultFrame
from trackformer.errors import ConfigError, DataError
from trackformer.training.teacher.label import Found, labelled_film, moved, with_labels_of
from trackformer.training.teacher.settings import LabelSettings
from trackformer.training.teacher.write import label
from tracking.proposals.test_onnx_proposals import with_answer

ANNOTATED, BESIDE, ELSEWHERE = [0, 0, 10, 10], [1, 0, 11, 10], [40, 40, 50, 60]
EMPTY = frame_without_objects(0, None)
ONE = replace(
    EMPTY,
    boxes_xyxy=np.array([ANNOTATED], dtype=float),
    labels=np.array([0]),
    track_ids=np.array([7]),
    visibility=np.array([0.5]),
)


class Sees:
    """A teacher who sees the same in every frame."""

    def __init__(self, *boxes, scores) -> None:
        self.found = Found(np.array(boxes, dtype=float).reshape(-1, 4), np.array(scores))

    def find(self, frame) -> Found:
        return self.found


def data(frame=ONE, *, is_video=False) -> AnnotatedData:
    sequence = AnnotatedSequence("a", (frame,), (100, 100), None, is_video=is_video)
    return AnnotatedData((sequence,), ("dog", "person"))


def labelled(teacher, *args, **kwargs):
    made = with_labels_of(teacher, data(*args, **kwargs), LabelSettings())
    return made.sequences[0].frames[0]


def test_whoever_is_annotated_stays_as_annotated():
    frame = labelled(Sees(BESIDE, scores=[0.9]))
    assert frame.boxes_xyxy.tolist() == [ANNOTATED]
    assert len(frame.ignore_boxes_xyxy) == 0


def test_in_a_still_image_a_sure_box_is_an_object_of_the_named_class_with_an_id_of_its_own():
    frame = labelled(Sees(ELSEWHERE, scores=[0.6]))
    assert frame.boxes_xyxy.tolist() == [ANNOTATED, ELSEWHERE]
    assert frame.labels.tolist() == [0, 1]
    assert frame.track_ids.tolist() == [7, 8]
    assert frame.visibility.tolist() == [0.5, 1.0]


def test_an_unsure_box_is_an_ignore_region_and_a_weaker_one_nothing():
    frame = labelled(Sees(ELSEWHERE, [70, 70, 80, 90], scores=[0.3, 0.2]))
    assert frame.boxes_xyxy.tolist() == [ANNOTATED]
    assert frame.ignore_boxes_xyxy.tolist() == [ELSEWHERE]
    assert frame.ignore_is_distractor.tolist() == [False]


def test_in_a_video_nobody_knows_whose_box_it_is_so_it_is_an_ignore_region():
    frame = labelled(Sees(ELSEWHERE, scores=[0.9]), is_video=True)
    assert frame.track_ids.tolist() == [7]
    assert frame.ignore_boxes_xyxy.tolist() == [ELSEWHERE]


def test_what_lies_in_an_ignore_region_is_left_out():
    crowd = replace(ONE, ignore_boxes_xyxy=np.array([[30.0, 30, 60, 70]]),
                    ignore_is_distractor=np.array([False]))  # fmt: skip
    frame = labelled(Sees(ELSEWHERE, scores=[0.9]), crowd)
    assert len(frame.boxes_xyxy) == 1
    assert len(frame.ignore_boxes_xyxy) == 1


def test_loose_boxes_move_onto_the_teachers_where_both_mean_the_same_person():
    tight, loose_one = [1.0, 0, 9, 10], [0.0, 0, 12, 10]
    both = replace(
        ONE,
        boxes_xyxy=np.array([loose_one, ANNOTATED], dtype=float),
        labels=np.array([0, 0]),
        track_ids=np.array([3, 7]),
        visibility=np.ones(2),
    )
    settings = LabelSettings(move_score=0.5)
    # The second box overlaps the teacher's more (0.8) than the first one does (2 / 3).
    frame = moved(both, Sees(tight, scores=[0.9]).found, settings)
    assert frame.boxes_xyxy.tolist() == [loose_one, tight]
    assert frame.track_ids.tolist() == [3, 7]
    unsure = moved(both, Sees(tight, scores=[0.4]).found, settings)
    assert unsure.boxes_xyxy.tolist() == both.boxes_xyxy.tolist()
    never = moved(both, Sees(tight, scores=[1.0]).found, LabelSettings())
    assert never.boxes_xyxy.tolist() == both.boxes_xyxy.tolist()


def test_a_class_that_nobody_annotated_is_refused():
    with pytest.raises(DataError, match=r"class_name.*dog, person.*'car'"):
        with_labels_of(Sees(scores=[]), data(), LabelSettings(class_name="car"))
    with pytest.raises(ConfigError, match="no more than object_score"):
        LabelSettings(object_score=0.2)


def test_film_gets_long_sure_tracks_as_objects_and_the_rest_as_ignore_regions():
    frames = tuple(replace(EMPTY, frame_index=index) for index in range(3))
    film = AnnotatedSequence("film", frames, (100, 100), 10.0, is_video=True)
    long_one, short_one = [0.0, 0, 10, 10], [40.0, 40, 50, 60]
    seen = [Found(np.array([long_one, short_one]), np.array([0.9, 0.9]))] * 2
    seen += [Found(np.array([long_one]), np.array([0.4]))]
    tracks = [
        ResultFrame(index, np.arange(len(each.scores)) + 5, each.boxes_xyxy, each.scores)
        for index, each in enumerate(seen)
    ]
    made = labelled_film(film, tracks, seen, LabelSettings(shortest_track=3)).frames
    assert [frame.track_ids.tolist() for frame in made] == [[5], [5], []]
    assert made[0].boxes_xyxy.tolist() == [long_one]
    assert [frame.ignore_boxes_xyxy.tolist() for frame in made] == [
        [short_one],
        [short_one],
        [long_one],
    ]


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    """Sees one box, surely, whatever it is shown."""
    return with_answer(tmp_path / "t.onnx", [[0, 0, 16, 12, 0.9]], [0], size=(96, 128))


def test_still_images_are_written_as_coco_with_their_images(tmp_path: Path, teacher: Path):
    made = label(write_coco(tmp_path / "in"), tmp_path / "out", teacher, LabelSettings())
    assert (made.num_sequences, made.num_boxes) == (2, 6)
    again = read_annotations(tmp_path / "out" / "annotations.json")
    assert again.class_names == ("person", "dog")
    assert again.sequences[0].frames[0].boxes_xyxy[-1].tolist() == [0, 0, 16, 12]
    assert again.sequences[0].frames[0].read_pixels().shape == (96, 128, 3)


def test_the_command_labels_an_annotated_video(tmp_path: Path, teacher: Path, run: Run):
    write_crossing(tmp_path / "in" / "a")
    code, out, _ = run("data", "label", tmp_path / "in", tmp_path / "out", "--teacher", teacher)
    assert code == 0, out
    assert out.splitlines() == ["1 sequences, 10 frames, 20 boxes", str(tmp_path / "out")]
    (sequence,) = read_annotations(tmp_path / "out").sequences
    assert len(sequence.frames[9].ignore_boxes_xyxy) == 1


def test_film_is_written_with_its_frames(tmp_path: Path, teacher: Path, make_clip):
    film = make_clip(num_frames=6)
    label(film, tmp_path / "made" / "film", teacher, LabelSettings(shortest_track=2))
    (sequence,) = read_annotations(tmp_path / "made" / "film").sequences
    assert len(sequence.frames) == 6
    assert {int(i) for frame in sequence.frames for i in frame.track_ids} == {1}
    assert list((tmp_path / "made").iterdir()) == [tmp_path / "made" / "film"]


def test_a_missing_source_and_a_folder_that_exists_are_refused(tmp_path: Path, teacher: Path):
    with pytest.raises(DataError, match="no such file"):
        label(tmp_path / "absent.mp4", tmp_path / "out", teacher, LabelSettings())
    with pytest.raises(DataError, match="exists"):
        label(tmp_path, tmp_path, teacher, LabelSettings())
