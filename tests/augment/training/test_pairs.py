from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from augment.conditions import DOMINANT, HELD_OUT, Condition
from augment.training.pairs import PairedFrames, join_pairs


def test_joined_pairs_hold_the_moments_of_all_under_the_conditions_they_share(pairs: PairedFrames):
    without_fog = replace(pairs, rgb={c: pairs.rgb[c] for c in (DOMINANT, HELD_OUT)})
    joined = join_pairs(iter([pairs, without_fog]))
    assert set(joined.rgb) == {DOMINANT, HELD_OUT}
    assert len(joined) == 2 * len(pairs)
    assert np.array_equal(joined.rgb[HELD_OUT][len(pairs) :], pairs.rgb[HELD_OUT])
    assert joined.depth_m is not None
    assert Condition("fog", "day") in pairs.rgb


def test_depth_is_kept_only_where_every_store_has_it(pairs: PairedFrames):
    assert join_pairs([pairs, replace(pairs, depth_m=None)]).depth_m is None


def test_pictures_of_several_sizes_and_nothing_at_all_are_refused(pairs: PairedFrames):
    small = PairedFrames({c: rgb[:, ::2, ::2] for c, rgb in pairs.rgb.items()}, pairs.seg[:, ::2, ::2], None)
    with pytest.raises(ValueError, match="several sizes"):
        join_pairs([pairs, small])
    with pytest.raises(ValueError, match="no pairs"):
        join_pairs([])
