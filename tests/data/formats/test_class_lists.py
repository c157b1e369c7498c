import numpy as np
import pytest

from trackformer.data.annotations import AnnotatedData, AnnotatedSequence
from trackformer.data.formats.assembly import Entry, assemble_frame
from trackformer.data.formats.class_lists import check_objects, with_classes_of, without_unused
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
