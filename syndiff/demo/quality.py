"""Label agreement of the demo's variants on a drive that no network of the demo was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from augment.conditions import DOMINANT, Condition
from augment.quality.label_probe import LabelProbeConfig
from augment.quality.probe_agreement import VariantQuality, evaluate_synthesizers
from augment.seeds import derive_seed
from augment.synthesizers.base import FrameBatch, Synthesizer
from carla_agents.data.store import Store
from syndiff.demo.plan import HELD_OUT_SPLIT, DemoPlan
from syndiff.training import paired_drives


@dataclass(frozen=True)
class DemoQuality:
    """What was measured and one moment to look at.

    Attributes:
        figures: (synthesizer, condition) -> agreement beside its baselines.
        moments: how many held-out moments are behind each figure.
        pictures: `source`, `<synthesizer> <condition>` and `true <condition>` -> (H, W, 3) uint8 of one moment.
        seg: (H, W) uint8 tags of that moment.
    """

    figures: dict[tuple[str, str], VariantQuality]
    moments: int
    pictures: dict[str, np.ndarray]
    seg: np.ndarray


def measure_demo_quality(
    store: Store, synthesizers: dict[str, Synthesizer], targets: Sequence[Condition], plan: DemoPlan, seed: int
) -> DemoQuality:
    """Synthesize the held-out moments and let a small segmenter read them.

    The segmenter of a condition is trained on true frames of that condition, from the drives that the ControlNet
    learned from: a variant scores only if it looks enough like the condition *and* shows its labels.
    """
    known = paired_drives(store, split="pairs")
    held_out = paired_drives(store, split=HELD_OUT_SPLIT, most=plan.probe_moments)
    probe = LabelProbeConfig(steps=plan.probe_steps, seed=seed)
    by_name = evaluate_synthesizers(list(synthesizers.values()), known, held_out, list(targets), probe=probe)
    figures = {
        (short, condition): quality
        for short, synthesizer in synthesizers.items()
        for condition, quality in by_name[synthesizer.name].items()
    }
    middle = len(held_out) // 2
    one = held_out.subset(np.array([middle]))
    batch = FrameBatch(one.rgb[DOMINANT], one.seg, one.depth_m, (DOMINANT,), (f"held-out/{middle}",))
    pictures = {"source": one.rgb[DOMINANT][0]}
    for target in targets:
        pictures[f"true {target.name}"] = one.rgb[target][0]
        seeds = np.array([derive_seed(seed, "demo picture", target.name)], np.uint64)
        for short, synthesizer in synthesizers.items():
            pictures[f"{short} {target.name}"] = synthesizer(batch, [target], seeds)[0]
    return DemoQuality(figures, len(held_out), pictures, one.seg[0])
