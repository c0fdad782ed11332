from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from augment.conditions import DOMINANT, HELD_OUT, Condition
from augment.training.pairs import PairedFrames, join_pairs


def with_poses(pairs: PairedFrames) -> PairedFrames:
    """Moment by moment a tenth of a radian further to the right."""
    poses = np.tile(np.eye(4), (len(pairs), 1, 1))
    for number, pose in enumerate(poses):
        sine, cosine = np.sin(0.1 * number), np.cos(0.1 * number)
        pose[:2, :2] = [[cosine, -sine], [sine, cosine]]
    return replace(pairs, ego_to_world=poses)


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


def test_poses_are_kept_only_where_every_store_has_them_and_go_into_batches(pairs: PairedFrames):
    assert join_pairs([with_poses(pairs), pairs]).ego_to_world is None
    posed = join_pairs([with_poses(pairs), with_poses(pairs)])
    assert posed.ego_to_world is not None
    assert posed.fingerprint() != replace(posed, ego_to_world=None).fingerprint()
    few = posed.subset(np.array([1, 7]))
    batch = few.batch(HELD_OUT, ("a", "b"))
    assert batch.sources == (HELD_OUT, HELD_OUT)
    assert np.array_equal(batch.rgb, few.rgb[HELD_OUT])
    assert np.allclose(batch.headings_rad(), [0.1, 0.1])
    with pytest.raises(ValueError, match=r"ego_to_world must be \(6, 4, 4\)"):
        replace(pairs, ego_to_world=np.eye(4)[None])


def test_pictures_of_several_sizes_and_nothing_at_all_are_refused(pairs: PairedFrames):
    small = PairedFrames({c: rgb[:, ::2, ::2] for c, rgb in pairs.rgb.items()}, pairs.seg[:, ::2, ::2], None)
    with pytest.raises(ValueError, match="several sizes"):
        join_pairs([pairs, small])
    with pytest.raises(ValueError, match="no pairs"):
        join_pairs([])
