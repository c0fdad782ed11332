"""Lets the Traffic Manager drive a car at night and prints the state of its lamps as a number.

A program of its own, because a Traffic Manager that loses its server ends the whole process. Argument: port.
"""

import socket
import sys

import carla

from carla_agents.simulator.thread_watch import ThreadWatch


def main(port: int) -> int:
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(60.0)
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
    world.apply_settings(settings)
    world.set_weather(carla.WeatherParameters.ClearNight)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        traffic_port = probe.getsockname()[1]
    watch = ThreadWatch()
    with watch:
        traffic = client.get_trafficmanager(traffic_port)
    traffic.set_synchronous_mode(True)
    blueprint = world.get_blueprint_library().find("vehicle.lincoln.mkz_2020")
    car = world.spawn_actor(blueprint, world.get_map().get_spawn_points()[1])
    car.set_autopilot(True, traffic_port)
    traffic.update_vehicle_lights(car, True)
    for _ in range(30):
        watch.wait_settled(30.0)
        world.tick()
    return int(car.get_light_state())


if __name__ == "__main__":
    print(main(int(sys.argv[1])))
