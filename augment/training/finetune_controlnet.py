"""Fine-tunes a segmentation ControlNet of Stable Diffusion on a store: all of its weights, or a LoRA.

One step: take pictures, noise their latents to a random level, let the frozen UNet with the ControlNet predict the
noise (or the velocity, as the base model's scheduler says) from layout and caption, and compare. Every random choice
is a function of (seed, step), so a resumed run repeats an uninterrupted one exactly on one machine.
`accelerate` places the networks and, when started by its launcher, splits every batch over the processes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import diffusers
import numpy as np
import torch
from accelerate import Accelerator
from diffusers import ControlNetModel, DDPMScheduler, StableDiffusionPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file
from torch.nn import functional

from augment.seeds import derive_seed, generator
from augment.synthesizers.preset_weights import folder_hash
from augment.training.checkpoint import load_checkpoint, save_checkpoint
from augment.training.finetune_examples import FinetuneExamples

_ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
"""Layers that a LoRA adds to."""


@dataclass(frozen=True)
class FinetuneConfig:
    """How a ControlNet is fine-tuned."""

    base: Path
    """Folder of the Stable Diffusion model, frozen."""
    controlnet: Path
    """Folder of the ControlNet to start from."""
    steps: int = 2000
    """Optimizer steps; a run is a function of this and of the seed, not of the clock."""
    batch_size: int = 4
    """Pictures per step, over all processes."""
    learning_rate: float = 1e-5
    """Constant after a short warm-up; a LoRA takes about ten times as much."""
    lora_rank: int = 0
    """0: all weights. Above: a LoRA of this rank on the attention layers."""
    no_caption: float = 0.1
    """Share of examples without caption, so that guidance goes on working."""
    equal_conditions: bool = True
    """Draw a condition first, then a picture of it; otherwise every picture is as likely."""
    mixed_precision: Literal["no", "bf16"] = "no"
    """bf16: on accelerators that have it."""
    checkpoint_every: int = 200
    """Steps between two resumable checkpoints."""
    seed: int = 0
    """Everything random in the run derives from it."""
    cpu: bool = False
    """Stay on the CPU though an accelerator is there."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least 1")
        if not 0.0 < self.learning_rate <= 0.1:
            raise ValueError(f"learning_rate is {self.learning_rate}; expected above 0, at most 0.1")
        if not 0 <= self.lora_rank <= 256:
            raise ValueError(f"lora_rank is {self.lora_rank}; expected 0 to 256")
        if not 0.0 <= self.no_caption <= 1.0:
            raise ValueError(f"no_caption is {self.no_caption}; expected 0 to 1")
        for name in ("base", "controlnet"):
            folder = getattr(self, name)
            if not folder.is_dir() or not any(folder.rglob("*.safetensors")):
                raise ValueError(
                    f"{name} is {folder}; expected a folder in diffusers' layout with safetensors (pickles are "
                    "refused); `syndiff presets syndiff` says what to download"
                )


@dataclass(frozen=True)
class Finetuning:
    """A finished run.

    Attributes:
        losses: one figure per step, from the first step of the first run on.
        resumed_at: the step this call began with; 0 if nothing was resumed.
        wall_s: seconds this call took.
    """

    losses: list[float]
    resumed_at: int
    wall_s: float


def finetune_controlnet(
    examples: FinetuneExamples,
    config: FinetuneConfig,
    folder: Path,
    on_step: Callable[[int, float], None] | None = None,
) -> Finetuning:
    """Train and write a ControlNet folder in diffusers' layout, which preset `syndiff` takes as `controlnet-seg`.

    Args:
        examples: what to learn from.
        config: how.
        folder: where the ControlNet goes; an unfinished run found there is resumed.
        on_step: called with (steps done, loss).

    Raises:
        ValueError: weights that do not fit together, or `folder` holds a run of another configuration.
    """
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    identity = _identity(examples, config)
    finished = _finished(folder, identity)
    if finished is not None:
        return Finetuning(finished, len(finished), time.monotonic() - began)
    accelerator = Accelerator(cpu=config.cpu, mixed_precision=config.mixed_precision)
    if config.batch_size % accelerator.num_processes:
        raise ValueError(
            f"batch_size is {config.batch_size}; expected a multiple of {accelerator.num_processes} processes"
        )
    models = _Models(config, accelerator)
    trained = torch.nn.ParameterList(p for p in models.controlnet.parameters() if p.requires_grad)
    optimizer = torch.optim.AdamW(trained.parameters(), config.learning_rate, weight_decay=1e-2)
    checkpoint = folder / "checkpoint.safetensors"
    no_average = torch.nn.Module()
    losses = load_checkpoint(checkpoint, trained, no_average, optimizer, identity)
    resumed_at = len(losses)
    controlnet, optimizer = accelerator.prepare(models.controlnet, optimizer)
    for step in range(resumed_at, config.steps):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * min(1.0, (step + 1) / max(1, min(100, config.steps // 10)))
        loss = models.loss(controlnet, _batch(examples, config, step, accelerator), config, step)
        optimizer.zero_grad(set_to_none=True)
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(trained.parameters(), 1.0)
        optimizer.step()
        losses.append(float(accelerator.reduce(loss.detach(), "mean")))
        if accelerator.is_main_process and (step + 1) % config.checkpoint_every == 0 and step + 1 < config.steps:
            save_checkpoint(checkpoint, trained, no_average, optimizer, losses, identity)
        if on_step is not None and accelerator.is_main_process:
            on_step(step + 1, losses[-1])
    if accelerator.is_main_process:
        _write(accelerator.unwrap_model(controlnet), examples, config, folder, losses, identity)
        checkpoint.unlink(missing_ok=True)
    accelerator.wait_for_everyone()
    return Finetuning(losses, resumed_at, time.monotonic() - began)


@dataclass(frozen=True)
class _Batch:
    rgb: torch.Tensor
    hint: torch.Tensor
    captions: list[str]
    share: slice


class _Models:
    """The frozen model around the ControlNet that learns."""

    def __init__(self, config: FinetuneConfig, accelerator: Accelerator) -> None:
        options: dict[str, Any] = {"local_files_only": True, "use_safetensors": True}
        try:
            pipeline: Any = StableDiffusionPipeline.from_pretrained(
                config.base, safety_checker=None, feature_extractor=None, requires_safety_checker=False, **options
            )
            controlnet: Any = ControlNetModel.from_pretrained(config.controlnet, **options)
        except Exception as error:  # diffusers raises many kinds for files that are damaged or belong elsewhere
            raise ValueError(
                f"{config.base} and {config.controlnet} do not load as Stable Diffusion and its ControlNet: "
                f"{type(error).__name__}: {error}"
            ) from error
        wanted, found = pipeline.unet.config.cross_attention_dim, controlnet.config.cross_attention_dim
        if wanted != found:
            raise ValueError(
                f"the base model's text is {wanted} wide, the ControlNet's {found}: they are of different "
                "generations of Stable Diffusion"
            )
        self.scheduler: Any = DDPMScheduler.from_config(pipeline.scheduler.config)
        kind = self.scheduler.config.prediction_type
        if kind not in ("epsilon", "v_prediction"):
            raise ValueError(f"the base model predicts {kind!r}; expected 'epsilon' or 'v_prediction'")
        self.device = accelerator.device
        dtype = torch.bfloat16 if config.mixed_precision == "bf16" else torch.float32
        self.dtype = dtype
        self.tokenizer = pipeline.tokenizer
        self.text_encoder = pipeline.text_encoder.to(self.device, dtype).requires_grad_(False).eval()
        self.vae = pipeline.vae.to(self.device).requires_grad_(False).eval()
        self.unet = pipeline.unet.to(self.device, dtype).requires_grad_(False).eval()
        if config.lora_rank:
            controlnet.requires_grad_(False)
            torch.manual_seed(derive_seed(config.seed, "finetune", "lora"))
            controlnet.add_adapter(
                LoraConfig(r=config.lora_rank, lora_alpha=config.lora_rank, target_modules=_ATTENTION)
            )
        self.controlnet = controlnet.to(self.device).train()

    def loss(self, controlnet: Any, batch: _Batch, config: FinetuneConfig, step: int) -> torch.Tensor:
        """Mean squared error of the predicted noise or velocity."""
        random = torch.Generator().manual_seed(derive_seed(config.seed, "finetune", "noise", step))
        with torch.no_grad():
            latents = self.vae.encode(batch.rgb.to(self.device)).latent_dist.mode() * self.vae.config.scaling_factor
            tokens = self.tokenizer(
                batch.captions,
                padding="max_length",
                max_length=self.tokenizer.model_max_length,
                truncation=True,
                return_tensors="pt",
            ).input_ids
            text = self.text_encoder(tokens.to(self.device))[0]
        # Noise and levels of the whole batch, of which this process takes its share: the same for any number of them.
        shape = (config.batch_size, *latents.shape[1:])
        noise = torch.randn(shape, generator=random)[batch.share].to(self.device)
        levels = torch.randint(0, self.scheduler.config.num_train_timesteps, (config.batch_size,), generator=random)
        times = levels[batch.share].to(self.device)
        noisy = self.scheduler.add_noise(latents, noise, times)
        wanted = noise
        if self.scheduler.config.prediction_type == "v_prediction":
            wanted = self.scheduler.get_velocity(latents, noise, times)
        down, mid = controlnet(noisy, times, text, batch.hint.to(self.device), return_dict=False)
        predicted = self.unet(
            noisy.to(self.dtype),
            times,
            text,
            down_block_additional_residuals=[sample.to(self.dtype) for sample in down],
            mid_block_additional_residual=mid.to(self.dtype),
            return_dict=False,
        )[0]
        return functional.mse_loss(predicted.float(), wanted.float())


def _batch(examples: FinetuneExamples, config: FinetuneConfig, step: int, accelerator: Accelerator) -> _Batch:
    rng = generator(config.seed, "finetune", "batch", step)
    groups = list(examples.by_condition().values()) if config.equal_conditions else [np.arange(len(examples))]
    chosen = [int(rng.choice(groups[rng.integers(len(groups))])) for _ in range(config.batch_size)]
    wordless = rng.random(config.batch_size) < config.no_caption
    each = config.batch_size // accelerator.num_processes
    share = slice(accelerator.process_index * each, (accelerator.process_index + 1) * each)
    loaded = [examples.load(index) for index in chosen[share]]
    return _Batch(
        _tensor([rgb for rgb, _, _ in loaded]) * 2.0 - 1.0,
        _tensor([hint for _, hint, _ in loaded]),
        ["" if empty else caption for (_, _, caption), empty in zip(loaded, wordless[share], strict=True)],
        share,
    )


def _tensor(pictures: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).copy()).float() / 255.0


def _identity(examples: FinetuneExamples, config: FinetuneConfig) -> str:
    values = {name: value for name, value in asdict(config).items() if name not in ("base", "controlnet", "cpu")}
    weights = [folder_hash(config.base), folder_hash(config.controlnet)]
    return json.dumps({"config": values, "weights": weights, "data": examples.fingerprint()}, sort_keys=True)


def _finished(folder: Path, identity: str) -> list[float] | None:
    record = folder / "training.json"
    if not record.is_file():
        return None
    values = json.loads(record.read_text(encoding="utf-8"))
    if values.get("identity") != identity:
        raise ValueError(
            f"{folder} holds a finished run of another configuration or other data; choose another folder"
        )
    return list(values["losses"])


def _write(
    controlnet: Any,
    examples: FinetuneExamples,
    config: FinetuneConfig,
    folder: Path,
    losses: list[float],
    identity: str,
) -> None:
    if config.lora_rank:
        adapter = {name: value.contiguous().cpu() for name, value in get_peft_model_state_dict(controlnet).items()}
        # One entry of metadata only: safetensors writes several in random order, and bytes must not depend on it.
        save_file(adapter, folder / "lora.safetensors", metadata={"rank": str(config.lora_rank)})
        controlnet.fuse_lora()
        controlnet.unload_lora()
    controlnet.eval().save_pretrained(folder, safe_serialization=True)
    conditions = ", ".join(f"{name} ({len(found)})" for name, found in examples.by_condition().items())
    how = f"LoRA of rank {config.lora_rank}, merged" if config.lora_rank else "all weights"
    width, height = examples.size_px
    (folder / "README.md").write_text(
        f"""# ControlNet for layouts in ADE20K colours, fine-tuned on driving frames

| | |
|---|---|
| began with | ControlNet {folder_hash(config.controlnet)} on base model {folder_hash(config.base)} |
| trained | {how}; {config.steps} steps of {config.batch_size} pictures |
| learning rate, seed | {config.learning_rate:g}, {config.seed} |
| pictures | {len(examples)} at {width}x{height} px: {conditions} |
| loss | {np.mean(losses[:20]):.4f} (first 20 steps), {np.mean(losses[-20:]):.4f} (last 20) |

The terms of both models it began with hold for it. Measure label agreement before training anything on its pictures.
""",
        encoding="utf-8",
    )
    record = {"identity": identity, "losses": losses, "torch": torch.__version__, "diffusers": diffusers.__version__}
    temporary = folder / "training.json.partial"
    temporary.write_text(json.dumps(record) + "\n", encoding="utf-8")
    temporary.replace(folder / "training.json")
