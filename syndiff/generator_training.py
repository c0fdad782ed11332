"""The jobs behind `syndiff finetune-controlnet` and `syndiff train-translator`."""

from __future__ import annotations

import torch

from augment.training.finetune_controlnet import FinetuneConfig, finetune_controlnet
from augment.training.finetune_examples import FinetuneExamples
from augment.training.translator import TranslatorTrainingConfig, taught_variants, train_translator
from carla_agents.data.provenance import run_record, write_run_record
from carla_agents.data.store import Store
from syndiff.commands.finetune_controlnet import FinetuneControlnet
from syndiff.commands.train_translator import TrainTranslator
from syndiff.progress import steps_bar


def finetune(options: FinetuneControlnet) -> None:
    """Fine-tune a ControlNet with a progress line; see `syndiff finetune-controlnet --help`."""
    config = FinetuneConfig(
        base=options.base,
        controlnet=options.controlnet,
        steps=options.steps,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        lora_rank=options.lora_rank,
        equal_conditions=options.equal_conditions,
        mixed_precision=options.mixed_precision,
        checkpoint_every=options.checkpoint_every,
        seed=options.seed,
        cpu=options.cpu,
    )
    examples = FinetuneExamples(Store.read(options.data), height_px=options.height_px, split=options.split)
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    write_run_record(options.out, run_record(config, {"finetune-controlnet": options.seed}))
    with steps_bar(f"fine-tuning the ControlNet on {len(examples)} pictures", config.steps) as show:
        finetune_controlnet(examples, config, options.out, lambda done, loss: show(done, f"loss {loss:.4f}"))
    print(f"use it: syndiff synthesize ... --synthesizer diffusion --preset syndiff --controlnet {options.out}")


def distil(options: TrainTranslator) -> None:
    """Distil a synthesizer with a progress line; see `syndiff train-translator --help`."""
    config = TranslatorTrainingConfig(
        steps=options.steps,
        batch_size=options.batch_size,
        crop_width_px=options.crop_px[0],
        crop_height_px=options.crop_px[1],
        seed=options.seed,
        source=options.source,
    )
    variants = taught_variants(
        Store.read(options.data),
        options.teacher,
        source=options.source,
        targets=options.conditions,
        split=options.split,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    write_run_record(options.out, run_record(config, {"train-translator": options.seed}))
    with steps_bar(f"distilling {variants[0].synthesizer} from {len(variants)} variants", config.steps) as show:
        train_translator(variants, config, options.out, lambda done, loss: show(done, f"loss {loss:.4f}"))
    print(f"use it: syndiff synthesize ... --synthesizer translator --weights {options.out}")
