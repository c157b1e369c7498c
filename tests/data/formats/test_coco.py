import json

import cv2
import numpy as np
import pytest

from trackformer.data.formats.coco.reading import read_coco
from trackformer.data.masks import MaskImage, Polygons, RunLengths, decode_mask
from trackformer.errors import DataError

CATEGORIES = [{"id": 7, "name": "dog"}, {"id": 3, "name": "person"}]


def image(number, **more):
    return {"id": number, "file_name": f"{number}.jpg", "height": 40, "width": 60, **more}


def annotation(number, image_id, box=(10, 20, 5, 6), category_id=3, **more):
    return {
        "id": number,
        "image_id": image_id,
        "bbox": list(box),
        "category_id": category_id,
        **more,
    }


def write_coco(folder, images, annotations, **more):
    (folder / "images").mkdir(exist_ok=True)
    for entry in images:
        (folder / "images" / entry["file_name"]).touch()
    path = folder / "annotations.json"
    content = {"images": images, "annotations": annotations, "categories": CATEGORIES, **more}
    path.write_text(json.dumps(content))
    return path


def message_of(path):
    with pytest.raises(DataError) as caught:
        read_coco(path)
    return str(caught.value)


def test_each_still_image_is_a_sequence_of_one_frame(tmp_path):
    data = read_coco(write_coco(tmp_path, [image(5), image(4)], [annotation(1, 5)]))
    assert [sequence.name for sequence in data.sequences] == ["5.jpg", "4.jpg"]
    first, second = data.sequences
    assert (first.image_size, first.is_video, first.frame_rate) == ((40, 60), False, None)
    assert first.frames[0].boxes_xyxy.tolist() == [[10, 20, 15, 26]]
    assert first.frames[0].image_path == tmp_path / "images" / "5.jpg"
    assert second.frames[0].boxes_xyxy.shape == (0, 4)


def test_categories_become_labels_in_the_order_of_their_ids(tmp_path):
    annotations = [annotation(1, 1, category_id=7), annotation(2, 1, category_id=3)]
    data = read_coco(write_coco(tmp_path, [image(1)], annotations))
    assert data.class_names == ("person", "dog")
    assert data.sequences[0].frames[0].labels.tolist() == [1, 0]
    assert data.sequences[0].frames[0].track_ids.tolist() == [1, 2]


def test_a_crowd_is_an_ignore_region(tmp_path):
    annotations = [annotation(1, 1, iscrowd=1), annotation(2, 1, box=(0, 0, 3, 3), iscrowd=0)]
    frame = read_coco(write_coco(tmp_path, [image(1)], annotations)).sequences[0].frames[0]
    assert frame.boxes_xyxy.tolist() == [[0, 0, 3, 3]]
    assert frame.ignore_boxes_xyxy.tolist() == [[10, 20, 15, 26]]
    assert frame.ignore_is_distractor.tolist() == [False]


def test_images_may_lie_beside_the_file_or_in_a_given_folder(tmp_path):
    path = write_coco(tmp_path, [image(1)], [])
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    (frame,) = read_coco(path, tmp_path / "elsewhere").sequences[0].frames
    assert frame.image_path == tmp_path / "elsewhere" / "1.jpg"
    (tmp_path / "1.jpg").touch()
    assert read_coco(path).sequences[0].frames[0].image_path == tmp_path / "1.jpg"


@pytest.mark.parametrize(
    ("frame_key", "track_key"), [("frame_id", "track_id"), ("frame_index", "instance_id")]
)
def test_images_of_a_video_become_its_frames_in_order(tmp_path, frame_key, track_key):
    images = [image(1, video_id=9, **{frame_key: 12}), image(2, video_id=9, **{frame_key: 11})]
    annotations = [annotation(1, 1, **{track_key: 5}), annotation(2, 2, **{track_key: 5})]
    videos = [{"id": 9, "name": "street", "fps": 25}]
    (video,) = read_coco(write_coco(tmp_path, images, annotations, videos=videos)).sequences
    assert (video.name, video.is_video, video.frame_rate) == ("street", True, 25.0)
    assert [frame.image_path.name for frame in video.frames] == ["2.jpg", "1.jpg"]
    assert [frame.frame_index for frame in video.frames] == [0, 1]
    assert [frame.track_ids.tolist() for frame in video.frames] == [[5], [5]]


def test_crowds_in_videos_need_no_track_id(tmp_path):
    images = [image(1, video_id=9, frame_id=0)]
    path = write_coco(tmp_path, images, [annotation(1, 1, iscrowd=1)])
    assert len(read_coco(path).sequences[0].frames[0].ignore_boxes_xyxy) == 1


def test_a_video_annotation_without_track_id_is_refused(tmp_path):
    path = write_coco(tmp_path, [image(1, video_id=9, frame_id=0)], [annotation(1, 1)])
    assert message_of(path) == f"{path}: expected the key 'instance_id' in every entry of its kind"


def test_a_track_id_twice_in_a_frame_is_refused(tmp_path):
    annotations = [annotation(1, 1, track_id=5), annotation(2, 1, track_id=5)]
    path = write_coco(tmp_path, [image(1, video_id=9, frame_id=0)], annotations)
    assert message_of(path) == (
        f"{path}: annotation id 2: "
        "expected each id once in a frame, got id 5 again in frame index 0"
    )


def test_a_frame_twice_in_a_video_is_refused(tmp_path):
    images = [image(1, video_id=9, frame_id=0), image(2, video_id=9, frame_id=0)]
    path = write_coco(tmp_path, images, [])
    assert message_of(path) == f"{path}: expected each frame once in video 9"


def test_frames_of_two_sizes_are_refused(tmp_path):
    images = [image(1, video_id=9, frame_id=0), image(2, video_id=9, frame_id=1) | {"height": 41}]
    path = write_coco(tmp_path, images, [])
    assert message_of(path).startswith(f"{path}: expected one image size in video 9, got ")


def test_a_number_that_is_none_is_refused_with_its_annotation(tmp_path):
    path = write_coco(tmp_path, [image(1)], [annotation(77, 1, box=(float("nan"), 1, 5, 5))])
    assert message_of(path).startswith(
        f"{path}: annotation id 77: expected a number in bbox of at most 1e+07, got nan"
    )


@pytest.mark.parametrize("box", [(1, 1, 0, 5), (1, 1, 5, -1)])
def test_a_box_without_area_is_refused_with_its_annotation(tmp_path, box):
    path = write_coco(tmp_path, [image(1)], [annotation(1, 1), annotation(77, 1, box=box)])
    expected = f"{path}: annotation id 77: expected a positive width and height, got "
    assert message_of(path).startswith(expected)


def test_all_mistakes_can_be_collected_and_the_rest_read(tmp_path):
    bad = [annotation(number, 1, box=(1, 1, 0, 0)) for number in range(1, 9)]
    bad.append(annotation(9, 1, category_id=99))
    path = write_coco(tmp_path, [image(1)], [*bad, annotation(10, 1)])
    mistakes = []
    data = read_coco(path, report=mistakes.append)
    assert [error.mistake for error in mistakes] == ["unknown-class"] + ["no-area"] * 8
    assert data.sequences[0].frames[0].boxes_xyxy.tolist() == [[10, 20, 15, 26]]


@pytest.mark.parametrize(
    ("annotations", "problem"),
    [
        ([annotation(1, 2)], "1: expected a known image, got image_id 2"),
        (
            [annotation(1, 1, category_id=99)],
            "1: expected a category of [3, 7], got category_id 99",
        ),
        ([annotation(4, 1), annotation(4, 1)], "4: expected each annotation id once"),
        (
            [annotation(4, 1, box=(1, 1, 5))],
            "4: expected left, top, width and height, got [1, 1, 5]",
        ),
    ],
)
def test_annotations_of_nothing_known_are_refused(tmp_path, annotations, problem):
    path = write_coco(tmp_path, [image(1)], annotations)
    assert message_of(path) == f"{path}: annotation id {problem}"


def test_missing_images_are_named(tmp_path):
    path = write_coco(tmp_path, [image(1), image(2)], [])
    (tmp_path / "images" / "2.jpg").unlink()
    assert message_of(path) == (f"{path}: expected all 2 images in {tmp_path}/images, got no 2.jpg")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "expected a json file: "),
        ("[]", "expected images, annotations and categories, got no "),
        ('{"images": []}', "expected images, annotations and categories, got no ['annotations'"),
        ('{"images": 1, "annotations": [], "categories": []}', "expected COCO's layout: "),
        (
            '{"images": [{}], "annotations": [], "categories": []}',
            "expected the key 'file_name' in every entry",
        ),
    ],
)
def test_a_file_that_is_not_coco_is_refused(tmp_path, text, problem):
    path = tmp_path / "annotations.json"
    path.write_text(text)
    assert message_of(path).startswith(f"{path}: {problem}")


def test_a_missing_file_is_named(tmp_path):
    assert message_of(tmp_path / "no.json") == f"{tmp_path}/no.json: no such file"


def test_outlines_stay_as_they_are_until_a_mask_is_asked_for(tmp_path):
    runs = {"counts": [2, 2, 2], "size": [2, 3]}
    annotations = [
        annotation(1, 1, segmentation=[[1, 1, 4, 1, 4, 3, 1, 3]]),
        annotation(2, 1, segmentation=runs),
        annotation(3, 1),
    ]
    frame = read_coco(write_coco(tmp_path, [image(1)], annotations)).sequences[0].frames[0]
    polygons, run_lengths, none = frame.segmentations
    assert polygons == Polygons(((1.0, 1.0, 4.0, 1.0, 4.0, 3.0, 1.0, 3.0),))
    assert run_lengths == RunLengths((2, 2, 2), (2, 3))
    assert none is None


def test_a_polygon_covers_the_pixels_inside_it():
    mask = decode_mask(Polygons(((1.0, 1.0, 4.0, 1.0, 4.0, 3.0, 1.0, 3.0),)), (5, 6))
    rows, columns = np.nonzero(mask)
    assert (mask.shape, mask.sum()) == ((5, 6), 6)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (1, 2, 1, 3)


@pytest.mark.parametrize("counts", [(2, 2, 2), "222"])
def test_run_lengths_go_down_the_columns(counts):
    mask = decode_mask(RunLengths(counts, (2, 3)), (2, 3))
    assert mask.tolist() == [[False, True, False], [False, True, False]]


def test_a_mask_image_holds_objects_by_value(tmp_path):
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "1.png"), np.array([[0, 1], [2, 2]], np.uint8))
    path = write_coco(tmp_path, [image(1, mask_file="1.png")], [annotation(1, 1, mask_value=2)])
    (segmentation,) = read_coco(path).sequences[0].frames[0].segmentations
    assert segmentation == MaskImage(tmp_path / "masks" / "1.png", 2)
    assert decode_mask(segmentation, (2, 2)).tolist() == [[False, False], [True, True]]


def test_a_mask_of_another_size_than_its_image_is_refused():
    with pytest.raises(DataError, match=r"expected a mask of .*8, 9.*, got .*2, 3"):
        decode_mask(RunLengths((6,), (2, 3)), (8, 9))


def test_a_missing_mask_image_is_named(tmp_path):
    with pytest.raises(DataError, match="expected a mask image of one channel"):
        decode_mask(MaskImage(tmp_path / "no.png", 1), (2, 2))
