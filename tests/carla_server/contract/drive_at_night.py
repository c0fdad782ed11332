"""Lets the Traffic Manager drive a car at night and prints the state of its lamps as a number.

A program of its own, because a Traffic Manager that loses its server ends the whole process. Argument: port.
"""

import sys

import carla
from synchronous_traffic import SynchronousTraffic


def main(port: int) -> int:
    traffic = SynchronousTraffic(port)
    world = traffic.world
    world.set_weather(carla.WeatherParameters.ClearNight)
    blueprint = world.get_blueprint_library().find("vehicle.lincoln.mkz_2020")
    car = world.spawn_actor(blueprint, world.get_map().get_spawn_points()[1])
    car.set_autopilot(True, traffic.port)
    traffic.manager.update_vehicle_lights(car, True)
    for _ in range(30):
        traffic.tick()
    return int(car.get_light_state())


if __name__ == "__main__":
    print(main(int(sys.argv[1])))
