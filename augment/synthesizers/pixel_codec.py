"""A stand-in for a VAE that costs nothing: pixels on a logarithmic scale, rearranged into channels.

At 256x144 an autoencoder would cost more than the whole small network, and would need its own training. On the
logarithmic scale a change of light is nearly the same shift for a dark and for a bright surface, which is what a
small network can learn.
"""

from __future__ import annotations

import math

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.models.modeling_utils import ModelMixin
from torch.nn import functional

CODEC_FACTOR = 4
LATENT_CHANNELS = 3 * CODEC_FACTOR**2
_OFFSET = 0.08
_LOW, _HIGH = math.log(_OFFSET), math.log(1.0 + _OFFSET)


def encode_pixels(picture: torch.Tensor) -> torch.Tensor:
    """(N, 3, H, W) in [-1, 1] -> latents (N, 48, H/4, W/4) in [-1, 1]."""
    level = (torch.log(picture.clamp(-1.0, 1.0) * 0.5 + (0.5 + _OFFSET)) - _LOW) / (_HIGH - _LOW)
    return functional.pixel_unshuffle(level * 2.0 - 1.0, CODEC_FACTOR)


def decode_pixels(latents: torch.Tensor) -> torch.Tensor:
    """Latents (N, 48, h, w) -> (N, 3, 4 h, 4 w) in [-1, 1]."""
    level = functional.pixel_shuffle(latents, CODEC_FACTOR).clamp(-1.0, 1.0) * 0.5 + 0.5
    return ((torch.exp(level * (_HIGH - _LOW) + _LOW) - _OFFSET) * 2.0 - 1.0).clamp(-1.0, 1.0)


class _PixelLatents:
    """What `encode` returns in place of a distribution: there is exactly one latent per picture."""

    def __init__(self, latents: torch.Tensor) -> None:
        self.latents = latents

    def sample(self, generator: torch.Generator | None = None) -> torch.Tensor:
        return self.latents

    def mode(self) -> torch.Tensor:
        return self.latents


class PixelCodec(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """The codec as the `vae` of a diffusers pipeline; it has nothing to learn.

    Args:
        block_out_channels: only its length matters; pipelines compute the down-sampling factor as
            `2 ** (len(block_out_channels) - 1)`, which must be 4.
        latent_channels: 3 x factor x factor.
        scaling_factor: pipelines multiply latents with it.
    """

    @register_to_config
    def __init__(
        self,
        block_out_channels: tuple[int, ...] = (1, 1, 1),
        latent_channels: int = LATENT_CHANNELS,
        scaling_factor: float = 1.0,
    ) -> None:
        super().__init__()
        # Pipelines ask a `vae` for its dtype and device, which diffusers reads from the parameters.
        self.anchor = torch.nn.Parameter(torch.zeros(1), requires_grad=False)

    def encode(self, x: torch.Tensor, return_dict: bool = True) -> AutoencoderKLOutput:
        return AutoencoderKLOutput(latent_dist=_PixelLatents(encode_pixels(x)))

    def decode(
        self, z: torch.Tensor, return_dict: bool = True, generator: torch.Generator | None = None
    ) -> DecoderOutput | tuple[torch.Tensor]:
        pixels = decode_pixels(z)
        return DecoderOutput(sample=pixels) if return_dict else (pixels,)
