"""Loads and calls diffusers' own pipeline of a preset: the one place that knows how the pipelines differ."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers.models.controlnets import controlnet_cosmos
from diffusers.pipelines.z_image.pipeline_z_image_controlnet import calculate_shift
from PIL import Image

from augment.prompt import Prompt
from augment.synthesizers.presets import ControlKind, Part, Precision, Preset

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Placement:
    """Where and how precisely a network runs."""

    device: str = "cpu"
    """`cpu`, `cuda`, `cuda:1`, ..."""
    precision: Precision = "fp32"
    """Type of the weights; fp16 and bf16 are for accelerators."""
    offload: bool = False
    """Keep parts in main memory until they are needed: half the accelerator's memory, slower."""


class PresetError(Exception):
    """A pretrained pipeline could not be loaded or gave no usable picture; the message says what to change."""


def load_pipeline(preset: Preset, parts: dict[str, Path], placement: Placement, safety_checker: Any = None) -> Any:
    """The pipeline with its parts, scheduler and place.

    Args:
        preset: with the controls in use.
        parts: folder of each part, as `locate_parts` finds them.
        placement: where it runs.
        safety_checker: for `cosmos`, whose terms ask for one; None loads NVIDIA's.

    Raises:
        PresetError: files are damaged or of another model, or a package is missing.
    """
    _check_device(placement)
    options: dict[str, Any] = {
        "local_files_only": True,
        "use_safetensors": True,
        "dtype": _DTYPES[placement.precision],
    }
    try:
        pipeline = _pipeline(preset, parts, options, safety_checker)
    except ImportError as error:
        raise PresetError(f"preset {preset.name} needs another package: {error}") from error
    except torch.OutOfMemoryError as error:
        raise PresetError(memory_advice(preset, placement)) from error
    except Exception as error:  # diffusers raises many kinds for files that are damaged or belong elsewhere
        places = ", ".join(f"{name}: {folder}" for name, folder in parts.items())
        raise PresetError(
            f"preset {preset.name} does not load: {type(error).__name__}: {error}. Is each part the one named by "
            f"`syndiff presets {preset.name}`? ({places})"
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    if placement.offload:
        pipeline.enable_model_cpu_offload(device=placement.device)
        return pipeline
    return pipeline.to(placement.device)


def call_pipeline(
    pipeline: Any, preset: Preset, rgb: np.ndarray, controls: dict[ControlKind, np.ndarray], prompt: Prompt, seed: int
) -> np.ndarray:
    """One picture from a loaded pipeline.

    Args:
        pipeline: from `load_pipeline`.
        preset: the same as there.
        rgb: (H, W, 3) uint8, the source.
        controls: kind -> (H, W, 3) uint8.
        prompt: what to show.
        seed: of the noise; drawn on the CPU, so that the device does not change it.

    Returns:
        (H, W, 3) float32 in [0, 1]; not finite where the network overflowed.
    """
    height, width = rgb.shape[:2]
    generator = torch.Generator("cpu").manual_seed(seed % 2**63)
    hints = [Image.fromarray(controls[kind]) for kind in preset.default_controls]
    common = {
        "prompt": prompt.positive,
        "height": height,
        "width": width,
        "num_inference_steps": preset.steps,
        "guidance_scale": preset.guidance_scale,
        "generator": generator,
        "output_type": "np",
    }
    if preset.pipeline == "ZImageControlNetPipeline":
        start = _z_image_start(pipeline, preset, rgb, generator)
        common["num_inference_steps"] = len(start["sigmas"])
        return pipeline(
            **common, **start, control_image=hints[0], controlnet_conditioning_scale=preset.control_scale
        ).images[0]
    common |= {
        "negative_prompt": prompt.negative,
        "image": Image.fromarray(rgb),
        "strength": preset.strength,
        "guess_mode": preset.guess_mode,
    }
    if preset.pipeline == "StableDiffusionXLControlNetUnionImg2ImgPipeline":
        modes = dict(_controlnet_part(preset).modes)
        return pipeline(
            **common,
            control_image=hints,
            control_mode=[modes[kind] for kind in preset.default_controls],
            controlnet_conditioning_scale=[preset.control_scale] * len(hints),
        ).images[0]
    one = len(hints) == 1
    return pipeline(
        **common,
        control_image=hints[0] if one else hints,
        controlnet_conditioning_scale=preset.control_scale if one else [preset.control_scale] * len(hints),
    ).images[0]


def memory_advice(preset: Preset, placement: Placement) -> str:
    """What to do when memory is exhausted."""
    smaller = max(
        preset.size_multiple_px, preset.working_height_px // 2 // preset.size_multiple_px * preset.size_multiple_px
    )
    return (
        f"out of memory on {placement.device}: preset {preset.name} needs about {preset.memory} at "
        f"{preset.working_height_px} px height. Try a working height of {smaller}, precision bf16 "
        f"(now {placement.precision}), offload (now {'on' if placement.offload else 'off'}), or fewer controls"
    )


def _pipeline(preset: Preset, parts: dict[str, Path], options: dict[str, Any], safety_checker: Any) -> Any:
    base = parts["base"]
    extra: dict[str, Any] = {}
    if "vae" in parts:
        extra["vae"] = _autoencoder(parts["vae"], options)
    match preset.pipeline:
        case "StableDiffusionControlNetImg2ImgPipeline":
            nets = [
                diffusers.ControlNetModel.from_pretrained(parts[f"controlnet-{kind}"], **options)
                for kind in preset.default_controls
            ]
            pipeline: Any = diffusers.StableDiffusionControlNetImg2ImgPipeline.from_pretrained(
                base,
                controlnet=nets[0] if len(nets) == 1 else nets,
                safety_checker=None,
                feature_extractor=None,
                requires_safety_checker=False,
                **extra,
                **options,
            )
        case "StableDiffusionXLControlNetUnionImg2ImgPipeline":
            union = diffusers.ControlNetUnionModel.from_pretrained(parts["controlnet"], **options)
            pipeline = diffusers.StableDiffusionXLControlNetUnionImg2ImgPipeline.from_pretrained(
                base, controlnet=union, add_watermarker=False, **extra, **options
            )
        case "ZImageControlNetPipeline":
            control = _z_image_controlnet(parts["controlnet"], options)
            pipeline = diffusers.ZImageControlNetPipeline.from_pretrained(base, controlnet=control, **options)
        case "Cosmos2_5_TransferPipeline":
            if not hasattr(controlnet_cosmos, "transforms"):  # diffusers imports it only where torchvision works
                raise ImportError("torchvision, of the build that belongs to the installed torch")
            (kind,) = preset.default_controls
            net = diffusers.CosmosControlNetModel.from_pretrained(parts[f"controlnet-{kind}"], **options)
            if safety_checker is not None:
                extra["safety_checker"] = safety_checker
            pipeline = diffusers.Cosmos2_5_TransferPipeline.from_pretrained(base, controlnet=net, **extra, **options)
    if "lora" in parts:
        pipeline.load_lora_weights(parts["lora"], use_safetensors=True, local_files_only=True)
        pipeline.fuse_lora()
        pipeline.unload_lora_weights()
    _set_scheduler(pipeline, preset)
    return pipeline


def _set_scheduler(pipeline: Any, preset: Preset) -> None:
    config = pipeline.scheduler.config
    match preset.scheduler:
        case "ddim":
            pipeline.scheduler = diffusers.DDIMScheduler.from_config(config)
        case "lcm":
            pipeline.scheduler = diffusers.LCMScheduler.from_config(config)
        case "euler-trailing":
            pipeline.scheduler = diffusers.EulerDiscreteScheduler.from_config(config, timestep_spacing="trailing")
        case "own":
            pass


def _autoencoder(folder: Path, options: dict[str, Any]) -> Any:
    kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("_class_name")
    if kind == "AutoencoderTiny":
        return diffusers.AutoencoderTiny.from_pretrained(folder, **options)
    return diffusers.AutoencoderKL.from_pretrained(folder, **options)


def _z_image_controlnet(folder: Path, options: dict[str, Any]) -> Any:
    """Its authors publish one file in their own names of tensors; diffusers' layout is taken too."""
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{folder}/config.json, which says the network's shape, is missing")
    if (folder / "diffusion_pytorch_model.safetensors").is_file():
        return diffusers.ZImageControlNetModel.from_pretrained(folder, **options)
    files = sorted(folder.glob("*.safetensors"))
    if len(files) != 1:
        raise ValueError(f"{folder} holds {[f.name for f in files]}; expected one .safetensors file")
    return diffusers.ZImageControlNetModel.from_single_file(
        str(files[0]), config=str(folder), local_files_only=True, dtype=options["dtype"]
    )


def _z_image_start(pipeline: Any, preset: Preset, rgb: np.ndarray, generator: torch.Generator) -> dict[str, Any]:
    """Noise levels and first latents for image-to-image; the pipeline itself knows only text-to-image.

    A flow model's state at level s is s * noise + (1 - s) * picture, so a run may begin at any level.
    """
    vae, height, width = pipeline.vae, *rgb.shape[:2]
    steps = preset.steps
    sigmas = np.linspace(1.0, 1.0 / steps, steps)[steps - int(steps * preset.strength) :].tolist()
    scheduler = deepcopy(pipeline.scheduler)
    scale = pipeline.vae_scale_factor
    tokens = (height // (2 * scale)) * (width // (2 * scale))
    shift = calculate_shift(
        tokens,
        *(
            scheduler.config.get(name, usual)
            for name, usual in (
                ("base_image_seq_len", 256),
                ("max_image_seq_len", 4096),
                ("base_shift", 0.5),
                ("max_shift", 1.15),
            )
        ),
    )
    scheduler.set_timesteps(sigmas=sigmas, mu=shift)
    level = float(scheduler.sigmas[0])
    device = pipeline._execution_device
    shape = (1, pipeline.transformer.in_channels, height // scale, width // scale)
    noise = torch.randn(shape, generator=generator, dtype=torch.float32).to(device)
    if preset.strength == 1.0:
        return {"sigmas": sigmas, "latents": noise}
    picture = pipeline.image_processor.preprocess(Image.fromarray(rgb), height=height, width=width)
    with torch.inference_mode():
        latents = vae.encode(picture.to(device=device, dtype=vae.dtype)).latent_dist.mode().float()
    latents = (latents - vae.config.shift_factor) * vae.config.scaling_factor
    return {"sigmas": sigmas, "latents": level * noise + (1.0 - level) * latents}


def _controlnet_part(preset: Preset) -> Part:
    return next(part for part in preset.parts if part.name == "controlnet")


def _check_device(placement: Placement) -> None:
    try:
        device = torch.device(placement.device)
    except RuntimeError as error:
        raise PresetError(f"unknown device {placement.device!r}; expected cpu, cuda, cuda:1, ...") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise PresetError(f"device is {placement.device}, but torch sees no CUDA device; take --device cpu")
    if device.type == "cpu" and (placement.offload or placement.precision == "fp16"):
        what = "offload" if placement.offload else "fp16"
        raise PresetError(f"{what} is for accelerators; the device is cpu")
