from __future__ import annotations

import cv2
import numpy as np

from augment.seeds import generator
from benchmarks.corruptions import ROAD, Donor, inserted


def detail(rgb: np.ndarray) -> np.ndarray:
    return rgb.astype(np.float32) - cv2.GaussianBlur(rgb.astype(np.float32), (0, 0), 1.0)


def test_a_thing_put_in_shows_its_own_detail_down_to_its_thin_limbs():
    rng = generator("corruption test")
    rgb = np.clip(90 + rng.normal(0, 3, (144, 256, 3)), 0, 255).astype(np.uint8)
    seg = np.full((144, 256), ROAD, np.uint8)
    mask = np.zeros((144, 256), bool)
    mask[60:72, 100:108] = True
    mask[72:86, 100:103] = mask[72:86, 105:108] = True  # legs, three pixels wide
    donor_rgb = np.clip(140 + 40 * rng.standard_normal((144, 256, 3)), 0, 255).astype(np.uint8)
    agreements = []
    for number in range(40):
        planted = inserted(generator("insertion", number), rgb, seg, Donor(donor_rgb, mask))
        assert planted is not None
        rows, columns = (at.min() - first for at, first in zip(np.nonzero(planted.region), (60, 100)))
        legs = np.zeros_like(mask)
        legs[72:86, 100:103] = legs[72:86, 105:108] = True
        put, own = (
            detail(a)[np.roll(legs, s, (0, 1))] for a, s in ((planted.rgb, (rows, columns)), (donor_rgb, (0, 0)))
        )
        agreements.append(np.corrcoef(put.ravel(), own.ravel())[0, 1])
    # Overlays agree by 0.95, Poisson blending by 1.00; 0.6 where its mask is worn.
    assert min(agreements) > 0.9
    assert max(agreements) > 0.99
