import cv2
import numpy as np
import pytest

from trackformer.data.formats.mot.reading import (
    read_mot,
    read_mot_ground_truth,
    read_mot_results,
    read_mot_sequence,
    write_mot_results,
)
from trackformer.data.results import ResultFrame
from trackformer.errors import DataError

SEQINFO = "[Sequence]\nname=any\nframeRate=30\nseqLength=3\nimWidth=64\nimHeight=48\nimExt=.jpg\n"


def write_sequence(folder, lines, seqinfo=SEQINFO):
    (folder / "gt").mkdir(parents=True)
    (folder / "gt" / "gt.txt").write_text("".join(f"{line}\n" for line in lines))
    if seqinfo is not None:
        (folder / "seqinfo.ini").write_text(seqinfo)
    return folder


def write_images(folder, numbers):
    (folder / "img1").mkdir(parents=True, exist_ok=True)
    for number in numbers:
        cv2.imwrite(str(folder / "img1" / f"{number:06d}.png"), np.zeros((48, 64, 3), np.uint8))


def results_of(frame_index, boxes, ids=None, scores=None):
    return ResultFrame(
        frame_index,
        np.array(range(1, len(boxes) + 1) if ids is None else ids, dtype=np.int64),
        np.array(boxes, dtype=np.float64).reshape(-1, 4),
        np.array([0.5] * len(boxes) if scores is None else scores, dtype=np.float64),
    )


def message_of(function, *arguments):
    with pytest.raises(DataError) as caught:
        function(*arguments)
    return str(caught.value)


def test_frames_and_pixels_count_from_zero(tmp_path):
    sequence = read_mot_sequence(write_sequence(tmp_path / "A", ["2,7,11,21,30,40,1,1,0.5"]))
    assert [frame.frame_index for frame in sequence.frames] == [0, 1, 2]
    frame = sequence.frames[1]
    assert frame.boxes_xyxy.tolist() == [[10, 20, 40, 60]]
    assert (frame.track_ids.tolist(), frame.labels.tolist()) == ([7], [0])
    assert frame.visibility.tolist() == [0.5]


def test_seqinfo_gives_length_size_and_rate_where_there_are_no_images(tmp_path):
    sequence = read_mot_sequence(write_sequence(tmp_path / "A", ["1,1,1,1,5,5"]))
    assert (sequence.name, len(sequence.frames), sequence.image_size) == ("A", 3, (48, 64))
    assert (sequence.frame_rate, sequence.is_video) == (30.0, True)
    assert sequence.frames[0].image_path is None


def test_images_give_length_and_size_where_there_is_no_seqinfo(tmp_path):
    folder = write_sequence(tmp_path / "A", ["1,1,1,1,5,5"], seqinfo=None)
    write_images(folder, [1, 2])
    sequence = read_mot_sequence(folder)
    assert (len(sequence.frames), sequence.image_size, sequence.frame_rate) == (2, (48, 64), None)
    assert sequence.frames[1].image_path == folder / "img1" / "000002.png"


def test_a_frame_without_lines_has_no_objects(tmp_path):
    sequence = read_mot_sequence(write_sequence(tmp_path / "A", []))
    assert [frame.boxes_xyxy.shape for frame in sequence.frames] == [(0, 4)] * 3


@pytest.mark.parametrize(
    "line",
    [
        "1,1,1,1,5,5",
        "1,1,1,1,5,5,1",
        "1,1,1,1,5,5,1,1",
        "1,1,1,1,5,5,1,-1,-1",
        "1,1,1,1,5,5,1,-5.3,3.4,0",
        "1.0, 1.0, 1, 1, 5, 5, 1,",
        "1 1 1 1 5 5",
    ],
)
def test_absent_columns_mean_a_fully_visible_pedestrian(tmp_path, line):
    frame = read_mot_sequence(write_sequence(tmp_path / "A", [line])).frames[0]
    assert frame.boxes_xyxy.tolist() == [[0, 0, 5, 5]]
    assert frame.visibility.tolist() == [1]


@pytest.mark.parametrize(
    ("consider_and_class", "objects", "ignored", "distractors", "others"),
    [
        ("1,1", 1, 0, 0, 0),
        ("0,1", 0, 1, 0, 0),
        ("0,13", 0, 1, 0, 0),
        ("0,2", 0, 1, 1, 0),
        ("1,7", 0, 1, 1, 0),
        ("0,8", 0, 1, 1, 0),
        ("0,12", 0, 1, 1, 0),
        ("0,9", 0, 0, 0, 1),
        ("1,3", 0, 0, 0, 1),
        ("0,6", 0, 0, 0, 1),
    ],
)
def test_consider_and_class_decide_what_a_box_is(
    tmp_path, consider_and_class, objects, ignored, distractors, others
):
    line = f"1,1,1,1,5,5,{consider_and_class},1"
    frame = read_mot_sequence(write_sequence(tmp_path / "MOT17-02", [line])).frames[0]
    assert (len(frame.boxes_xyxy), len(frame.ignore_boxes_xyxy)) == (objects, ignored)
    assert frame.ignore_is_distractor.sum() == distractors
    assert len(frame.other_boxes_xyxy) == others


def test_in_mot20_a_vehicle_without_motor_is_a_distractor(tmp_path):
    frame = read_mot_sequence(write_sequence(tmp_path / "MOT20-01", ["1,1,1,1,5,5,0,6,1"])).frames[
        0
    ]
    assert frame.ignore_is_distractor.tolist() == [True]


def test_a_split_folder_is_read_in_order_of_names(tmp_path):
    for name in ("B", "A"):
        write_sequence(tmp_path / name, ["1,1,1,1,5,5"])
    (tmp_path / "notes").mkdir()
    data = read_mot(tmp_path)
    assert [sequence.name for sequence in data.sequences] == ["A", "B"]
    assert data.class_names == ("person",)


def test_a_sequence_folder_and_a_file_are_one_sequence(tmp_path):
    folder = write_sequence(tmp_path / "A", ["2,1,1,1,5,5"])
    assert [len(sequence.frames) for sequence in read_mot(folder).sequences] == [3]
    (alone,) = read_mot(folder / "gt" / "gt.txt").sequences
    assert (alone.name, len(alone.frames), alone.image_size) == ("A", 2, None)


def test_a_ground_truth_file_can_be_told_the_length_of_its_video(tmp_path):
    path = tmp_path / "clip_gt.txt"
    path.write_text("2,1,1,1,5,5\n")
    assert len(read_mot_ground_truth(path, num_frames=4).frames) == 4
    assert read_mot_ground_truth(path).name == "clip_gt"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,1,1,1,5", "expected 6 to 10 columns (frame,id,left,top,width,height,...), got 5"),
        (
            "1,1,1,1,5,5,1,1,1,1,1",
            "expected 6 to 10 columns (frame,id,left,top,width,height,...), got 11",
        ),
        ("1,1,1,1,5,5", "expected 9 columns as in the first line, got 6"),
        ("1,a,1,1,5,5,1,1,1", "expected numbers, got '1,a,1,1,5,5,1,1,1'"),
        ("1,1,nan,1,5,5,1,1,1", "expected finite numbers, got 1,1,nan,1,5,5"),
        ("1,1,1,1,inf,5,1,1,1", "expected finite numbers, got 1,1,1,1,inf,5"),
        ("0,1,1,1,5,5,1,1,1", "expected a whole frame number from 1 on, got 0,1,1,1,5,5"),
        ("1.5,1,1,1,5,5,1,1,1", "expected a whole frame number from 1 on, got 1.5,1,1,1,5,5"),
        ("1,2.5,1,1,5,5,1,1,1", "expected a whole id, got 1,2.5,1,1,5,5"),
        ("1,2,1,1,-5,5,1,1,1", "expected a width and height of at least 0, got 1,2,1,1,-5,5"),
        ("1,2,1,1,0,5,1,1,1", "expected a positive width, got 0"),
        ("1,2,1,1,5,0,1,1,1", "expected a positive height, got 0"),
        ("1,-1,1,1,5,5,1,1,1", "expected an id from 0 on, got -1"),
        ("1,2,1,1,5,5,1,14,1", "expected a class from 1 to 13, got 14"),
        ("1,2,1,1,5,5,1,1,1.5", "expected a visibility in [0, 1], got 1.5"),
        ("1,9,1,1,5,5,1,1,1", "expected each id once in a frame, got id 9 again in frame 1"),
        ("4,2,1,1,5,5,1,1,1", "expected at most 3 frames, got frame 4"),
    ],
)
def test_a_malformed_line_is_named_with_what_was_expected(tmp_path, line, problem):
    folder = write_sequence(tmp_path / "A", ["1,9,1,1,5,5,1,1,1", "", line])
    assert message_of(read_mot_sequence, folder) == f"{folder}/gt/gt.txt:3: {problem}"


def test_a_sequence_without_annotations_is_refused(tmp_path):
    write_images(tmp_path / "A", [1])
    assert message_of(read_mot, tmp_path) == f"{tmp_path}/A/gt/gt.txt: no such file"


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "gt.txt"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    assert message_of(read_mot, path) == f"{path}: expected a text file of comma-separated numbers"


def test_a_folder_without_sequences_is_refused(tmp_path):
    assert message_of(read_mot, tmp_path) == (
        f"{tmp_path}: expected a sequence (a folder with gt or img1) or a folder of sequences"
    )
    assert message_of(read_mot, tmp_path / "no") == f"{tmp_path}/no: no such file or folder"


def test_fewer_images_than_seqinfo_says_are_refused(tmp_path):
    folder = write_sequence(tmp_path / "A", [])
    write_images(folder, [1, 2])
    assert message_of(read_mot_sequence, folder) == (
        f"{folder}: expected 3 images as seqinfo.ini says, got 2"
    )


def test_a_missing_image_between_others_is_named(tmp_path):
    folder = write_sequence(tmp_path / "A", [])
    write_images(folder, [1, 2, 4])
    assert message_of(read_mot_sequence, folder) == (
        f"{folder}/img1: expected an image between 000002.png and 000004.png"
    )


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    folder = write_sequence(tmp_path / "A", [], seqinfo=None)
    (folder / "img1").mkdir()
    (folder / "img1" / "first.jpg").write_text("no image")
    assert message_of(read_mot_sequence, folder) == (
        f"{folder}/img1/first.jpg: cannot be read as an image"
    )


@pytest.mark.parametrize("text", ["three", "0", "-2", "inf"])
def test_seqinfo_with_an_impossible_number_is_refused(tmp_path, text):
    folder = write_sequence(tmp_path / "A", [], seqinfo=f"[Sequence]\nseqLength={text}\n")
    assert message_of(read_mot_sequence, folder) == (
        f"{folder}/seqinfo.ini: expected a positive number for seqLength, got {text!r}"
    )


@pytest.mark.parametrize("content", ["seqLength=3\n", "[Other]\nseqLength=3\n"])
def test_seqinfo_without_its_part_is_refused(tmp_path, content):
    folder = write_sequence(tmp_path / "A", [], seqinfo=content)
    assert message_of(read_mot_sequence, folder).startswith(
        f"{folder}/seqinfo.ini: expected an ini file with a [Sequence] part: "
    )


def test_results_come_back_as_they_were_written(tmp_path):
    path = tmp_path / "run" / "tracks.txt"
    written = [
        results_of(0, [[0, 0, 5, 5], [-1.5, 2.25, 8, 9]], ids=[4, 2], scores=[0.25, 1]),
        results_of(2, [[1, 1, 2, 3]]),
    ]
    write_mot_results(path, written)
    read = read_mot_results(path)
    assert [frame.frame_index for frame in read] == [0, 2]
    for before, after in zip(written, read, strict=True):
        assert after.track_ids.tolist() == before.track_ids.tolist()
        assert after.boxes_xyxy.tolist() == before.boxes_xyxy.tolist()
        assert after.scores.tolist() == before.scores.tolist()


def test_a_result_line_counts_from_one(tmp_path):
    path = tmp_path / "tracks.txt"
    write_mot_results(path, [results_of(0, [[10, 20, 40, 60]], ids=[3], scores=[0.9])])
    assert path.read_text() == "1,3,11.000,21.000,30.000,40.000,0.9000,-1,-1,-1\n"


def test_a_result_file_appears_whole_or_not_at_all(tmp_path):
    def frames():
        yield results_of(0, [[0, 0, 5, 5]] * 500)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_mot_results(tmp_path / "tracks.txt", frames())
    assert list(tmp_path.iterdir()) == []


def test_no_results_make_an_empty_file_that_reads_back(tmp_path):
    write_mot_results(tmp_path / "tracks.txt", [results_of(0, [])])
    assert read_mot_results(tmp_path / "tracks.txt") == ()


def test_detections_may_share_the_id_minus_one_and_lack_a_score(tmp_path):
    path = tmp_path / "det.txt"
    path.write_text("2,-1,1,1,5,5\n1,-1,1,1,5,5\n2,-1,2.5,1,5,5\n")
    first, second = read_mot_results(path)
    assert (first.frame_index, second.frame_index) == (0, 1)
    assert second.boxes_xyxy[:, 0].tolist() == [0, 1.5]
    assert second.scores.tolist() == [1, 1]


def test_frames_can_only_be_appended_in_order(tmp_path):
    with pytest.raises(ValueError, match="expected a frame after 3, got 3"):
        write_mot_results(tmp_path / "tracks.txt", [results_of(3, []), results_of(3, [])])


def test_boxes_that_are_not_numbers_are_not_written(tmp_path):
    path = tmp_path / "tracks.txt"
    message = message_of(write_mot_results, path, [results_of(0, [[0, 0, np.nan, 5]])])
    assert message == f"{path}: expected finite boxes in frame 0"
