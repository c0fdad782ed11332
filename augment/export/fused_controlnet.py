"""`FusedControlNet`: ControlNet and UNet of a Stable Diffusion 1.x or 2.x preset as one network, for one engine.

Two engines would hand thirteen residuals from one to the other at every step; in one graph they never leave it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from torch import Tensor, nn

from augment.export.onnx_graph import DTYPES, GraphSource, PictureShape, Precision
from augment.export.sidecar import ExportError, file_hash

KIND = "fused-controlnet"
LATENT_FACTOR = 8
"""Pixels to one latent pixel in every VAE of Stable Diffusion 1.x and 2.x."""
TOKENS = 77
"""Length of CLIP's text; prompts are padded to it."""


class FusedControlNet(nn.Module):
    """What the denoising loop calls once in every step.

    Args:
        unet: of the preset.
        controlnet: that goes with it.
    """

    def __init__(self, unet: Any, controlnet: Any) -> None:
        super().__init__()
        self.unet = unet
        self.controlnet = controlnet

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        controlnet_cond: Tensor,
        conditioning_scale: Tensor,
    ) -> Tensor:
        """Predict the noise (or what the preset's scheduler calls for).

        Args:
            sample: (N, 4, H/8, W/8) noisy latents.
            timestep: (N,) int64.
            encoder_hidden_states: (N, 77, C) text.
            controlnet_cond: (N, 3, H, W) layout in [0, 1].
            conditioning_scale: () strength of the layout.

        Returns:
            (N, 4, H/8, W/8).
        """
        down, mid = self.controlnet(sample, timestep, encoder_hidden_states, controlnet_cond, return_dict=False)
        return self.unet(
            sample,
            timestep,
            encoder_hidden_states,
            down_block_additional_residuals=[residual * conditioning_scale for residual in down],
            mid_block_additional_residual=mid * conditioning_scale,
            return_dict=False,
        )[0]


def fused_graph_from_folders(base: Path, controlnet: Path, precision: Precision = "fp32") -> GraphSource:
    """The fused network of a preset's folders, ready for `export_graph`.

    Args:
        base: folder in diffusers' layout with `unet/`.
        controlnet: folder of the ControlNet.
        precision: of weights, inputs and output.

    Raises:
        ValueError: a folder is missing or holds no safetensors.
        ExportError: the networks are not of Stable Diffusion 1.x or 2.x.
    """
    options = {"local_files_only": True, "use_safetensors": True, "torch_dtype": DTYPES[precision]}
    hashes = []
    for folder in (base / "unet", controlnet):
        files = sorted(folder.glob("*.safetensors"))
        if not files:
            raise ValueError(f"{folder} holds no .safetensors file; nothing is downloaded, pickles are refused")
        hashes.append("".join(file_hash(file)[:16] for file in files))
    unet = UNet2DConditionModel.from_pretrained(base, subfolder="unet", **options)
    network = ControlNetModel.from_pretrained(controlnet, **options)
    return fused_graph(unet, network, precision, "-".join(hashes))


def fused_graph(unet: Any, controlnet: Any, precision: Precision, weights: str) -> GraphSource:
    """The fused network of a UNet and a ControlNet, which are brought to `precision` in place.

    Args:
        unet, controlnet: networks of diffusers.
        precision: of weights, inputs and output.
        weights: their hash.

    Raises:
        ExportError: the networks are not of Stable Diffusion 1.x or 2.x.
    """
    if unet.config.addition_embed_type is not None or unet.config.in_channels != 4:
        raise ExportError(
            f"the UNet has addition_embed_type={unet.config.addition_embed_type!r} and "
            f"{unet.config.in_channels} input channels; only Stable Diffusion 1.x and 2.x are exported"
        )
    width = unet.config.cross_attention_dim
    if controlnet.config.cross_attention_dim != width:
        raise ExportError(
            f"the ControlNet reads text of width {controlnet.config.cross_attention_dim}, the UNet {width}; "
            "they belong to different versions of Stable Diffusion"
        )
    dtype = DTYPES[precision]

    def example(shape: PictureShape, seed: int) -> dict[str, Tensor]:
        random = torch.Generator().manual_seed(seed)
        rows, columns = shape.height_px // LATENT_FACTOR, shape.width_px // LATENT_FACTOR
        return {
            "sample": torch.randn(shape.batch, 4, rows, columns, generator=random).to(dtype),
            "timestep": torch.randint(1, 999, (shape.batch,), generator=random),
            "encoder_hidden_states": torch.randn(shape.batch, TOKENS, width, generator=random).to(dtype),
            "controlnet_cond": torch.rand(shape.batch, 3, shape.height_px, shape.width_px, generator=random).to(
                dtype
            ),
            "conditioning_scale": torch.tensor(0.8, dtype=dtype),
        }

    module = FusedControlNet(unet, controlnet).to(dtype).eval()
    return GraphSource(
        kind=KIND,
        module=module,
        inputs={
            "sample": ("batch", 4, "height/8", "width/8"),
            "timestep": ("batch",),
            "encoder_hidden_states": ("batch", TOKENS, width),
            "controlnet_cond": ("batch", 3, "height", "width"),
            "conditioning_scale": (),
        },
        output="noise",
        example=example,
        reference=module,
        size_multiple_px=LATENT_FACTOR * 2 ** (len(unet.config.block_out_channels) - 1),
        precision=precision,
        weights=weights,
    )
