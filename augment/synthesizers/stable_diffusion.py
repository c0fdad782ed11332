"""Presets of the size of Stable Diffusion 1.5: the same pipeline class, text prompts, weights that the user brings.

Nothing is downloaded. `base` and `controlnet` are folders in diffusers' layout that hold safetensors.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers import ControlNetModel, DDIMScheduler, StableDiffusionControlNetImg2ImgPipeline
from PIL import Image

from augment.conditions import Condition
from augment.layout import ade20k_image
from augment.prompt import make_prompt
from augment.synthesizers.base import FrameBatch


@dataclass(frozen=True)
class StableDiffusionConfig:
    """Where the weights are and how they are sampled; the defaults follow SynDiff-AD (arXiv 2411.16776)."""

    base: Path
    """Folder of a Stable Diffusion 1.5 class model (`unet/`, `vae/`, `text_encoder/`, ...)."""
    controlnet: Path
    """Folder of a ControlNet trained on ADE20K colours, e.g. control_v11p_sd15_seg."""
    steps: int = 30
    """Denoising steps."""
    guidance_scale: float = 9.0
    """Classifier-free guidance."""
    control_scale: float = 1.0
    """Strength of the layout."""
    strength: float = 0.8
    """How much of the source picture is noised away; 1 ignores its pixels."""
    device: str = "cpu"
    """`cpu`, `cuda`, `cuda:1`, ..."""
    half_precision: bool = False
    """16-bit floats; for CUDA."""

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 1000:
            raise ValueError(f"steps is {self.steps}; expected 1 to 1000")
        if not 0.0 < self.strength <= 1.0:
            raise ValueError(f"strength is {self.strength}; expected above 0, at most 1")
        if not 0.0 <= self.guidance_scale <= 50.0:
            raise ValueError(f"guidance_scale is {self.guidance_scale}; expected 0 to 50")
        if not 0.0 <= self.control_scale <= 2.0:
            raise ValueError(f"control_scale is {self.control_scale}; expected 0 to 2")
        for name in ("base", "controlnet"):
            folder = getattr(self, name)
            if not folder.is_dir():
                raise ValueError(f"{name} is {folder}; expected a folder with weights, nothing is downloaded")
            if not any(folder.rglob("*.safetensors")):
                raise ValueError(f"{name} is {folder}; it holds no .safetensors file; pickled weights are refused")


class StableDiffusionSynthesizer:
    """Shows frames under any condition that words can describe.

    Frames go through the network one at a time, so a variant does not depend on its neighbours. Bit-equal results
    are promised for one machine, device and number of threads only.
    """

    def __init__(self, config: StableDiffusionConfig) -> None:
        self.config = config
        dtype = torch.float16 if config.half_precision else torch.float32
        options = {"local_files_only": True, "use_safetensors": True, "dtype": dtype}
        controlnet = ControlNetModel.from_pretrained(config.controlnet, **options)
        pipeline = StableDiffusionControlNetImg2ImgPipeline.from_pretrained(
            config.base,
            controlnet=controlnet,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
            **options,
        )
        pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
        pipeline.set_progress_bar_config(disable=True)
        self._pipeline: Any = pipeline.to(config.device)
        weights = {"base": _folder_hash(config.base), "controlnet": _folder_hash(config.controlnet)}
        self.name = f"stable-diffusion-{weights['base']}-{weights['controlnet']}"
        settings = {k: v for k, v in asdict(config).items() if k not in ("base", "controlnet")}
        self.provenance: dict[str, Any] = {
            "weights": weights,
            "settings": settings,
            "torch": torch.__version__,
            "diffusers": diffusers.__version__,
            "torch_threads": torch.get_num_threads(),
        }

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        """Synthesize one variant of each frame; see `Synthesizer.__call__`."""
        if len(targets) != len(frames) or len(seeds) != len(frames):
            raise ValueError(f"{len(frames)} frames need as many targets and seeds, got {len(targets)}, {len(seeds)}")
        height, width = frames.seg.shape[1:]
        multiple = self._pipeline.vae_scale_factor
        if not height or not width or height % multiple or width % multiple:
            raise ValueError(f"frames are {width}x{height} px; {self.name} takes multiples of {multiple}")
        variants = np.empty_like(frames.rgb)
        for index, target in enumerate(targets):
            prompt = make_prompt(frames.seg[index], target)
            generator = torch.Generator("cpu").manual_seed(int(seeds[index]) % 2**63)
            picture = self._pipeline(
                prompt=prompt.positive,
                negative_prompt=prompt.negative,
                image=Image.fromarray(frames.rgb[index]),
                control_image=Image.fromarray(ade20k_image(frames.seg[index])),
                height=height,
                width=width,
                strength=self.config.strength,
                num_inference_steps=self.config.steps,
                guidance_scale=self.config.guidance_scale,
                controlnet_conditioning_scale=self.config.control_scale,
                generator=generator,
                output_type="np",
            ).images[0]
            variants[index] = np.round(picture * 255.0).astype(np.uint8)
        return variants


def _folder_hash(folder: Path) -> str:
    digest = sha256()
    for file in sorted(folder.rglob("*.safetensors")):
        digest.update(file.relative_to(folder).as_posix().encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()[:12]
