"""A test runs this: compile attention, force one way after another, compare gradients."""

import torch

from models.ms_deform_attn.attention_inputs import random_inputs
from trackformer.models.ms_deform_attn.attention import ms_deform_attn
from trackformer.models.ms_deform_attn.choice import PORTABLE, REFERENCE, forced_implementation

LEVEL_SHAPES = ((3, 4), (1, 2))


def attend(value, locations, weights):
    return ms_deform_attn(value, LEVEL_SHAPES, locations, weights)


def compile_and_compare() -> int:
    graphs = []

    def count(graph, _examples):
        graphs.append(graph)
        return graph.forward

    inputs = random_inputs(LEVEL_SHAPES)
    compiled = torch.compile(attend, backend=count, fullgraph=True)
    for implementation in (PORTABLE, REFERENCE, PORTABLE):
        ours = [each.detach().clone().requires_grad_() for each in inputs.tensors]
        theirs = [each.detach().clone().requires_grad_() for each in inputs.tensors]
        with forced_implementation(implementation):
            compiled(*ours).sum().backward()
        with forced_implementation(REFERENCE):
            attend(*theirs).sum().backward()
        for first, second in zip(ours, theirs, strict=True):
            torch.testing.assert_close(first.grad, second.grad)
    return len(graphs)


if __name__ == "__main__":
    print(f"compiled {compile_and_compare()} times")  # noqa: T201 - read by the test
