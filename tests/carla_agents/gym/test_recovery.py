"""An environment whose server was killed says so and starts again at the next reset."""

import os
import signal

import gymnasium
import numpy as np
import pytest

from carla_agents.simulator.errors import ServerLost


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
