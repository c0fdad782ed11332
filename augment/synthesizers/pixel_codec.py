"""What stands in for a VAE and costs nothing: pixels on a logarithmic scale, rearranged into channels.

At 256x144 an autoencoder would cost more than the whole small network, and would need its own training. On the
logarithmic scale a change of light is nearly the same shift for a dark and for a bright surface, which is what a
small network can learn.
"""

from __future__ import annotations

import math

import torch

CODEC_FACTOR = 4
LATENT_CHANNELS = 3 * CODEC_FACTOR**2
_OFFSET = 0.08
_LOW, _HIGH = math.log(_OFFSET), math.log(1.0 + _OFFSET)


def encode_levels(rgb: torch.Tensor) -> torch.Tensor:
    """(N, 3, H, W) rgb in [0, 1] -> levels in [-1, 1], the same shape."""
    return (torch.log(rgb.clamp(0.0, 1.0) + _OFFSET) - _LOW) * (2.0 / (_HIGH - _LOW)) - 1.0


def decode_levels(levels: torch.Tensor) -> torch.Tensor:
    """Levels (N, 3, H, W) -> rgb in [0, 1]; levels outside [-1, 1] are cut off."""
    share = levels.clamp(-1.0, 1.0) * 0.5 + 0.5
    return (torch.exp(share * (_HIGH - _LOW) + _LOW) - _OFFSET).clamp(0.0, 1.0)
