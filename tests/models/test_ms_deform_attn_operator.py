import pytest
import torch

from models.attention_inputs import random_inputs
from trackformer.models.ms_deform_attn.attention import ms_deform_attn
from trackformer.models.ms_deform_attn.choice import PORTABLE, REFERENCE, forced_implementation

LEVEL_SHAPES = ((3, 4), (1, 2))


class Attend(torch.nn.Module):
    def forward(self, value, locations, weights):
        return ms_deform_attn(value, LEVEL_SHAPES, locations, weights)


def test_torch_finds_nothing_wrong_with_the_operator():
    inputs = random_inputs(LEVEL_SHAPES, num_queries=3)
    value, locations, weights = (each.requires_grad_() for each in inputs.tensors)
    operator = torch.ops.trackformer.ms_deform_attn.default
    torch.library.opcheck(operator, (value, [3, 4, 1, 2], locations, weights, PORTABLE))


def test_an_exported_graph_has_one_node_for_it():
    exported = torch.export.export(Attend(), random_inputs(LEVEL_SHAPES).tensors)
    called = [node.target for node in exported.graph.nodes if node.op == "call_function"]
    assert called == [torch.ops.trackformer.ms_deform_attn.default]


def test_a_graph_for_other_runtimes_has_well_known_nodes_only():
    with forced_implementation(REFERENCE):
        exported = torch.export.export(Attend(), random_inputs(LEVEL_SHAPES).tensors)
    called = {str(node.target) for node in exported.graph.nodes if node.op == "call_function"}
    assert "aten.grid_sampler.default" in called
    assert all(name.startswith("aten.") or name == "<built-in function getitem>" for name in called)


def test_a_compiled_function_gives_the_same_gradient_and_follows_what_is_forced():
    backends = []

    def count(graph, _examples):
        backends.append(graph)
        return graph.forward

    inputs = random_inputs(LEVEL_SHAPES)
    compiled = torch.compile(Attend(), backend=count, fullgraph=True)
    for implementation in (PORTABLE, REFERENCE, PORTABLE):
        leaves = [each.detach().clone().requires_grad_() for each in inputs.tensors]
        with forced_implementation(implementation):
            attended = compiled(*leaves)
        attended.sum().backward()
        expected = [each.detach().clone().requires_grad_() for each in inputs.tensors]
        ms_deform_attn(expected[0], LEVEL_SHAPES, *expected[1:], REFERENCE).sum().backward()
        for ours, theirs in zip(leaves, expected, strict=True):
            torch.testing.assert_close(ours.grad, theirs.grad)
    assert len(backends) == 2


def test_differentiating_twice_is_refused():
    value, locations, weights = (each.requires_grad_() for each in random_inputs(LEVEL_SHAPES).tensors)
    attended = ms_deform_attn(value, LEVEL_SHAPES, locations, weights, PORTABLE)
    (slope,) = torch.autograd.grad(attended.square().sum(), value, create_graph=True)
    with pytest.raises(RuntimeError, match="autograd"):
        slope.square().sum().backward()
