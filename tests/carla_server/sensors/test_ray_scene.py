"""Rays meet what the cameras draw."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.label_alignment import measure
from carla_server.render.camera import rotation_matrix
from carla_server.semantics import SemanticTag
from carla_server.wire.structs import InvalidArgument
from carla_server.world.blueprints import LIBRARY

SOLID = [name for name, blueprint in LIBRARY.items() if min(blueprint.extent_m) > 0.0]


def rays_around(center_m, radius_m, count=240):
    """Directions from eight places around a centre to points near it."""
    random = np.random.default_rng(5)
    for turn in np.linspace(0.0, 2.0 * np.pi, 8, endpoint=False):
        origin = np.array(center_m) + radius_m * np.array((np.cos(turn), np.sin(turn), 0.4))
        aims = np.array(center_m) + random.uniform(-0.5, 0.5, (count // 8, 3)) * radius_m
        directions = aims - origin
        yield origin, directions / np.linalg.norm(directions, axis=1, keepdims=True)


def test_every_blueprint_with_a_body_is_met_within_its_box(make_stage):
    stage = make_stage()
    for name in SOLID:
        actor = stage.add(name, 0.0, -60.0, 1.0, 0.0, 30.0)
        pose = stage.pose_of(actor)
        turn = rotation_matrix(np.array(pose[3:]))
        center = np.array(pose[:3]) + turn @ np.array(actor.box.center_m)
        met = 0
        for origin, directions in rays_around(center, 2.5 * float(np.linalg.norm(actor.box.extent_m))):
            hits = stage.sensors.rays.cast(stage, origin, directions, 100.0)
            mine = hits.actor_id == actor.actor_id
            met += int(mine.sum())
            assert (hits.instance[mine] == 0).all()
            assert set(hits.tag[mine].tolist()) <= {*actor.semantic_tags, int(SemanticTag.RIDER)}, name
            points = origin + hits.distance_m[mine, None] * directions[mine]
            beyond_m = np.abs((points - center) @ turn) - np.array(actor.box.extent_m)
            assert beyond_m.max(initial=0.0) < 0.05 + 0.25 * max(actor.box.extent_m), name
            assert np.linalg.norm(hits.normal[mine], axis=1) == pytest.approx(1.0, abs=1e-5)
            assert (np.einsum("nk,nk->n", hits.normal[mine], directions[mine]) <= 0.0).all()
        assert met > 2, f"{name} is met by {met} of 240 rays"
        stage.destroy(actor.actor_id)


def test_rays_agree_with_the_cameras_and_boxes_cover_what_they_see():
    try:
        tally = measure("TownGrid", poses=8, vehicles=50, walkers=30)
    except InvalidArgument as error:
        if "cannot be rendered" not in str(error):
            raise
        pytest.skip(str(error))
    assert tally.pixels > 60_000
    assert tally.tag_share > 0.995
    assert tally.depth_share > 0.995
    assert tally.vehicles > 5
    assert tally.covered == tally.vehicles
