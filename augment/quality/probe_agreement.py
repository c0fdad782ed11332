"""Do variants still show what their labels say? Label agreement beside the baselines that give it meaning."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from augment.conditions import DOMINANT, Condition
from augment.layout import GROUP_COUNT, LayoutGroup, groups
from augment.quality.label_probe import LabelProbe, LabelProbeConfig
from augment.seeds import derive_seed, generator
from augment.synthesizers.base import FrameBatch, Synthesizer
from augment.training.pairs import PairedFrames


@dataclass(frozen=True)
class Agreement:
    """How well a probe's reading of pictures agrees with their labels.

    Attributes:
        miou: mean over the groups that occur in the labels of intersection over union, in [0, 1].
        iou: group name -> intersection over union, for the groups that occur.
    """

    miou: float
    iou: dict[str, float]


@dataclass(frozen=True)
class VariantQuality:
    """Agreement of variants and of the baselines, all read by the same probe.

    Attributes:
        variant: the variants themselves.
        copy_source: the recorded source frames, offered as if they were variants.
        random_noise: uniform random pixels, offered as if they were variants.
        target: real frames of the target condition at the same moments, or None without pairs: the ceiling.
        variant_error, copy_source_error: mean absolute difference to the real target in [0, 255] levels, or None.
    """

    variant: Agreement
    copy_source: Agreement
    random_noise: Agreement
    target: Agreement | None
    variant_error: float | None
    copy_source_error: float | None

    def as_record(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)


def agreement(probe: LabelProbe, rgb: np.ndarray, seg: np.ndarray) -> Agreement:
    """Read labels off pictures and compare.

    Args:
        probe: trained on other frames.
        rgb: (N, H, W, 3) uint8.
        seg: (N, H, W) uint8 CARLA tags.

    Returns:
        Intersection over union per LayoutGroup that occurs in `seg`; OTHER is left out of the mean.
    """
    wanted, read = groups(seg).ravel(), probe.predict(rgb).ravel()
    table = np.bincount(wanted.astype(np.int64) * GROUP_COUNT + read, minlength=GROUP_COUNT**2)
    table = table.reshape(GROUP_COUNT, GROUP_COUNT)
    both, in_labels, in_reading = np.diag(table), table.sum(1), table.sum(0)
    iou = {
        group.name.lower(): float(both[group] / (in_labels[group] + in_reading[group] - both[group]))
        for group in LayoutGroup
        if in_labels[group] and group is not LayoutGroup.OTHER
    }
    if not iou:
        raise ValueError("seg shows no group but OTHER; label agreement has nothing to measure")
    return Agreement(float(np.mean(list(iou.values()))), iou)


def measure_quality(
    probe: LabelProbe,
    variants: np.ndarray,
    source_rgb: np.ndarray,
    seg: np.ndarray,
    target_rgb: np.ndarray | None = None,
    seed: int = 0,
) -> VariantQuality:
    """Agreement of variants beside copy-source, random noise and, where it exists, the real target.

    What the figure means depends on what the probe saw. Trained on real frames of the *target* condition it asks
    whether a variant looks enough like that condition for its labels to be read, so copying the source does not
    win by default. Trained on the source condition it asks only whether the layout survived.

    Args:
        probe: trained on recorded frames of other moments.
        variants, source_rgb: (N, H, W, 3) uint8.
        seg: (N, H, W) uint8 CARLA tags.
        target_rgb: (N, H, W, 3) uint8 real frames of the target condition at the same moments.
        seed: of the noise baseline.
    """
    for name, rgb in (("variants", variants), ("target_rgb", target_rgb)):
        if rgb is not None and rgb.shape != source_rgb.shape:
            raise ValueError(f"{name} is {rgb.shape}; source_rgb is {source_rgb.shape}")
    noise = generator(seed, "quality", "noise").integers(0, 256, source_rgb.shape, dtype=np.uint8)
    return VariantQuality(
        variant=agreement(probe, variants, seg),
        copy_source=agreement(probe, source_rgb, seg),
        random_noise=agreement(probe, noise, seg),
        target=None if target_rgb is None else agreement(probe, target_rgb, seg),
        variant_error=None if target_rgb is None else _mean_absolute_error(variants, target_rgb),
        copy_source_error=None if target_rgb is None else _mean_absolute_error(source_rgb, target_rgb),
    )


def evaluate_synthesizers(
    synthesizers: list[Synthesizer],
    train: PairedFrames,
    held_out: PairedFrames,
    targets: list[Condition],
    source: Condition = DOMINANT,
    probe: LabelProbeConfig | None = None,
) -> dict[str, dict[str, VariantQuality]]:
    """Quality per synthesizer and target on moments that neither synthesizers nor probes have seen.

    For each target one probe is trained on the real frames of that target in `train`, and reads all variants.

    Args:
        synthesizers: make variants of the source frames of `held_out`.
        train: real frames for the probes.
        held_out: other moments, with the real target frames as ceiling.
        targets: conditions that both sets of pairs show.
        source: condition of the frames to start from.
        probe: how probes are trained; None takes the defaults.

    Returns:
        synthesizer name -> condition name -> quality.
    """
    probe = probe or LabelProbeConfig()
    for condition in (source, *targets):
        for name, pairs in (("train", train), ("held_out", held_out)):
            if condition not in pairs.rgb:
                raise ValueError(f"{name} shows {sorted(c.name for c in pairs.rgb)}, not {condition.name}")
    count = len(held_out)
    keys = tuple(f"held-out/{i:06d}" for i in range(count))
    frames = FrameBatch(held_out.rgb[source], held_out.seg, held_out.depth_m, (source,) * count, keys)
    qualities: dict[str, dict[str, VariantQuality]] = {synthesizer.name: {} for synthesizer in synthesizers}
    for target in targets:
        seeds = np.array([derive_seed(probe.seed, "quality", key, target.name) for key in keys], np.uint64)
        reader = LabelProbe.train(train.rgb[target], train.seg, probe)
        for synthesizer in synthesizers:
            variants = synthesizer(frames, [target] * count, seeds)
            qualities[synthesizer.name][target.name] = measure_quality(
                reader, variants, frames.rgb, frames.seg, held_out.rgb[target], probe.seed
            )
    return qualities


def _mean_absolute_error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.mean([np.abs(x.astype(np.int16) - y).mean() for x, y in zip(a, b)]))
