"""Reloads the world while an asynchronous Traffic Manager drives, and says how many cars drove each time.

A program of its own, because a thread of the client that fails ends the whole process. Arguments: port, reloads.
"""

import json
import socket
import sys
import time

import carla


def main(port: int, reloads: int) -> list[int]:
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(60.0)
    world = client.get_world()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        traffic_port = probe.getsockname()[1]
    client.get_trafficmanager(traffic_port)
    blueprint = world.get_blueprint_library().find("vehicle.audi.tt")
    autopilot = carla.command.SetAutopilot(carla.command.FutureActor, True, traffic_port)
    driven = []
    for _ in range(reloads):
        points = world.get_map().get_spawn_points()[:8]
        commands = [carla.command.SpawnActor(blueprint, point).then(autopilot) for point in points]
        ids = [answer.actor_id for answer in client.apply_batch_sync(commands, False) if not answer.error]
        deadline_s = time.monotonic() + 60.0
        moving = 0
        while moving < len(ids) and time.monotonic() < deadline_s:
            world.wait_for_tick()
            moving = sum(world.get_actor(number).get_velocity().length() > 1.0 for number in ids)
        driven.append(moving)
        world = client.reload_world()
    client.get_trafficmanager(traffic_port).shut_down()
    return driven


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))), flush=True)
