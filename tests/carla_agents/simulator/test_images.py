"""BGRA payloads become arrays with a meaning."""

import numpy as np
import pytest

from carla_agents.simulator.images import depth_m_from_bgra, instance_from_bgra, rgb_from_bgra, seg_from_bgra

BGRA = np.array([[[10, 20, 30, 255], [1, 2, 3, 255]]], np.uint8)


def test_rgb_swaps_the_channels_into_fresh_memory() -> None:
    rgb = rgb_from_bgra(BGRA)
    assert rgb.tolist() == [[[30, 20, 10], [3, 2, 1]]]
    assert not np.shares_memory(rgb, BGRA)
    assert rgb.flags.c_contiguous


def test_seg_is_the_red_channel() -> None:
    assert seg_from_bgra(BGRA).tolist() == [[30, 3]]


def test_instance_joins_green_and_blue() -> None:
    assert instance_from_bgra(BGRA).tolist() == [[20 + 256 * 10, 2 + 256 * 1]]
    assert instance_from_bgra(BGRA).dtype == np.uint16


@pytest.mark.parametrize("metres", [0.0, 0.7, 12.5, 999.0, 1000.0])
def test_depth_is_decoded_within_a_millimetre(metres: float) -> None:
    steps = round(metres / 1000.0 * (256**3 - 1))
    pixel = np.array([[[steps >> 16, (steps >> 8) & 255, steps & 255, 255]]], np.uint8)
    decoded = depth_m_from_bgra(pixel)
    assert decoded.dtype == np.float32
    assert abs(float(decoded[0, 0]) - metres) < 1e-3
