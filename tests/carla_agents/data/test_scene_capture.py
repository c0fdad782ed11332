"""Vehicles that leave in the middle of a drive: a Traffic Manager removes those that stand for long."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pytest

from carla_agents.data.drive_replay import DriveReplay
from carla_agents.data.records import StoredRoute
from carla_agents.data.scene import SceneState
from carla_agents.data.scene_capture import SceneCapture
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.session import Session, SimulatorConfig

_CAMERA = CameraSpec(width_px=32, height_px=18)


@dataclass(frozen=True)
class Shown:
    """What a replay asks of a stored frame."""

    scene: SceneState

    def load_scene(self) -> SceneState:
        return self.scene


@pytest.fixture
def session():
    with Session.embedded(SimulatorConfig()) as opened:
        yield opened


def place_m(session: Session, actor_id: int) -> np.ndarray:
    at = session.snapshot().find(actor_id).get_transform().location
    return np.array([at.x, at.y, at.z])


def test_a_vehicle_that_leaves_is_missing_from_the_states_and_set_aside_by_the_replay(session):
    session.reset()
    ego_place, other_place = session.map.get_spawn_points()[:2]
    ego, other = session.spawn("vehicle.tesla.model3", ego_place), session.spawn("vehicle.audi.tt", other_place)
    session.tick()
    capture = SceneCapture(session, ego)
    before = capture.read()
    assert before.actor_ids.tolist() == sorted([ego.id, other.id])
    other.destroy()
    session.tick()
    after = capture.read()
    assert after.actor_ids.tolist() == [ego.id]
    assert SceneState.unpack(after.pack(), "scene").actor_ids.tolist() == [ego.id]
    ego.destroy()
    session.tick()
    with pytest.raises(KeyError, match="ego vehicle"):
        capture.read()

    metadata = {"map": "TownGrid", "camera": asdict(_CAMERA), "scene": capture.cast.to_json()}
    with DriveReplay(session, StoredRoute("r", "train", metadata, None, 2), ("rgb",)) as replay:
        replay.set_weather((5.0, 0, 0, 10, -60, 55, 2, 0.75, 0.1, 0, 1, 0.03, 0.0331, 0))
        replay.show(Shown(before))
        car = next(actor for actor in session.world.get_actors() if actor.type_id == "vehicle.audi.tt")
        np.testing.assert_allclose(place_m(session, car.id), before.pose[1, :3], atol=0.01)
        replay.show(Shown(after))
        assert place_m(session, car.id)[2] > 100.0
