"""Muon steps equally far in every direction of a matrix, and as AdamW elsewhere."""

import pytest
import torch
from torch import nn

from carla_agents.training.muon import Muon


@pytest.mark.parametrize("shape", [(6, 4, 3, 3), (40, 2, 3, 3), (12, 30)])
def test_a_step_of_a_matrix_has_like_singular_values(shape):
    generator = torch.Generator().manual_seed(0)
    weights = nn.Parameter(torch.zeros(shape))
    weights.grad = torch.randn(shape, generator=generator) * 1e-3
    Muon([weights, nn.Parameter(torch.zeros(2, 2))], lr=0.1, weight_decay=0.0).step()
    step = weights.detach().reshape(shape[0], -1)
    values = torch.linalg.svdvals(step) / (0.1 * 0.1 * max(step.shape) ** 0.5)
    assert 0.6 < float(values.min()) <= float(values.max()) < 1.3
    assert float((weights.grad * weights.detach()).sum()) < 0.0  # downhill


@pytest.mark.parametrize("shape", [(8,), (2, 4)])
def test_vectors_and_the_last_matrix_take_the_steps_of_adamw(shape):
    generator = torch.Generator().manual_seed(1)
    ours, theirs = (nn.Parameter(torch.linspace(-1, 1, 8).reshape(shape)) for _ in range(2))
    optimizers = Muon([ours], 1e-2, 0.1), torch.optim.AdamW([theirs], 1e-2, weight_decay=0.1)
    for _ in range(5):
        ours.grad = torch.randn(shape, generator=generator)
        theirs.grad = ours.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_as_many_matrices_at_the_end_as_named_take_the_steps_of_adamw():
    generator = torch.Generator().manual_seed(2)
    ours = [nn.Parameter(torch.ones(3, 4)) for _ in range(3)]
    theirs = [nn.Parameter(torch.ones(3, 4)) for _ in range(3)]
    optimizers = Muon(ours, 1e-2, 0.1, outputs=2), torch.optim.AdamW(theirs, 1e-2, weight_decay=0.1)
    for mine, other in zip(ours, theirs, strict=True):
        mine.grad = torch.randn(3, 4, generator=generator)
        other.grad = mine.grad.clone()
    for optimizer in optimizers:
        optimizer.step()
    assert [torch.allclose(a, b, atol=1e-6) for a, b in zip(ours, theirs, strict=True)] == [False, True, True]
    with pytest.raises(ValueError, match="outputs is 0"):
        Muon(ours, 1e-2, 0.1, outputs=0)
