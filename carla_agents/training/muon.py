"""`Muon`: an optimizer that learns convolutions in fewer steps than AdamW, at hardly more cost per step."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

_MOMENTUM = 0.95
_BETAS = (0.9, 0.999)
_EPSILON = 1e-8
_ITERATIONS = 5
_RMS = 0.1
"""Size of a step per weight at rate 1: so small beside AdamW's that one rate serves both kinds of parameters."""


class Muon(torch.optim.Optimizer):
    """Steps of matrices and convolutions have equal strength in every direction.

    Other parameters take AdamW's steps, and so does the last matrix: it gives the outputs, which must grow freely.

    Source: K. Jordan, Muon (2024); arXiv 2502.16982 for the size of a step that does not depend on a matrix's shape.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: float, weight_decay: float, *, outputs: int = 1
    ) -> None:
        """
        Args:
            parameters: all trainable parameters of a network, in its order.
            lr: rate of both kinds.
            weight_decay: decoupled, of both kinds.
            outputs: so many matrices at the end give the outputs.

        Raises:
            ValueError: outputs is less than 1.
        """
        if outputs < 1:
            raise ValueError(f"outputs is {outputs}; expected at least 1")
        parameters = list(parameters)
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})
        matrices = [parameter for parameter in parameters if parameter.ndim >= 2]
        self._orthogonal = {id(matrix) for matrix in matrices[:-outputs]}

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                parameter.mul_(1.0 - group["lr"] * group["weight_decay"])
                rule = _orthogonal if id(parameter) in self._orthogonal else _adaptive
                step = rule(parameter.grad, state)
                parameter.add_(step, alpha=-group["lr"])


def _orthogonal(gradient: Tensor, state: dict[str, Tensor]) -> Tensor:
    """The momentum as a matrix (outputs, inputs x window) with its singular values brought near 1."""
    if not state:
        state["exp_avg"] = torch.zeros_like(gradient)
    momentum = state["exp_avg"].lerp_(gradient, 1.0 - _MOMENTUM)
    matrix = gradient.lerp(momentum, _MOMENTUM).reshape(len(gradient), -1)
    tall = matrix.shape[0] > matrix.shape[1]
    matrix = matrix.T if tall else matrix
    matrix = matrix / (matrix.norm() + 1e-7)
    square = matrix @ matrix.T
    polynomial = _polynomial(square)
    factor = polynomial
    for _ in range(_ITERATIONS - 1):  # Newton-Schulz on the small square: half the work of iterating on the matrix
        square = polynomial @ square @ polynomial
        polynomial = _polynomial(square)
        factor = polynomial @ factor
    matrix = factor @ matrix
    scale = _RMS * max(matrix.shape) ** 0.5
    return (matrix.T if tall else matrix).reshape(gradient.shape) * scale


def _polynomial(square: Tensor) -> Tensor:
    """What one iteration multiplies the matrix by."""
    polynomial = torch.addmm(square, square, square, beta=-4.7750, alpha=2.0315)
    polynomial.diagonal().add_(3.4445)
    return polynomial


def _adaptive(gradient: Tensor, state: dict[str, Tensor]) -> Tensor:
    if not state:
        state.update(step=torch.zeros(()), exp_avg=torch.zeros_like(gradient), exp_avg_sq=torch.zeros_like(gradient))
    state["step"] += 1.0
    count = float(state["step"])
    mean = state["exp_avg"].lerp_(gradient, 1.0 - _BETAS[0])
    square = state["exp_avg_sq"].lerp_(gradient.square(), 1.0 - _BETAS[1])
    return (mean / (1.0 - _BETAS[0] ** count)) / ((square / (1.0 - _BETAS[1] ** count)).sqrt() + _EPSILON)
