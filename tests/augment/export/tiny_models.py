"""Tiny models of random weights, none of which is zero, so that every part of a graph shows in its output."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import ControlNetModel, UNet2DConditionModel

from augment.synthesizers.small_controlnet import SmallControlNet, SmallControlNetConfig
from augment.synthesizers.translator import TranslatorConfig, TranslatorStep


def write_embedded(folder: Path, seed: int = 0) -> Path:
    """An embedded model of two levels."""
    torch.manual_seed(seed)
    network = SmallControlNet(SmallControlNetConfig(channels=(8, 16), targets=("rain-night", "fog-day")))
    _fill_zeros(network)
    network.save(folder)
    return folder


def write_translator(folder: Path, seed: int = 0) -> Path:
    """A translator of two levels."""
    torch.manual_seed(seed)
    config = TranslatorConfig(channels=(8, 16), film_width=8, targets=("rain-night", "fog-day"))
    step = TranslatorStep(config)
    _fill_zeros(step)
    step.save(folder)
    return folder


def fused_networks(text_width: int = 16) -> tuple[UNet2DConditionModel, ControlNetModel]:
    """UNet and ControlNet in the manner of Stable Diffusion 1.5, of two levels."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=text_width,
        attention_head_dim=4,
        norm_num_groups=4,
        sample_size=16,
    )
    controlnet = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(4, 4, 8, 8))
    _fill_zeros(controlnet)
    return unet, controlnet


def write_preset(folder: Path) -> tuple[Path, Path]:
    """Folders of a base model (its UNet) and of a ControlNet."""
    unet, controlnet = fused_networks()
    unet.save_pretrained(folder / "base" / "unet")
    controlnet.save_pretrained(folder / "controlnet")
    return folder / "base", folder / "controlnet"


def _fill_zeros(network: torch.nn.Module) -> None:
    for parameter in network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
