"""The maker of variants that the options of `syndiff synthesize` describe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from augment.caption import Captioner, LabelCaptioner
from augment.synthesizers.falling_rain import FallingRainSynthesizer
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.synthesizers.protected import ProtectedSynthesizer
from augment.synthesizers.wet_ground import PuddlesSynthesizer
from augment.variant_maker import MakingConfig, VariantMaker
from syndiff.commands.synthesize import Synthesize
from syndiff.synthesizer_choice import make_synthesizer, preset_choice
from syndiff.variant_checks import draws_streaks, generator_weights, guards, has_puddles, make_guard, protects


def make_maker(options: Synthesize, root: Path, marks: dict[str, Any]) -> VariantMaker:
    """The maker that the options describe; called in every worker process.

    Args:
        options: of the command.
        root: the store.
        marks: further facts for every variant's provenance.

    Raises:
        ValueError: the options contradict each other, or weights are missing.
    """
    torch.set_num_threads(options.threads)
    weights = generator_weights(options)
    synthesizer = make_synthesizer(
        options.synthesizer,
        weights,
        root,
        backend=options.backend,
        precision=options.precision,
        threads=options.threads,
        export_cache=options.export_cache,
        exported=options.exported,
        preset=preset_choice(options),
        streaks=not draws_streaks(options),
    )
    if protects(options):
        synthesizer = ProtectedSynthesizer(synthesizer)
    if has_puddles(options):
        synthesizer = PuddlesSynthesizer(synthesizer)
    if draws_streaks(options):
        synthesizer = FallingRainSynthesizer(synthesizer)
    judged = guards(options)
    if not judged and options.fallback != "reject":
        raise ValueError(
            f"--fallback {options.fallback} is for variants that the guard rejects; nothing is judged here"
        )
    return VariantMaker(
        synthesizer,
        MakingConfig(retries=options.retries),
        guard=make_guard(options) if judged else None,
        fallback=ProceduralSynthesizer() if options.fallback == "procedural" else None,
        captioner=make_captioner(options.captions, options.device),
        marks=marks,
    )


def make_captioner(kind: str, device: str) -> Captioner:
    """`labels`, or a vision-language model by folder or name, run on `device`.

    Raises:
        ValueError: the model is not on this machine, or cannot be used; there is no such device.
    """
    if kind == "labels":
        return LabelCaptioner()
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"--device {device}: torch {torch.__version__} sees no NVIDIA GPU; choose --device cpu")
    from augment.caption_model import CaptionModelConfig, ModelCaptioner  # pulls in transformers

    return ModelCaptioner(CaptionModelConfig(kind, device=device))
