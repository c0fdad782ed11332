"""Lets the Traffic Manager drive cars over and under TownRiver's bridges and prints, as one JSON line, what happened.

A program of its own, because a Traffic Manager that loses its server ends the whole process.
Arguments: port, number of ticks.
"""

import json
import sys

import carla
from synchronous_traffic import SynchronousTraffic

OVERPASS = carla.Location(x=-110.0, y=0.0)
RIVER_BRIDGES = (carla.Location(x=130.0, y=0.0), carla.Location(x=130.0, y=-150.0))
NEAR_M = 14.0


def main(port: int, ticks: int) -> dict:
    traffic = SynchronousTraffic(port)
    world = traffic.world
    town = world.get_map()
    library = world.get_blueprint_library()
    places = (OVERPASS, *RIVER_BRIDGES)
    points = [p for p in town.get_spawn_points() if min(p.location.distance_2d(place) for place in places) < 75.0]
    names = ("vehicle.audi.tt", "vehicle.tesla.model3", "vehicle.mercedes.sprinter")
    ids = traffic.spawn([library.find(name) for name in names], points[::2])
    traffic.tick()
    vehicles = [world.get_actor(actor_id) for actor_id in ids]
    collisions = []
    sensors = []
    for vehicle in vehicles:
        traffic.manager.ignore_lights_percentage(vehicle, 100.0)
        traffic.manager.ignore_signs_percentage(vehicle, 100.0)
        sensor = world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), vehicle)
        sensor.listen(lambda event: collisions.append(event.other_actor.type_id))
        sensors.append(sensor)
    over, under, river = set(), set(), set()
    height_before: dict[int, float] = {}
    jump_m = off_road_m = 0.0
    together = 0
    for number in range(ticks):
        traffic.tick()
        snapshot = world.get_snapshot()
        levels = set()
        for actor_id in ids:
            here = snapshot.find(actor_id).get_transform().location
            if number > 20:
                jump_m = max(jump_m, abs(here.z - height_before[actor_id]))
                if number % 5 == 0:
                    off_road_m = max(off_road_m, abs(town.get_waypoint(here).transform.location.z - here.z))
            height_before[actor_id] = here.z
            if here.distance_2d(OVERPASS) < NEAR_M:
                levels.add(here.z > 3.0)
                (over if here.z > 3.0 else under).add(actor_id)
            if min(here.distance_2d(place) for place in RIVER_BRIDGES) < NEAR_M:
                river.add(actor_id)
        together += len(levels) == 2
    traffic.close([actor.id for actor in (*sensors, *vehicles)])
    return {
        "cars": len(ids),
        "over": len(over),
        "under": len(under),
        "river": len(river),
        "ticks_with_both": together,
        "collisions": collisions,
        "largest_step_m": jump_m,
        "largest_height_error_m": off_road_m,
    }


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:3]))))
