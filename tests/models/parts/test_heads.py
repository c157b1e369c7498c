import torch

from trackformer.models.parts.heads import MLP, build_class_head, inverse_sigmoid, shift_reference


def test_a_box_head_that_says_nothing_keeps_the_reference_box():
    reference = torch.tensor([[[0.2, 0.7, 0.1, 0.9]]])
    torch.testing.assert_close(shift_reference(torch.zeros(1, 1, 4), reference), reference)


def test_a_reference_point_shifts_only_the_centre():
    boxes = shift_reference(torch.zeros(1, 1, 4), torch.tensor([[[0.2, 0.7]]]))
    torch.testing.assert_close(boxes, torch.tensor([[[0.2, 0.7, 0.5, 0.5]]]))


def test_a_reference_beyond_the_image_stays_finite():
    values = inverse_sigmoid(torch.tensor([-0.5, 0.0, 0.5, 1.0, 1.5]))
    torch.testing.assert_close(values, torch.tensor([-1.0, -1.0, 0.0, 1.0, 1.0]) * 11.512925)


def test_a_sigmoid_head_starts_with_a_small_score_for_every_class():
    scores = build_class_head(8, 3, "sigmoid")(torch.zeros(8)).sigmoid()
    torch.testing.assert_close(scores, torch.full((3,), 0.01))


def test_an_mlp_has_no_relu_behind_the_last_layer():
    mlp = MLP(4, 8, 2, num_layers=2)
    torch.nn.init.constant_(mlp.layers[-1].bias, -5.0)
    torch.nn.init.zeros_(mlp.layers[-1].weight)
    assert mlp(torch.rand(3, 4)).tolist() == [[-5.0, -5.0]] * 3


def test_boxes_of_sixteen_bits_are_as_exact_as_their_references():
    # In 16 bits, 0.7012 would be 0.6992 or 0.7031: five pixels of 1333 apart.
    delta = torch.zeros(1, 1, 4, dtype=torch.bfloat16)
    reference = torch.tensor([[[0.7012, 0.3, 0.2, 0.1]]])
    torch.testing.assert_close(shift_reference(delta, reference), reference)
