from __future__ import annotations

import pytest
import torch

from augment.synthesizers.small_controlnet import (
    HINT_CHANNELS,
    WEATHER_CHANNELS,
    SmallControlNet,
    SmallControlNetConfig,
)
from augment.training.widen import widened


def trained(channels: tuple[int, ...]) -> SmallControlNet:
    """As after a training: no layer gives zeros any more."""
    torch.manual_seed(1)
    network = SmallControlNet(SmallControlNetConfig(channels, targets=("rain-night",))).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return network


def outputs(network: SmallControlNet) -> tuple[torch.Tensor, ...]:
    drawn = torch.Generator().manual_seed(2)
    state = torch.rand(2, 48, 16, 24, generator=drawn)
    hint = torch.rand(2, HINT_CHANNELS, 32, 48, generator=drawn)
    return network(state, hint, torch.rand(2, WEATHER_CHANNELS, generator=drawn))


@pytest.mark.parametrize("channels", [(16, 24), (8, 16, 24)])
def test_a_network_of_twice_the_channels_begins_with_the_same_pictures(channels: tuple[int, ...]):
    network = trained(channels)
    wider = widened(network, tuple(2 * width for width in channels))
    assert wider.config.channels == tuple(2 * width for width in channels)
    assert wider.config.targets == network.config.targets
    assert wider.parameter_count() > 2.5 * network.parameter_count()
    with torch.inference_mode():
        for made, wanted in zip(outputs(wider), outputs(network), strict=True):
            assert wanted.std() > 0.01
            torch.testing.assert_close(made, wanted, rtol=1e-4, atol=1e-5)


def test_widths_that_grow_by_different_factors_change_little():
    network = trained((24, 32))
    with torch.inference_mode():
        for made, wanted in zip(outputs(widened(network, (32, 64))), outputs(network), strict=True):
            assert (made - wanted).std() < 0.5 * wanted.std()


def test_copies_of_a_channel_do_not_learn_the_same():
    wider = widened(trained((16, 24)), (32, 48))
    sum(part.square().mean() for part in outputs(wider)).backward()
    entrance = wider.unet.conv_in.weight
    assert torch.equal(entrance[0], entrance[1])
    assert not torch.allclose(entrance.grad[0], entrance.grad[1], rtol=0.02)


@pytest.mark.parametrize("channels", [(16,), (8, 24), (16, 24, 32)])
def test_other_shapes_are_refused(channels: tuple[int, ...]):
    with pytest.raises(ValueError, match="expected 2 widths, none below"):
        widened(trained((16, 24)), channels)
