from __future__ import annotations

import pytest
import torch

from augment.synthesizers.bridge_scheduler import BridgeScheduler
from augment.synthesizers.pixel_codec import PixelCodec, decode_pixels, encode_pixels


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_perfect_network_arrives_at_the_target_in_any_number_of_steps(steps: int):
    source, target = torch.rand(2, 48, 4, 4), torch.rand(2, 48, 4, 4)
    bridge = BridgeScheduler(noise_level=0.3)
    bridge.set_timesteps(steps)
    state = bridge.add_noise(source, torch.randn_like(source), bridge.timesteps[:1])
    assert torch.equal(state, source)
    for timestep in bridge.timesteps:
        state = bridge.step(state - target, timestep, state, torch.Generator().manual_seed(1)).prev_sample
    assert torch.allclose(state, target, atol=1e-6)


def test_a_noise_free_bridge_is_the_straight_line_and_its_ends_carry_no_noise():
    source, target, noise = torch.zeros(3, 48, 2, 2), torch.ones(3, 48, 2, 2), torch.randn(3, 48, 2, 2)
    places = torch.tensor([0.0, 0.5, 1.0])
    assert BridgeScheduler().state_at(source, target, places, noise)[:, 0, 0, 0].tolist() == [1.0, 0.5, 0.0]
    noisy = BridgeScheduler(noise_level=0.4).state_at(source, target, places, noise)
    assert torch.equal(noisy[0], target[0])
    assert torch.equal(noisy[2], source[2])
    assert torch.allclose(noisy[1], 0.5 + 0.2 * noise[1])


def test_a_bridge_cannot_start_anywhere_but_at_the_source():
    with pytest.raises(ValueError, match="strength 1"):
        BridgeScheduler().add_noise(torch.zeros(1, 48, 2, 2), torch.zeros(1, 48, 2, 2), torch.tensor([500.0]))


def test_codec_loses_nothing_that_eight_bits_can_hold():
    levels = torch.arange(256).repeat(3, 1, 1, 1).permute(1, 0, 2, 3).reshape(1, 3, 16, 16) / 127.5 - 1.0
    back = decode_pixels(encode_pixels(levels))
    assert torch.equal(torch.round((back + 1) * 127.5), torch.round((levels + 1) * 127.5))
    assert torch.equal(PixelCodec().encode(levels).latent_dist.sample(), encode_pixels(levels))
