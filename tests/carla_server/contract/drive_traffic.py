"""Lets the Traffic Manager drive cars and prints, as one JSON line, how well they drove.

A program of its own, because a Traffic Manager that loses its server ends the whole process.
Arguments: port, number of cars, number of ticks.
"""

import itertools
import json
import math
import sys

import carla
from synchronous_traffic import SynchronousTraffic


def main(port: int, cars: int, ticks: int) -> dict:
    traffic = SynchronousTraffic(port)
    world, tick = traffic.world, traffic.tick
    town = world.get_map()
    points = town.get_spawn_points()
    step = max(1, len(points) // cars)
    ids = traffic.spawn([world.get_blueprint_library().find("vehicle.audi.tt")], points[::step][:cars])
    tick()
    tick()
    vehicles = [world.get_actor(actor_id) for actor_id in ids]
    before = {vehicle.id: vehicle.get_location() for vehicle in vehicles}
    distance_m = dict.fromkeys(ids, 0.0)
    waiting_at = dict.fromkeys(ids)
    offsets_m, crossings = [], 0
    for number in range(ticks):
        tick()
        if number % 5:
            continue
        snapshot = world.get_snapshot()
        for vehicle in vehicles:
            here = snapshot.find(vehicle.id).get_transform().location
            distance_m[vehicle.id] += here.distance(before[vehicle.id])
            before[vehicle.id] = here
            waypoint = town.get_waypoint(here)
            if not waypoint.is_junction:
                center = waypoint.transform.location
                offsets_m.append(math.hypot(center.x - here.x, center.y - here.y))
            elif waiting_at[vehicle.id] == "red long":
                crossings += 1
            red = vehicle.is_at_traffic_light() and vehicle.get_traffic_light_state() == carla.TrafficLightState.Red
            was_red = waiting_at[vehicle.id] is not None
            waiting_at[vehicle.id] = ("red long" if was_red else "red") if red and not waypoint.is_junction else None
    places = [vehicle.get_location() for vehicle in vehicles]
    overlaps = sum(a.distance(b) < 2.0 for a, b in itertools.combinations(places, 2))
    traffic.close(ids)
    return {
        "cars": len(ids),
        "mean_distance_m": sum(distance_m.values()) / len(ids),
        "mean_lane_offset_m": sum(offsets_m) / len(offsets_m),
        "overlaps": overlaps,
        "red_light_crossings": crossings,
    }


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:4]))))
