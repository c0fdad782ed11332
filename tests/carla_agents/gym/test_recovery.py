"""An environment whose server was killed or whose traffic stalled says so and starts again at the next reset."""

import os
import signal

import gymnasium
import numpy as np
import pytest

from carla_agents.simulator.errors import ServerLost, TrafficManagerStalled
from carla_agents.simulator.stall_watch import StallWatch


def test_a_killed_server_is_reported_and_the_next_reset_starts_another() -> None:
    env = gymnasium.make("carla_agents:Drive-v0", rgb=False, route_length_m=100.0, action_type="control")
    env.reset(seed=1)
    session = env.unwrapped.session
    session.client.set_timeout(1.0)
    os.kill(session.server.pid, signal.SIGKILL)
    action = np.zeros(3, np.float32)
    with pytest.raises(ServerLost, match="died"):
        env.step(action)
    env.reset(seed=1)
    assert env.unwrapped.session.server.pid != session.server.pid
    env.step(action)
    env.close()


def test_a_stalled_traffic_manager_is_reported_and_the_next_reset_goes_on_with_the_same_server(monkeypatch) -> None:
    env = gymnasium.make(
        "carla_agents:Drive-v0", rgb=False, route_length_m=100.0, action_type="control", traffic_vehicles=2
    )
    first, _ = env.reset(seed=1)
    session = env.unwrapped.session
    action = np.zeros(3, np.float32)
    with monkeypatch.context() as patch:
        patch.setattr(StallWatch, "take_rescues", lambda watch: 1)
        with pytest.raises(TrafficManagerStalled, match="drive again"):
            env.step(action)
    again, _ = env.reset(seed=1)
    assert env.unwrapped.session is session
    assert np.allclose(first["target_point"], again["target_point"])
    env.step(action)
    env.close()
