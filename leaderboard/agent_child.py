"""The agent's side of `--agent-python`: a script that the agent's own interpreter runs, Python 3.7 or newer.

    python agent_child.py SOCKET_NUMBER PACKAGE_FOLDER AGENT_FILE

What that environment has comes first; of this project it only gets, where it lacks them, the packages that agents
import (`leaderboard`, `agents`, `srunner`). The evaluator owns the simulator, the sensors and the clock; here the
agent is made, told its route and asked for its controls. See `leaderboard.agent_process` for the other side.
"""

from __future__ import annotations

import ctypes
import importlib.util
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any

_OFFERED = ("leaderboard", "carla_agents", "carla_server")
_CALLS = ("begin", "make", "set_global_plan", "setup", "sensors", "step", "destroy")
_FRAME_TIMEOUT_S = 10.0
_PR_SET_PDEATHSIG = 1


class _Given:
    """Stands where an agent keeps its sensor interface: the evaluator has gathered the data already."""

    def __init__(self, before: Any) -> None:
        self._before = before
        self.data: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._before, name)

    def get_data(self, *_: Any, **__: Any) -> dict[str, Any]:
        return self.data


class _Stamp:
    def __init__(self, values: dict[str, Any]) -> None:
        self.frame = int(values["frame"])
        self.elapsed_seconds = float(values["elapsed_seconds"])
        self.delta_seconds = float(values["delta_seconds"])
        self.platform_timestamp = float(values["platform_timestamp"])


class _Finder:
    """Offers packages of a folder, after everybody else was asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if path is not None or fullname not in _OFFERED:
            return None
        home = self._folder / fullname
        return importlib.util.spec_from_file_location(
            fullname, str(home / "__init__.py"), submodule_search_locations=[str(home)]
        )


class Agent:
    """Answers the evaluator's calls; the names of the methods are the names of the calls."""

    def __init__(self, agent_file: Path) -> None:
        from leaderboard.agent_loading import load_agent_class, takes_only_a_path

        self._class = load_agent_class(agent_file)
        self.by_path = takes_only_a_path(self._class)
        self._agent: Any = None
        self._client: Any = None
        self._world: Any = None
        self._address: Any = None

    def begin(self, host: str, port: int, hero_id: int, plan: list[Any]) -> None:
        """Connect to the simulator as agents expect it: world, hero and dense route in `CarlaDataProvider`."""
        import carla
        from srunner.scenariomanager.carla_data_provider import CarlaDataProvider
        from srunner.scenariomanager.timer import GameTime

        if self._address != (host, port):
            self._client = carla.Client(host, port)
            self._client.set_timeout(60.0)
            self._address = (host, port)
        CarlaDataProvider.cleanup()
        CarlaDataProvider.set_client(self._client)
        self._world = world = self._client.get_world()
        CarlaDataProvider.set_world(world)
        hero = world.get_actor(hero_id)
        if hero is None:
            raise RuntimeError(f"the simulator at {host}:{port} has no vehicle {hero_id}")
        try:
            CarlaDataProvider.register_actor(hero, hero.get_transform())
        except TypeError:  # before Leaderboard 2.0 it took the actor alone
            CarlaDataProvider.register_actor(hero)
        CarlaDataProvider.set_ego_route(_plan(plan))
        GameTime.restart()

    def make(self, arguments: list[Any]) -> None:
        self._agent = self._class(*arguments)
        self._given = _Given(self._agent.sensor_interface)
        self._agent.sensor_interface = self._given

    def set_global_plan(self, gps: list[Any], plan: list[Any], spacing_m: float) -> None:
        self._agent.plan_spacing_m = spacing_m
        option = _road_option()
        self._agent.set_global_plan([(place, option(command)) for place, command in gps], _plan(plan))

    def setup(self, text: str) -> None:
        self._agent.setup(text)

    def sensors(self) -> dict[str, Any]:
        """The sensors, and what else the evaluator wants to know of an agent that was set up."""
        agent = self._agent
        version = agent.get_ros_version() if hasattr(agent, "get_ros_version") else -1
        track = getattr(agent.track, "value", agent.track)
        return {"sensors": list(agent.sensors()), "track": str(track), "ros_version": int(version)}

    def step(self, data: dict[str, Any], stamp: dict[str, Any], metric: bool) -> dict[str, Any]:
        from srunner.scenariomanager.carla_data_provider import CarlaDataProvider
        from srunner.scenariomanager.timer import GameTime

        self._await_frame(int(stamp["frame"]))
        GameTime.on_carla_tick(_Stamp(stamp))
        CarlaDataProvider.on_carla_tick()
        self._given.data = data
        control = self._agent()
        names = ("throttle", "steer", "brake", "hand_brake", "reverse")
        missing = [name for name in names if not hasattr(control, name)]
        if missing:
            return {"control": None, "type": type(control).__name__}
        said = self._agent.get_metric_info() if metric else None
        return {"control": {name: getattr(control, name) for name in names}, "metric": said}

    def _await_frame(self, frame: int) -> None:
        """Wait for this client's view of the tick under way, so that an agent which looks at the world sees now."""
        deadline_s = time.monotonic() + _FRAME_TIMEOUT_S
        while self._world.get_snapshot().frame < frame:
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"the agent's own client saw no frame {frame} within {_FRAME_TIMEOUT_S:g} s")
            time.sleep(0.0002)

    def destroy(self) -> None:
        agent, self._agent = self._agent, None
        if agent is not None:
            agent.destroy()


def _road_option() -> Any:
    from agents.navigation.local_planner import RoadOption

    return RoadOption


def _plan(points: list[Any]) -> list[Any]:
    import carla

    option = _road_option()
    return [
        (carla.Transform(carla.Location(x, y, z), carla.Rotation(pitch, yaw, roll)), option(command))
        for x, y, z, pitch, yaw, roll, command in points
    ]


def main() -> int:
    """Serve until the evaluator closes the connection."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # an agent that hangs must not outlive the evaluator
    connection = socket.socket(fileno=int(sys.argv[1]))
    folder, agent_file = Path(sys.argv[2]), Path(sys.argv[3])
    sys.path[0] = str(agent_file.resolve().parent)  # instead of this script's folder
    sys.meta_path.append(_Finder(folder))  # type: ignore[arg-type]
    import leaderboard

    ours = str(folder / "leaderboard")
    if ours not in leaderboard.__path__:  # the environment's own package; ours adds the modules that it lacks
        leaderboard.__path__.append(ours)
    from leaderboard.agent_loading import AgentFileError
    from leaderboard.agent_protocol import PeerGone, receive, send
    from leaderboard.shims import offer_missing_packages

    offer_missing_packages()
    try:
        agent = Agent(agent_file)
    except AgentFileError as error:
        send(connection, {"file_error": str(error)})
        return 1
    send(connection, {"by_path": agent.by_path, "python": sys.version.split()[0]})
    while True:
        try:
            call = receive(connection)
        except PeerGone:
            return 0
        try:
            if call["name"] not in _CALLS:
                raise RuntimeError(f"unknown call {call['name']!r}")
            reply = {"result": getattr(agent, call["name"])(**call["arguments"])}
            send(connection, reply)
        except PeerGone:
            return 0
        except Exception as error:
            traceback.print_exc()
            send(connection, {"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    sys.exit(main())
