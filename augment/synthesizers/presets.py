"""Public diffusion models as presets: one table, one entry each; nothing here imports torch or diffusers.

An entry says which diffusers pipeline runs, which parts it needs and where the hub keeps them, how it samples, and
what it costs. `preset_weights` finds the parts, `preset_pipelines` loads and calls the pipeline, `preset_synthesizer`
(frames) and `cosmos` (clips) are the synthesizers. Weights are the user's: none ship with the project.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

ControlKind = Literal["seg", "depth", "edge"]
"""What a control picture shows: labels in colours, inverse depth, Canny edges of the source."""
PipelineName = Literal[
    "StableDiffusionControlNetImg2ImgPipeline",
    "StableDiffusionXLControlNetUnionImg2ImgPipeline",
    "ZImageControlNetPipeline",
    "Cosmos2_5_TransferPipeline",
]
Precision = Literal["fp32", "fp16", "bf16"]
SchedulerName = Literal["ddim", "lcm", "euler-trailing", "own"]
"""`own`: the scheduler that the base model comes with."""

_MODEL_FILES = (
    "model_index.json",
    "config.json",
    "*/*.json",
    "*/*.txt",
    "*/*.jinja",
    "*/model.safetensors",
    "*/model-*-of-*.safetensors",
    "*/diffusion_pytorch_model.safetensors",
    "*/diffusion_pytorch_model-*-of-*.safetensors",
)
_CONTROLNET_FILES = ("config.json", "diffusion_pytorch_model.safetensors")


@dataclass(frozen=True)
class HubFiles:
    """Files of one repository on the Hugging Face hub.

    Attributes:
        repository: `owner/name`.
        files: glob patterns; everything else in the repository is left out.
        revision: branch, or None for the main one.
    """

    repository: str
    files: tuple[str, ...]
    revision: str | None = None


@dataclass(frozen=True)
class Part:
    """One part of a preset: a folder `NAME` under the weights folder, or the hub's cache.

    Attributes:
        name: `base`, `controlnet`, `controlnet-seg`, `vae`, `lora`.
        hub: where it comes from; several if a folder is put together from them.
        control: the kind of control it reads, or None; it is needed only if that kind is chosen.
        modes: for a union ControlNet: number of each kind among its control types.
    """

    name: str
    hub: tuple[HubFiles, ...]
    control: ControlKind | None = None
    modes: tuple[tuple[ControlKind, int], ...] = ()


@dataclass(frozen=True)
class Preset:
    """How one public model is sampled.

    Attributes:
        name: what the user types.
        summary: one line.
        pipeline: class of diffusers.
        parts: what must be on disk.
        scheduler: how noise is removed.
        steps: denoising steps of a full run; of them `strength` times as many are made.
        guidance_scale: classifier-free guidance; at most 1 (0 for Z-Image) means none, and no negative prompt.
        strength: how much of the source picture is noised away; 1 ignores its pixels.
        controls: kinds of control it can read.
        default_controls: those used unless the user says otherwise.
        several_controls: whether more than one may be used at once.
        control_scale: strength of each control.
        guess_mode: ControlNet without prompt on the unconditional side, deeper layers stronger.
        size_multiple_px: width and height must be multiples of it.
        working_height_px: frames are resized to this height for the network and back.
        clips: whether it makes clips (`ClipSynthesizer`) instead of single frames.
        licence: of the weights, in words; the user must agree to it.
        memory: of the accelerator, roughly; by the size of the weights or as their authors report it.
    """

    name: str
    summary: str
    pipeline: PipelineName
    parts: tuple[Part, ...]
    scheduler: SchedulerName
    steps: int
    guidance_scale: float
    strength: float
    controls: tuple[ControlKind, ...]
    default_controls: tuple[ControlKind, ...]
    several_controls: bool
    control_scale: float
    guess_mode: bool
    size_multiple_px: int
    working_height_px: int
    clips: bool
    licence: str
    memory: str


_SD15 = Part("base", (HubFiles("stable-diffusion-v1-5/stable-diffusion-v1-5", _MODEL_FILES),))
_SD15_SEG = Part("controlnet-seg", (HubFiles("lllyasviel/control_v11p_sd15_seg", _CONTROLNET_FILES),), "seg")
_SD15_DEPTH = Part(
    "controlnet-depth", (HubFiles("lllyasviel/control_v11f1p_sd15_depth", _CONTROLNET_FILES),), "depth"
)
_COSMOS = "nvidia/Cosmos-Transfer2.5-2B"


def _cosmos_control(kind: ControlKind) -> Part:
    revision = f"diffusers/controlnet/general/{kind}"
    return Part(f"controlnet-{kind}", (HubFiles(_COSMOS, ("*.json", "*.safetensors"), revision),), kind)


_TABLE = (
    Preset(
        name="syndiff",
        summary="Stable Diffusion 1.5 and the ADE20K ControlNet, sampled as in SynDiff-AD (arXiv 2411.16776)",
        pipeline="StableDiffusionControlNetImg2ImgPipeline",
        parts=(_SD15, _SD15_SEG, _SD15_DEPTH),
        scheduler="ddim",
        steps=25,  # as its CARLA configuration; 50 for photographs
        guidance_scale=9.0,
        strength=1.0,
        controls=("seg", "depth"),
        default_controls=("seg",),
        several_controls=True,
        control_scale=1.0,
        guess_mode=True,
        size_multiple_px=8,
        working_height_px=512,
        clips=False,
        licence="CreativeML Open RAIL-M (base), OpenRAIL (ControlNet)",
        memory="6 GB",
    ),
    Preset(
        name="sd15-lcm",
        summary="Stable Diffusion 1.5 in a few steps: LCM-LoRA, tiny autoencoder, labels and depth",
        pipeline="StableDiffusionControlNetImg2ImgPipeline",
        parts=(
            _SD15,
            _SD15_SEG,
            _SD15_DEPTH,
            Part("lora", (HubFiles("latent-consistency/lcm-lora-sdv1-5", ("pytorch_lora_weights.safetensors",)),)),
            Part("vae", (HubFiles("madebyollin/taesd", ("config.json", "diffusion_pytorch_model.safetensors")),)),
        ),
        scheduler="lcm",
        steps=6,
        guidance_scale=1.5,
        strength=0.6,
        controls=("seg", "depth"),
        default_controls=("seg", "depth"),
        several_controls=True,
        control_scale=0.8,
        guess_mode=False,
        size_multiple_px=8,
        working_height_px=512,
        clips=False,
        licence="CreativeML Open RAIL-M (base), OpenRAIL (ControlNets, LoRA), MIT (autoencoder)",
        memory="6 GB",
    ),
    Preset(
        name="sd-turbo",
        summary="SD-Turbo with ControlNets of Stable Diffusion 2.1: two steps",
        pipeline="StableDiffusionControlNetImg2ImgPipeline",
        parts=(
            Part("base", (HubFiles("stabilityai/sd-turbo", _MODEL_FILES),)),
            Part(
                "controlnet-depth", (HubFiles("thibaud/controlnet-sd21-depth-diffusers", _CONTROLNET_FILES),), "depth"
            ),
            Part("controlnet-seg", (HubFiles("thibaud/controlnet-sd21-ade20k-diffusers", _CONTROLNET_FILES),), "seg"),
        ),
        scheduler="euler-trailing",
        steps=4,
        guidance_scale=1.0,
        strength=0.5,
        controls=("seg", "depth"),
        default_controls=("depth",),
        several_controls=True,
        control_scale=0.8,
        guess_mode=False,
        size_multiple_px=8,
        working_height_px=512,
        clips=False,
        licence="Stability AI Community Licence (base), other (ControlNets): read both",
        memory="6 GB",
    ),
    Preset(
        name="sdxl-union",
        summary="Stable Diffusion XL with one ControlNet for labels, depth and edges",
        pipeline="StableDiffusionXLControlNetUnionImg2ImgPipeline",
        parts=(
            Part("base", (HubFiles("stabilityai/stable-diffusion-xl-base-1.0", _MODEL_FILES),)),
            Part(
                "controlnet",
                (HubFiles("xinsir/controlnet-union-sdxl-1.0", _CONTROLNET_FILES),),
                modes=(("depth", 1), ("edge", 3), ("seg", 5)),
            ),
            Part("vae", (HubFiles("madebyollin/sdxl-vae-fp16-fix", _CONTROLNET_FILES),)),
        ),
        scheduler="euler-trailing",
        steps=30,
        guidance_scale=5.0,
        strength=0.8,
        controls=("seg", "depth", "edge"),
        default_controls=("seg", "depth"),
        several_controls=True,
        control_scale=0.7,
        guess_mode=False,
        size_multiple_px=8,
        working_height_px=768,
        clips=False,
        licence="CreativeML Open RAIL++-M (base), Apache-2.0 (ControlNet), MIT (autoencoder)",
        memory="16 GB",
    ),
    Preset(
        name="zimage",
        summary="Z-Image-Turbo (6 billion parameters) with its union ControlNet: eight steps",
        pipeline="ZImageControlNetPipeline",
        parts=(
            Part("base", (HubFiles("Tongyi-MAI/Z-Image-Turbo", _MODEL_FILES),)),
            Part(
                "controlnet",
                (
                    HubFiles(
                        "alibaba-pai/Z-Image-Turbo-Fun-Controlnet-Union",
                        ("Z-Image-Turbo-Fun-Controlnet-Union.safetensors",),
                    ),
                    HubFiles("hlky/Z-Image-Turbo-Fun-Controlnet-Union", ("config.json",)),
                ),
            ),
        ),
        scheduler="own",
        steps=8,
        guidance_scale=0.0,
        strength=0.9,
        controls=("depth", "edge"),
        default_controls=("depth",),
        several_controls=False,
        control_scale=0.75,
        guess_mode=False,
        size_multiple_px=16,
        working_height_px=768,
        clips=False,
        licence="Apache-2.0",
        memory="24 GB",
    ),
    Preset(
        name="cosmos",
        summary="Cosmos-Transfer2.5 2B: whole clips, steady from frame to frame; here or on a frame server",
        pipeline="Cosmos2_5_TransferPipeline",
        parts=(
            Part("base", (HubFiles(_COSMOS, _MODEL_FILES, "diffusers/general"),)),
            _cosmos_control("seg"),
            _cosmos_control("depth"),
            _cosmos_control("edge"),
        ),
        scheduler="own",
        steps=36,
        guidance_scale=3.0,
        strength=1.0,
        controls=("seg", "depth", "edge"),
        default_controls=("edge",),
        several_controls=False,
        control_scale=1.0,
        guess_mode=False,
        size_multiple_px=16,
        working_height_px=704,
        clips=True,
        licence="NVIDIA Open Model Licence; its safety checker (pip install cosmos_guardrail) is part of the terms",
        memory="65 GB, as its authors report",
    ),
)

PRESETS: dict[str, Preset] = {preset.name: preset for preset in _TABLE}
"""Every preset by name."""


def preset_named(name: str) -> Preset:
    """The preset of that name.

    Raises:
        ValueError: there is none; the message lists all.
    """
    if name not in PRESETS:
        raise ValueError(f"unknown preset {name!r}; `syndiff presets` lists {sorted(PRESETS)}")
    return PRESETS[name]


def needed_parts(preset: Preset, controls: tuple[ControlKind, ...]) -> tuple[Part, ...]:
    """The parts that a run with these controls loads."""
    return tuple(part for part in preset.parts if part.control is None or part.control in controls)


def tuned(
    preset: Preset,
    *,
    controls: tuple[ControlKind, ...] | None = None,
    steps: int | None = None,
    guidance_scale: float | None = None,
    control_scale: float | None = None,
    strength: float | None = None,
    guess_mode: bool | None = None,
    working_height_px: int | None = None,
) -> Preset:
    """The preset with some values of the user's; None keeps the preset's.

    Raises:
        ValueError: a value out of range, or a control that this preset cannot read; the message names it.
    """
    chosen = preset.default_controls if controls is None else tuple(dict.fromkeys(controls))
    result = replace(
        preset,
        default_controls=chosen,
        steps=preset.steps if steps is None else steps,
        guidance_scale=preset.guidance_scale if guidance_scale is None else guidance_scale,
        control_scale=preset.control_scale if control_scale is None else control_scale,
        strength=preset.strength if strength is None else strength,
        guess_mode=preset.guess_mode if guess_mode is None else guess_mode,
        working_height_px=preset.working_height_px if working_height_px is None else working_height_px,
    )
    _check(result)
    return result


def _check(preset: Preset) -> None:
    controls = preset.default_controls
    unknown = [kind for kind in controls if kind not in preset.controls]
    if unknown or not controls or (len(controls) > 1 and not preset.several_controls):
        most = "one or more" if preset.several_controls else "one"
        raise ValueError(f"controls are {controls}; {preset.name} takes {most} of {preset.controls}")
    for name, value, low, high in (
        ("steps", preset.steps, 1, 1000),
        ("guidance_scale", preset.guidance_scale, 0.0, 50.0),
        ("control_scale", preset.control_scale, 0.0, 2.0),
        ("working_height_px", preset.working_height_px, preset.size_multiple_px, 4096),
    ):
        if not low <= value <= high:
            raise ValueError(f"{name} is {value}; expected {low} to {high}")
    if not 0.0 < preset.strength <= 1.0:
        raise ValueError(f"strength is {preset.strength}; expected above 0, at most 1")
    if int(preset.steps * preset.strength) < 1:
        raise ValueError(f"{preset.steps} steps at strength {preset.strength} leave none to make; raise one of them")
    if preset.clips and preset.strength != 1.0:
        raise ValueError(f"strength is {preset.strength}; {preset.name} starts from noise, so it must be 1")
    if preset.working_height_px % preset.size_multiple_px:
        raise ValueError(
            f"working_height_px is {preset.working_height_px}; {preset.name} takes multiples of "
            f"{preset.size_multiple_px}"
        )
