import numpy as np
import pytest

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.formats.parts.assembly import Entry, assemble_frame
from trackformer.data.formats.parts.class_lists import (
    check_objects,
    classes_left_out,
    with_classes_of,
    with_only_classes,
    without_unused,
)
from trackformer.errors import DataError


def animals() -> AnnotatedData:
    entries = [Entry("", 0, (0, 0, 5, 5), label=label, track_id=label) for label in (0, 1)]
    frame = assemble_frame(0, None, entries)
    sequence = AnnotatedSequence("A", (frame,), None, None, is_video=True)
    return AnnotatedData((sequence,), ("cat", "dog"))


def test_labels_follow_their_names_into_another_list():
    data = with_classes_of(animals(), ("dog", "horse", "cat"))
    assert data.class_names == ("dog", "horse", "cat")
    assert np.array_equal(data.sequences[0].frames[0].labels, [2, 0])


def test_a_class_that_the_list_lacks_is_refused():
    with pytest.raises(DataError, match="expected classes among dog, got cat"):
        with_classes_of(animals(), ("dog",))


def test_a_class_that_no_object_has_is_passed_over_unless_it_is_known():
    data = AnnotatedData(animals().sequences, ("cat", "dog", "animals"))
    assert without_unused(data, ("dog",)).class_names == ("cat", "dog")
    assert without_unused(data, ("animals",)).class_names == ("cat", "dog", "animals")
    shifted = with_classes_of(animals(), ("pets", "cat", "dog"))
    kept = without_unused(shifted, ())
    assert kept.class_names == ("cat", "dog")
    assert kept.sequences[0].frames[0].labels.tolist() == [0, 1]


def test_data_without_any_object_are_refused():
    empty = AnnotatedSequence("A", (assemble_frame(0, None, []),), None, None, is_video=True)
    with pytest.raises(DataError, match="there: expected at least one object, got none in 1 seq"):
        check_objects(AnnotatedData((empty,), ("cat",)), "there")
    check_objects(animals(), "there")


def test_classes_that_are_not_asked_for_are_left_out_with_all_their_rows():
    (frame,) = with_only_classes(animals(), ("dog", "bird"), {}).sequences[0].frames
    assert frame.labels.tolist() == [0]
    assert frame.track_ids.tolist() == [1]
    assert frame.boxes_xyxy.shape == (1, 4)


def test_a_class_may_count_as_another():
    data = with_only_classes(animals(), ("pet",), {"cat": "pet", "dog": "pet"})
    assert data.sequences[0].frames[0].labels.tolist() == [0, 0]
    assert data.sequences[0].frames[0].track_ids.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("renamed", "message"),
    [
        ({"van": "dog"}, "classes: expected some of cat, dog to rename, got van"),
        ({"cat": "car"}, "classes: expected a new name of dog, got car"),
    ],
)
def test_names_that_are_not_there_are_refused(renamed, message):
    with pytest.raises(DataError, match=message):
        with_only_classes(animals(), ("dog",), renamed)


def test_data_with_none_of_the_classes_are_refused():
    with pytest.raises(DataError, match="expected one of the classes car, got cat, dog"):
        with_only_classes(animals(), ("car",), {})


def test_what_is_left_out_is_said_in_words():
    data = with_classes_of(animals(), ("pets", "cat", "dog"))
    assert classes_left_out(data, {"cat"}) == [
        "1 objects of class dog are not trained, but background",
        "passed over, since no object has it: class pets",
    ]
    assert classes_left_out(data, {"pets", "cat", "dog"}) == []
