"""A synchronous world with a Traffic Manager, for the programs beside this file."""

from __future__ import annotations

import socket

import carla

from carla_agents.simulator.thread_watch import ThreadWatch


class SynchronousTraffic:
    """A client of its own, a world that waits for ticks, and a Traffic Manager on a free port."""

    def __init__(self, port: int, seed: int = 1) -> None:
        self.client = carla.Client("127.0.0.1", port)
        self.client.set_timeout(60.0)
        self.world = self.client.get_world()
        settings = self.world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
        self.world.apply_settings(settings)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self._watch = ThreadWatch()
        with self._watch:
            self.manager = self.client.get_trafficmanager(self.port)
        self.manager.set_synchronous_mode(True)
        self.manager.set_random_device_seed(seed)

    def wait(self) -> None:
        """Let the Traffic Manager fall asleep: it can lose its wake-up and hang (docs/carla-compatibility.md)."""
        self._watch.wait_settled(30.0)

    def tick(self) -> None:
        self.wait()
        self.world.tick()

    def spawn(self, blueprints: list[carla.ActorBlueprint], points: list[carla.Transform]) -> list[int]:
        """Cars at spawn points, the blueprints in turn, driven by the Traffic Manager; ids of those that fitted."""
        autopilot = carla.command.SetAutopilot(carla.command.FutureActor, True, self.port)
        commands = [
            carla.command.SpawnActor(blueprints[index % len(blueprints)], point).then(autopilot)
            for index, point in enumerate(points)
        ]
        answers = self.client.apply_batch_sync(commands, False)
        return [answer.actor_id for answer in answers if not answer.error]

    def close(self, actor_ids: list[int]) -> None:
        """End the Traffic Manager, remove actors and let the world run by itself again."""
        self.wait()
        self.manager.shut_down()
        self.client.apply_batch_sync([carla.command.DestroyActor(actor_id) for actor_id in actor_ids], False)
        settings = self.world.get_settings()
        settings.synchronous_mode = False
        self.world.apply_settings(settings)
