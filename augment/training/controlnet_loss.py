"""What the small ControlNet is trained to lower: pixels, edges, and what a segmenter sees in the picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from augment.layout import LayoutGroup
from augment.synthesizers.pixel_codec import decode_levels, encode_levels
from carla_agents.segmentation.default import default_segmenter
from carla_agents.segmentation.small import SmallSegmenter

_EMPHASIS = {
    LayoutGroup.ROAD_LINE: 4.0,
    LayoutGroup.POLE: 2.0,
    LayoutGroup.TRAFFIC_CONTROL: 6.0,
    LayoutGroup.VEHICLE: 2.0,
    LayoutGroup.PERSON: 5.0,
}
"""A pixel of these groups counts so much more; they are small, and labels stand or fall with them."""
_LIGHT_EMPHASIS, _LIT_BY = 4.0, 0.15
"""Where the target is brighter than the source by so many levels, pixels count so much more: lamps, lit windows."""


@dataclass(frozen=True)
class LossWeights:
    """Parts of the loss."""

    edges: float = 0.5
    """Differences of neighbouring pixels, which keep edges sharp and in place."""
    features: float = 0.1
    """Features of a frozen segmenter, in the variant and in the true picture; 0 leaves it out."""
    scores: float = 0.05
    """Its class scores, likewise: labels must be as legible as they truly are, no less and no more."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0.0 <= value <= 10.0:
                raise ValueError(f"{name} is {value}; expected 0 to 10")


class ControlNetLoss:
    """The loss of predicted levels against true pictures."""

    def __init__(self, weights: LossWeights, segmenter: SmallSegmenter | None = None) -> None:
        """
        Args:
            weights: of the parts.
            segmenter: what looks, one that knows the look of the pictures; it is frozen. None takes the shipped one.

        Raises:
            ValueError: the shipped segmenter is wanted, and is not a small one.
        """
        self._weights = weights
        self._emphasis = torch.tensor([_EMPHASIS.get(group, 1.0) for group in LayoutGroup])
        self._segmenter: SmallSegmenter | None = None
        if weights.features > 0.0 or weights.scores > 0.0:
            looks = default_segmenter() if segmenter is None else segmenter
            if not isinstance(looks, SmallSegmenter):
                raise ValueError("the shipped segmenter is not a small one: set features and scores to 0")
            self._segmenter = looks.eval().requires_grad_(False)

    def __call__(self, levels: Tensor, source: Tensor, target: Tensor, groups: Tensor) -> Tensor:
        """Scalar.

        Args:
            levels: (N, 3, H, W) of `EmbeddedStep.levels`.
            source, target: (N, 3, H, W) true rgb in [0, 1].
            groups: (N, H, W) int64 `LayoutGroup`.
        """
        wanted = encode_levels(target)
        brighter = (wanted - encode_levels(source)).mean(1, keepdim=True) > _LIT_BY
        emphasis = self._emphasis[groups][:, None] * torch.where(brighter, _LIGHT_EMPHASIS, 1.0)
        emphasis = emphasis / emphasis.mean()
        loss = (functional.smooth_l1_loss(levels, wanted, beta=0.1, reduction="none") * emphasis).mean()
        for axis in (2, 3):
            near = emphasis.narrow(axis, 1, emphasis.shape[axis] - 1)
            apart = (levels.diff(dim=axis) - wanted.diff(dim=axis)).abs()
            loss = loss + self._weights.edges * (apart * near).mean()
        if self._segmenter is not None:
            loss = loss + self._seen(self._segmenter, decode_levels(levels), target, emphasis)
        return loss

    def _seen(self, segmenter: SmallSegmenter, predicted: Tensor, target: Tensor, emphasis: Tensor) -> Tensor:
        # The segmenter takes a square root; its slope at black is infinite.
        features, scores = _look(segmenter, predicted.clamp(min=1e-3))
        with torch.no_grad():
            true_features, true_scores = _look(segmenter, target.clamp(min=1e-3))
        apart = torch.stack(
            [_relative_difference(*pair) for pair in zip(features, true_features, strict=True)]
        ).mean()
        divergence = functional.kl_div(
            scores.log_softmax(1), true_scores.log_softmax(1), reduction="none", log_target=True
        )
        differing = (divergence.sum(1, keepdim=True) * emphasis).mean()
        return self._weights.features * apart + self._weights.scores * differing


def _relative_difference(features: Tensor, true_features: Tensor) -> Tensor:
    return (features - true_features).abs().mean() / true_features.abs().mean().clamp(min=1e-3)


def _look(segmenter: SmallSegmenter, rgb: Tensor) -> tuple[list[Tensor], Tensor]:
    """Features at 1/2, 1/4 and 1/8 of the picture and class scores at full size, of rgb in [0, 1]."""
    features: list[Tensor] = []
    stages = (segmenter.enter, segmenter.down4, segmenter.down8)
    hooks = [stage.register_forward_hook(lambda _m, _i, output: features.append(output)) for stage in stages]
    try:
        scores = segmenter.logits(rgb * 255.0)
    finally:
        for hook in hooks:
            hook.remove()
    return features, scores
