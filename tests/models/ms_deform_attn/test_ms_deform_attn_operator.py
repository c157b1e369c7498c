import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models.ms_deform_attn.attention_inputs import random_inputs
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
    # In another process: torch.compile cannot look through the shape checks of the tests.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    script = Path(__file__).with_name("compile_attention.py")
    answer = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=False
    )
    assert answer.stdout.split() == ["compiled", "2", "times"], answer.stderr


def test_differentiating_twice_is_refused():
    value, locations, weights = (
        each.requires_grad_() for each in random_inputs(LEVEL_SHAPES).tensors
    )
    attended = ms_deform_attn(value, LEVEL_SHAPES, locations, weights, PORTABLE)
    (slope,) = torch.autograd.grad(attended.square().sum(), value, create_graph=True)
    with pytest.raises(RuntimeError, match="autograd"):
        slope.square().sum().backward()
