"""The guard: does a variant still show what its labels say, under the condition that was asked for?

Every check gives figures; a figure beyond its limit rejects the variant and names the reason. The limits were read
off true re-renders of the training towns, on drives that the content network has not learned from
(`benchmarks/guard_limits.py`). How many true pictures may fall beyond each of them was chosen there by what each
check catches: most of the room for error goes to changed content and to people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from augment.condition_classifier import ConditionClassifier
from augment.conditions import CORE12, Condition
from augment.guards.content import ContentChange
from augment.guards.flicker import consecutive, flicker
from augment.guards.labels import LabelConsistency
from augment.guards.lanes import lane_figures
from augment.guards.signals import lamp_figures
from augment.lamps import LEAST_HEAD_PX
from augment.synthesizers.base import FrameBatch
from carla_agents.segmentation.default import default_segmenter
from carla_agents.segmentation.segmenter import Segmenter


@dataclass(frozen=True)
class GuardConfig:
    """Limits of the checks; a variant on the wrong side of one of them is rejected."""

    least_labels: dict[str, float] = field(
        default_factory=lambda: {
            "road": 0.86,
            "lane_paint": 0.26,
            "sidewalk": 0.28,
            "building": 0.35,
            "vegetation": 0.44,
            "person": 0.31,
            "vehicle": 0.14,
        }
    )
    """Class of the segmenter -> share of the source's intersection over union that must be left."""
    most_appeared_px: dict[str, float] = field(default_factory=lambda: {"vehicle": 460.0, "person": 60.0})
    """Pixels of a vehicle or person that the segmenter reads where neither labels nor source have one."""
    least_kept: dict[str, float] = field(default_factory=lambda: {"vehicle": 0.01, "person": 0.26})
    """Share of each large vehicle or person that must still be read as one."""
    most_changed: dict[str, float] = field(default_factory=lambda: {"vehicle": 3.35, "person": 1.41, "paint": 1.5})
    """Kind of content -> how sure content network and segmenter together may be that something of it came, went or
    moved (a logit)."""
    least_lamp_lead: float = 0.2
    """Logarithm of the lamp's own colour over the strongest other one."""
    least_lane_agreement: float = 0.08
    """Correlation of the detail along lane paint."""
    most_lane_shift_gain: float = 0.16
    """How much better shifted paint may agree."""
    least_condition: float = 0.15
    """Probability of the wanted condition; conditions that the classifier does not know are not judged."""
    most_flicker: float = 0.25
    """Change between consecutive frames beyond that of the source, as a share of the brightness."""
    least_lamp_px: int = LEAST_HEAD_PX
    """Traffic light heads with fewer pixels are not judged."""

    def least(self) -> dict[str, float]:
        """Figure -> what it must reach."""
        return {
            **{f"labels:{name}": floor for name, floor in self.least_labels.items()},
            **{f"kept:{name}": share for name, share in self.least_kept.items()},
            "lamp_lead": self.least_lamp_lead,
            "lane_agreement": self.least_lane_agreement,
            "condition": self.least_condition,
        }

    def most(self) -> dict[str, float]:
        """Figure -> what it must not exceed."""
        return {
            **{f"changed:{kind}": limit for kind, limit in self.most_changed.items()},
            **{f"appeared:{name}": limit for name, limit in self.most_appeared_px.items()},
            "lane_shift_gain": self.most_lane_shift_gain,
            "flicker": self.most_flicker,
        }

    def reasons(self, figures: dict[str, float]) -> list[str]:
        """What is wrong with a variant of these figures, one entry per limit that it breaks."""
        low = [
            f"{name} is {figures[name]:.3f}, at least {limit:.3f} is wanted"
            for name, limit in self.least().items()
            if figures.get(name, limit) < limit
        ]
        return low + [
            f"{name} is {figures[name]:.3f}, at most {limit:.3f} is wanted"
            for name, limit in self.most().items()
            if figures.get(name, limit) > limit
        ]


@dataclass(frozen=True)
class Verdict:
    """What the guard says of one variant.

    Attributes:
        accepted: whether every figure is within its limit.
        reason: what is wrong, with figure and limit; empty if accepted.
        figures: name -> figure of every check that could be made.
    """

    accepted: bool
    reason: str
    figures: dict[str, float]

    def as_record(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


class Guard:
    """Judges variants against the frames they were made from.

    Args:
        config: limits; None takes the calibrated ones.
        segmenter: reads labels off pictures; None takes the shipped one.
        classifier: tells conditions; None takes the shipped one.
        content: marks changed content; None takes the shipped one.
    """

    def __init__(
        self,
        config: GuardConfig | None = None,
        segmenter: Segmenter | None = None,
        classifier: ConditionClassifier | None = None,
        content: ContentChange | None = None,
    ) -> None:
        self.config = config or GuardConfig()
        segmenter = segmenter or default_segmenter()
        self._labels = LabelConsistency(segmenter)
        self._classifier = classifier or ConditionClassifier.load()
        self._content = content or ContentChange.load()
        self.provenance: dict[str, Any] = {
            "guard": 2,
            "limits": asdict(self.config),
            "segmenter": segmenter.identity(),
            "content": self._content.weights_sha256,
        }

    def __call__(self, frames: FrameBatch, variants: np.ndarray, targets: list[Condition]) -> list[Verdict]:
        """Judge one variant of each frame.

        Args:
            frames: N labelled frames; with depth, poses and camera, flicker between consecutive ones is judged too.
            variants: (N, H, W, 3) uint8 RGB; pictures of another size or type, or with numbers that are not finite,
                are rejected, not refused.
            targets: N conditions that the variants should show.

        Returns:
            N verdicts.

        Raises:
            ValueError: as many variants and targets as frames are needed.
        """
        if len(variants) != len(frames) or len(targets) != len(frames):
            raise ValueError(
                f"{len(frames)} frames need as many variants and targets, got {len(variants)}, {len(targets)}"
            )
        verdicts: list[Verdict | None] = [_fault(frames.rgb[i], variants[i]) for i in range(len(frames))]
        sound = [i for i, verdict in enumerate(verdicts) if verdict is None]
        if sound:
            chosen = frames.select(sound)
            pictures = np.stack([np.asarray(variants[i]) for i in sound])
            figures = self._figures(chosen, pictures, [targets[i] for i in sound])
            for i, found in zip(sound, figures):
                reasons = self.config.reasons(found)
                verdicts[i] = Verdict(not reasons, "; ".join(reasons), found)
        return [verdict for verdict in verdicts if verdict is not None]

    def _figures(
        self, frames: FrameBatch, variants: np.ndarray, targets: Sequence[Condition]
    ) -> list[dict[str, float]]:
        scores = self._classifier.score(variants)
        figures: list[dict[str, float]] = []
        for index, target in enumerate(targets):
            source, seg, variant = frames.rgb[index], frames.seg[index], variants[index]
            found, appeared = self._labels.figures(source, seg, variant)
            found |= self._content.figures(source, seg, variant, appeared)
            found |= lamp_figures(source, seg, variant, self.config.least_lamp_px)
            found |= lane_figures(source, seg, variant)
            if target in CORE12:
                found["condition"] = float(scores[index, CORE12.index(target)])
            figures.append(found)
        if frames.depth_m is not None and frames.ego_to_world is not None and frames.camera is not None:
            for before, after in consecutive(frames):
                if targets[before] == targets[after]:
                    change = flicker(frames, variants, before, after)
                    if change is not None:
                        figures[after]["flicker"] = change
        return figures


def _fault(source: np.ndarray, variant: np.ndarray) -> Verdict | None:
    """A verdict on a variant that is no picture of this frame at all, or None."""
    variant = np.asarray(variant)
    if variant.shape != source.shape:
        return Verdict(False, f"the variant is {variant.shape}, the frame {source.shape}", {})
    if variant.dtype.kind == "f" and not np.isfinite(variant).all():
        return Verdict(False, f"{np.count_nonzero(~np.isfinite(variant))} numbers of the variant are not finite", {})
    if variant.dtype != np.uint8:
        return Verdict(False, f"the variant is {variant.dtype}, expected uint8", {})
    if float(variant.std()) < 1.0:
        return Verdict(False, "the variant is of one colour", {})
    return None
