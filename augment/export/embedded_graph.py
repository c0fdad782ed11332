"""`embedded_graph`: the whole step of the embedded model as one graph, from a picture to a picture."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from augment.conditions import CONDITIONS, DOMINANT
from augment.export.onnx_graph import DTYPES, GraphSource, PictureShape, Precision
from augment.layout import GROUP_COUNT
from augment.synthesizers.embedded_noise import NOISE_CHANNELS, draw_noise
from augment.synthesizers.embedded_step import EmbeddedStep
from augment.synthesizers.small_controlnet import WEATHER_CHANNELS, SmallControlNet, weather_vector, weights_hash

KIND = "embedded-step"
INPUTS: dict[str, tuple[int | str, ...]] = {
    "rgb": ("batch", 3, "height", "width"),
    "groups": ("batch", "height", "width"),
    "depth_m": ("batch", "height", "width"),
    "weather": ("batch", WEATHER_CHANNELS),
    "noise": ("batch", NOISE_CHANNELS, "height", "width"),
}


def embedded_graph(folder: Path, precision: Precision = "fp32") -> GraphSource:
    """The step with the weights of `folder`, ready for `export_graph`.

    Inputs and output are 32-bit floats in every precision, and so is the logarithmic scale around the network.

    Raises:
        ValueError: the folder holds something else.
    """
    network = SmallControlNet.load(folder)
    reference = EmbeddedStep(network).eval()
    module = reference if precision == "fp32" else step_in_precision(copy.deepcopy(network), precision)
    return GraphSource(
        kind=KIND,
        module=module,
        inputs=INPUTS,
        output="variant",
        example=example_inputs,
        reference=reference,
        size_multiple_px=network.config.size_multiple_px,
        precision=precision,
        weights=weights_hash(folder),
    )


def embedded_step(folder: Path, precision: Precision) -> EmbeddedStep:
    """The step with the weights of `folder` in a precision.

    Raises:
        ValueError: the folder holds something else.
    """
    return step_in_precision(SmallControlNet.load(folder), precision)


def step_in_precision(network: SmallControlNet, precision: Precision) -> EmbeddedStep:
    """The step with a network that is brought to a precision, in place."""
    if precision == "fp32":
        return EmbeddedStep(network).eval()
    return EmbeddedStep(cast(SmallControlNet, _InPrecision(network, DTYPES[precision]))).eval()


def example_inputs(shape: PictureShape, seed: int) -> dict[str, Tensor]:
    """Random pictures and labels, true weathers and noise."""
    rng = np.random.default_rng(seed)
    size = (shape.batch, shape.height_px, shape.width_px)
    targets = list(CONDITIONS.values())
    arrays = {
        "rgb": rng.random((shape.batch, 3, *size[1:]), np.float32),
        "groups": rng.integers(0, GROUP_COUNT, size),
        "depth_m": rng.uniform(1.0, 300.0, size).astype(np.float32),
        "weather": np.stack([weather_vector(DOMINANT, targets[(seed + i) % len(targets)]) for i in range(size[0])]),
        "noise": np.stack([draw_noise(seed + i, *size[1:]) for i in range(size[0])]),
    }
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


class _InPrecision(nn.Module):
    """A network of another precision between inputs and outputs of 32 bits."""

    def __init__(self, network: SmallControlNet, dtype: torch.dtype) -> None:
        super().__init__()
        self.network = network.to(dtype)
        self.config = network.config
        self._dtype = dtype

    def forward(self, state: Tensor, hint: Tensor, weather: Tensor) -> tuple[Tensor, ...]:
        found = self.network(state.to(self._dtype), hint.to(self._dtype), weather.to(self._dtype))
        return tuple(part.float() for part in found)
