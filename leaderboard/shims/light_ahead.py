"""The traffic light that is next on a vehicle's way."""

from __future__ import annotations

import carla

_REACH_M = 50.0
_STEP_M = 2.0


def next_traffic_light(world: carla.World, carla_map: carla.Map, actor: carla.Actor) -> carla.TrafficLight | None:
    """The light whose stop line is first on the actor's lane, within 50 m.

    Args:
        world: where to look for lights.
        carla_map: its map.
        actor: a vehicle.

    Returns:
        The light, or None if none guards the way before the next junction.
    """
    waypoint = carla_map.get_waypoint(actor.get_location())
    lanes = {(waypoint.road_id, waypoint.lane_id)}
    walked_m = 0.0
    while walked_m < _REACH_M and not waypoint.is_junction:
        following = waypoint.next(_STEP_M)
        if not following:
            break
        waypoint = following[0]
        walked_m += _STEP_M
        if not waypoint.is_junction:
            lanes.add((waypoint.road_id, waypoint.lane_id))
    here = actor.get_transform()
    forward = here.get_forward_vector()
    best: tuple[float, carla.TrafficLight] | None = None
    for light in world.get_actors().filter("*traffic_light*"):
        for line in light.get_stop_waypoints():
            if (line.road_id, line.lane_id) not in lanes:
                continue
            way = line.transform.location - here.location
            far_m = line.transform.location.distance(here.location)
            if (
                way.x * forward.x + way.y * forward.y > -1.0
                and far_m <= _REACH_M
                and (best is None or far_m < best[0])
            ):
                best = (far_m, light)
    return best[1] if best is not None else None
