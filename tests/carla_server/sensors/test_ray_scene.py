"""Rays meet what the cameras draw."""

from __future__ import annotations

import numpy as np
import pytest

from carla_server.render.camera import CameraView, rotation_matrix
from carla_server.render.context import GLUnavailable
from carla_server.render.renderer import Renderer
from carla_server.roads.towns import load_town
from carla_server.semantics import SemanticTag
from carla_server.world.blueprints import LIBRARY
from carla_server.world.world import World

SOLID = [name for name, blueprint in LIBRARY.items() if min(blueprint.extent_m) > 0.0]
CLEAR = (5, 0, 0, 10, -60, 55, 2, 0.75, 0.1, 0, 1, 0.03, 0.0331, 0)


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


def test_rays_agree_with_the_depth_and_the_labels_of_a_camera():
    town = load_town("TownGrid")
    try:
        renderer = Renderer(town)
    except GLUnavailable as error:
        pytest.skip(str(error))
    world, view = World(town, seed=1), CameraView(96, 54, 90.0)
    columns, rows = np.meshgrid(np.arange(96) + 0.5, np.arange(54) + 0.5)
    right, up = (columns / 48.0 - 1.0) * view.half_width, -(rows / 27.0 - 1.0) * view.half_height
    beams = np.stack((np.ones_like(right), right, up), axis=-1).reshape(-1, 3)
    length = np.linalg.norm(beams, axis=1)
    tags_agree, depths_agree = [], []
    for x, y, z, _, yaw, _ in town.spawn_points[::45]:
        pose = (x, y, z + 1.5, -4.0, yaw, 0.0)
        pictures = renderer.render(view, pose, CLEAR, frozenset({"semantic", "depth"}))
        directions = beams / length[:, None] @ rotation_matrix(np.array(pose[3:])).T
        hits = world.sensors.rays.cast(world, np.array(pose[:3]), directions, 900.0)
        tag = np.where(hits.found, hits.tag, int(SemanticTag.SKY))
        tags_agree.append(tag == pictures["semantic"][..., 2].ravel())
        blue, green, red = (pictures["depth"][..., k].astype(float).ravel() for k in range(3))
        depth_m = 1000.0 * (red + 256.0 * green + 65536.0 * blue) / (2.0**24 - 1.0)
        near = (depth_m < 80.0) & hits.found
        ahead_m = hits.distance_m[near] / length[near]
        depths_agree.append(np.abs(ahead_m - depth_m[near]) < 0.02 * depth_m[near] + 0.05)
    renderer.close()
    assert np.concatenate(tags_agree).mean() > 0.96
    assert np.concatenate(depths_agree).mean() > 0.97
