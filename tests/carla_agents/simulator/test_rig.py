"""Cameras on the embedded server deliver every wanted frame, matched exactly."""

import numpy as np
import pytest

from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.errors import SensorTimeout, SpawnFailed
from carla_agents.simulator.frame import Control
from carla_agents.simulator.rig import SensorRig, SensorSpec, cameras
from carla_agents.simulator.session import Session, SimulatorConfig

SMALL = CameraSpec(width_px=64, height_px=36)
ALL = ("rgb", "seg", "depth_m", "instance")


@pytest.fixture(scope="module")
def session():
    with Session.embedded(SimulatorConfig(timeout_s=60.0)) as opened:
        yield opened


@pytest.fixture
def car(session: Session):
    session.reset()
    return session.spawn("vehicle.tesla.model3", session.map.get_spawn_points()[0], {"role_name": "hero"})


def rig_or_skip(session: Session, car, **options) -> SensorRig:
    try:
        return SensorRig(session, car, cameras(SMALL, ALL), **options)
    except SpawnFailed as error:
        if "libegl1" in str(error):
            pytest.skip(f"no OpenGL here: {error}")
        raise


def test_four_cameras_match_in_every_tick_and_have_their_types(session: Session, car) -> None:
    with rig_or_skip(session, car) as rig:
        for _ in range(60):
            session.apply(car, Control(throttle=0.5))
            images = rig.gather(session.tick(), timeout_s=60.0)
            assert images.keys() == set(ALL)
        assert (images["rgb"].shape, images["rgb"].dtype) == ((36, 64, 3), np.uint8)
        assert (images["seg"].shape, images["seg"].dtype) == ((36, 64), np.uint8)
        assert (images["depth_m"].shape, images["depth_m"].dtype) == ((36, 64), np.float32)
        assert (images["instance"].shape, images["instance"].dtype) == ((36, 64), np.uint16)
        assert images["depth_m"].max() <= 1000.0
        sky = images["seg"] == 11
        assert sky.any()
        assert (images["depth_m"][sky] > 900.0).all()


def test_cameras_of_every_tick_are_due_from_the_tick_after_their_making_on(session: Session, car) -> None:
    session.tick()
    with rig_or_skip(session, car) as rig:
        assert not rig.due(session.frame_id)
        for _ in range(3):
            assert rig.due(session.tick())
            assert rig.gather(session.frame_id, timeout_s=60.0).keys() == set(ALL)


def test_asking_for_a_past_frame_raises_and_the_next_frame_still_works(session: Session, car) -> None:
    with rig_or_skip(session, car) as rig:
        past = session.tick()
        rig.gather(past, timeout_s=60.0)
        now = session.tick()
        with pytest.raises(SensorTimeout, match=f"frame {past}"):
            rig.gather(past)
        assert rig.gather(now, timeout_s=60.0)


def test_a_slower_rig_delivers_exactly_its_due_frames(session: Session, car) -> None:
    with rig_or_skip(session, car, every_ticks=3) as rig:
        delivered = []
        for _ in range(12):
            frame_id = session.tick()
            if rig.due(frame_id):
                rig.gather(frame_id, timeout_s=60.0)
                delivered.append(frame_id)
        assert len(delivered) == 4
        assert set(np.diff(delivered)) == {3}


def test_equal_names_and_unknown_modalities_are_refused(session: Session, car) -> None:
    with pytest.raises(ValueError, match="names must differ"):
        SensorRig(session, car, [SensorSpec("front", "rgb"), SensorSpec("front", "seg")])
    with pytest.raises(ValueError, match="modality is 'smell'"):
        SensorSpec("front", "smell")
