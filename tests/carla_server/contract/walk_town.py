"""Lets pedestrians walk and prints, as one JSON line, how far and where.

A program of its own, so that the client's crowd ends with it. Arguments: port, number of walkers, number of ticks.
"""

import json
import math
import sys

import carla


def main(port: int, count: int, ticks: int) -> dict:
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(60.0)
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode = True
    settings.fixed_delta_seconds = 0.05
    world.apply_settings(settings)
    world.set_pedestrians_seed(3)
    town = world.get_map()
    library = world.get_blueprint_library()
    brain = library.find("controller.ai.walker")
    walkers = []
    while len(walkers) < count:
        start = world.get_random_location_from_navigation()
        walker = world.try_spawn_actor(library.find("walker.pedestrian.0004"), carla.Transform(start))
        if walker is not None:
            walkers.append(walker)
    world.tick()
    brains = [world.spawn_actor(brain, carla.Transform(), walker) for walker in walkers]
    world.tick()
    for controller in brains:
        controller.start()
        controller.go_to_location(world.get_random_location_from_navigation())
        controller.set_max_speed(1.4)
    walked_m = [0.0] * count
    before = [walker.get_location() for walker in walkers]
    beside_road = samples = 0
    for _ in range(ticks):
        world.tick()
        for index, walker in enumerate(walkers):
            here = walker.get_location()
            walked_m[index] += math.hypot(here.x - before[index].x, here.y - before[index].y)
            before[index] = here
            lane = town.get_waypoint(here, lane_type=carla.LaneType.Any)
            samples += 1
            beside_road += lane.lane_type != carla.LaneType.Driving
    for controller in brains:
        controller.stop()
    world.tick()
    for actor in (*brains, *walkers):
        actor.destroy()
    settings.synchronous_mode = False
    world.apply_settings(settings)
    return {"median_walked_m": sorted(walked_m)[count // 2], "beside_road": beside_road / samples}


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:4]))))
