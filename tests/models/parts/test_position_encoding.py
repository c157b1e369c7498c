import pytest
import torch

from golden.recordings import read_recording
from trackformer.errors import ConfigError
from trackformer.models.parts.position_encoding import (
    LearnedPositionEncoding,
    SinePositionEncoding,
    build_position_encoding,
)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("sine", "sine_facebook_detr"),
        ("sine_centred", "sine_trackformer_and_deformable_minus_half"),
    ],
)
def test_sine_encodings_are_the_published_ones(name, published):
    recording = read_recording("unit_posenc")
    encoding = build_position_encoding(name, 32)(recording["mask"])
    torch.testing.assert_close(encoding, recording[published], atol=1e-5, rtol=0)


@pytest.mark.parametrize("frame", [0, 1])
def test_sine_encodings_with_time_are_the_published_ones(frame):
    recording = read_recording("unit_posenc")
    encoding = build_position_encoding("sine_time", 36)(recording["mask"], frame)
    published = recording["sine3d_trackformer"][:, frame]
    torch.testing.assert_close(encoding, published, atol=1e-5, rtol=0)


def test_an_image_is_encoded_the_same_however_it_is_padded():
    encode = SinePositionEncoding(8, offset=-0.5)
    alone = torch.zeros(1, 3, 4, dtype=torch.bool)
    padded = torch.ones(1, 5, 6, dtype=torch.bool)
    padded[:, :3, :4] = False
    torch.testing.assert_close(encode(padded)[..., :3, :4], encode(alone))


def test_an_image_of_padding_only_is_finite():
    encoding = SinePositionEncoding(8, offset=-0.5)(torch.ones(1, 3, 4, dtype=torch.bool))
    assert encoding.isfinite().all()


def test_sizes_that_sines_cannot_fill_are_refused():
    with pytest.raises(ConfigError, match="multiple of 4 for sine positions, got 30"):
        SinePositionEncoding(30, offset=0.0)


def test_learned_encodings_are_columns_then_rows():
    encode = LearnedPositionEncoding(4, max_size=6)
    encoding = encode(torch.zeros(2, 3, 5, dtype=torch.bool))
    assert encoding.shape == (2, 4, 3, 5)
    assert torch.equal(encoding[1, :2, 2, 4], encode.column_embedding[4])
    assert torch.equal(encoding[1, 2:, 2, 4], encode.row_embedding[2])


def test_learned_encodings_stretch_over_larger_maps():
    encode = LearnedPositionEncoding(4, max_size=3)
    encoding = encode(torch.zeros(1, 2, 5, dtype=torch.bool))
    ends_and_middle = encoding[0, :2, 0, [0, 2, 4]].T
    torch.testing.assert_close(ends_and_middle, encode.column_embedding)
