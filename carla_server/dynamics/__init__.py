"""How things move and touch: vehicles, walkers, collisions. Pure numpy state, no sockets, no CARLA objects.

Everything is in CARLA's left-handed world frame (x forward, y right, z up), metres, radians, seconds.
A vehicle's origin lies on the ground below the middle of its box; a walker's origin is the middle of its body.

Public names:
    VehicleSpec (spec.py)            mechanics of one vehicle type; `VehicleSpec.from_extent(extent_m, mass_kg,
                                     base_type, electric=False, figures=None)`
    VehicleFigures (vehicle_families.py)
                                     what is known of one model beyond its kind
    physics_control_of, checked_physics_control, spec_with_physics_control (physics_control.py)
                                     `VehicleSpec` <-> CARLA's VehiclePhysicsControl in wire order
    VehicleFleet (vehicle.py)        all vehicles, struct of arrays
    WalkerFleet (walker.py)          all walkers, struct of arrays
    CollisionWorld (collisions.py), Contact (contacts.py)
                                     boxes against boxes, impulses, contacts; `first_hit` along a ray;
                                     `add_prop` / `remove_prop` for static actors, `set_enabled` for all
    tags_of (obstacle_tags.py)       SemanticTag of each of a town's obstacles, for `CollisionWorld(obstacles, tags)`
    ray_hits (rays.py)               distances along a ray (or a swept sphere) to oriented boxes

What `world.py` does per tick, in this order:
    1. write commands:   vehicles.set_control(actor_id, wire_values) / walkers.set_control(...), teleports, impulses
    2. vehicles.step(delta_s, town.ground);  walkers.step(delta_s, town.ground)
    3. contacts = collisions.step(vehicles, walkers, delta_s)     # changes velocities and separates overlaps
    4. read arrays: vehicles.actor_ids (N,), position_m, rotation_rad (pitch, yaw, roll), velocity_mps,
       angular_velocity_radps, acceleration_mps2, control, gear, rpm, steer_rad, wheel_turn_rad; the same on walkers
    5. bodies for the sensors' streams: sensors.collision.measure_collisions(world, sensor, contacts),
       sensors.imu.measure_imu(world, sensor), sensors.gnss.measure_gnss, sensors.obstacle.measure_obstacle

Walkers obey whoever spoke last: `set_control` lets them walk by themselves, `set_state` (CARLA's navigation) leads
them. `vehicles.friction_scale` is where friction triggers act.

Arrays are replaced by `add` and `remove`: read `vehicles.position_m` afresh, never keep a reference.
Row i of every array belongs to `actor_ids[i]`; rows keep the order in which vehicles were added.
"""

from carla_server.dynamics.collisions import CollisionWorld, RayHit
from carla_server.dynamics.contacts import Contact
from carla_server.dynamics.obstacle_tags import tags_of
from carla_server.dynamics.physics_control import (
    checked_physics_control,
    physics_control_of,
    spec_with_physics_control,
)
from carla_server.dynamics.rays import ray_hits
from carla_server.dynamics.spec import VehicleSpec
from carla_server.dynamics.vehicle import VehicleFleet
from carla_server.dynamics.vehicle_families import VehicleFigures
from carla_server.dynamics.walker import WalkerFleet

__all__ = [
    "CollisionWorld",
    "Contact",
    "RayHit",
    "VehicleFigures",
    "VehicleFleet",
    "VehicleSpec",
    "WalkerFleet",
    "checked_physics_control",
    "physics_control_of",
    "ray_hits",
    "spec_with_physics_control",
    "tags_of",
]
