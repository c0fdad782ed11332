from __future__ import annotations

import pytest
import torch

from augment.layout import LayoutGroup
from augment.synthesizers.pixel_codec import encode_levels
from augment.training.controlnet_loss import ControlNetLoss, LossWeights
from carla_agents.segmentation.small import SmallSegmenter, SmallSegmenterConfig


def picture(seed: int) -> torch.Tensor:
    return torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(seed))


def kinds(group: LayoutGroup = LayoutGroup.ROAD) -> torch.Tensor:
    return torch.full((1, 32, 48), int(group))


def test_the_true_picture_costs_nothing_and_another_costs_something_a_segmenter_sees():
    source, target = picture(0), picture(1)
    seeing, blind = ControlNetLoss(LossWeights()), ControlNetLoss(LossWeights(features=0.0, scores=0.0))
    assert float(seeing(encode_levels(target), source, target, kinds())) < 1e-3
    wrong = encode_levels(source)
    assert float(seeing(wrong, source, target, kinds())) > float(blind(wrong, source, target, kinds())) > 0.1


def test_the_loss_looks_through_the_segmenter_it_is_given_and_leaves_its_weights_alone():
    torch.manual_seed(0)
    other = SmallSegmenter(SmallSegmenterConfig(widths=(8, 8, 8, 8))).train()
    source, target = picture(0), picture(1)
    levels = encode_levels(source).requires_grad_(True)
    loss = ControlNetLoss(LossWeights(), other)
    cost = loss(levels, source, target, kinds())
    assert float(loss(encode_levels(target), source, target, kinds())) < 1e-3
    shipped = ControlNetLoss(LossWeights())(levels.detach(), source, target, kinds())
    assert float(cost.detach()) != pytest.approx(float(shipped))
    cost.backward()
    assert levels.grad is not None
    assert all(parameter.grad is None for parameter in other.parameters())


def test_an_error_on_lane_paint_or_on_a_light_costs_more_than_one_on_the_road():
    loss = ControlNetLoss(LossWeights(features=0.0, scores=0.0))
    grey = torch.full((1, 3, 32, 48), 0.3)
    off = encode_levels(grey)
    off[:, :, 8:16, 8:16] -= 0.2
    plain = loss(off, grey, grey, kinds())
    painted = kinds()
    painted[:, 8:16, 8:16] = int(LayoutGroup.ROAD_LINE)
    darker_source = grey.clone()
    darker_source[:, :, 8:16, 8:16] = 0.1
    assert float(loss(off, grey, grey, painted)) > 2.0 * float(plain)
    assert float(loss(off, darker_source, grey, kinds())) > 2.0 * float(plain)


def test_weights_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"scores is -1\.0"):
        LossWeights(scores=-1.0)
