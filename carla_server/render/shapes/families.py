"""Which shape a CARLA blueprint gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from carla_server.render.shapes import furniture, people, props, signboards
from carla_server.render.shapes import vehicle_profiles as profiles
from carla_server.render.shapes.vehicles import vehicle_mesh
from carla_server.roads.mesh import Mesh

Extent = tuple[float, float, float]
Builder = Callable[[Extent, int], Mesh]
_Found = TypeVar("_Found")

_POLICE = replace(profiles.SEDAN, light_bar=-0.12, stripe_rgb=(0.08, 0.16, 0.55))
_AMBULANCE = replace(profiles.VAN, light_bar=0.25, stripe_rgb=(0.75, 0.08, 0.06))
_FOUR_DOOR_COUPE = replace(profiles.COUPE, doors=((-0.12, 0.39), (-0.42, -0.12)))
_FIRE_TRUCK = replace(profiles.TRUCK, light_bar=0.70, stripe_rgb=(0.85, 0.72, 0.08))

# In all tables the first fragment found in the blueprint id wins: longer and more special ones come first.
_TWO_WHEELERS: tuple[tuple[str, Builder], ...] = (
    *((name, people.bicycle_mesh) for name in ("crossbike", "century", "omafiets")),
    *((name, people.motorcycle_mesh) for name in ("ninja", "yzf", "low_rider", "zx125", "harley", "vespa")),
)
_PROFILES: tuple[tuple[str, profiles.VehicleProfile], ...] = (
    ("charger_police", _POLICE),
    ("ambulance", _AMBULANCE),
    ("firetruck", _FIRE_TRUCK),
    ("carlacola", profiles.TRUCK),
    ("european_hgv", profiles.TRUCK),
    ("fusorosa", profiles.BUS),
    ("sprinter", profiles.VAN),
    ("volkswagen.t2", profiles.MINIBUS),
    ("wrangler", profiles.JEEP),
    ("cybertruck", profiles.WEDGE),
    ("etron", profiles.SUV),
    ("patrol", profiles.SUV),
    ("audi.tt", profiles.COUPE),
    ("mustang", profiles.COUPE),
    ("charger", _FOUR_DOOR_COUPE),
    ("mercedes.coupe", profiles.COUPE),
    ("grandtourer", profiles.HATCH),
    ("prius", profiles.HATCH),
    ("micra", profiles.HATCH),
    ("microlino", profiles.HATCH),
    ("cooper", profiles.HATCH),
    ("citroen.c3", profiles.HATCH),
    ("leon", profiles.HATCH),
    ("audi.a2", profiles.HATCH),
)
_PROPS: tuple[tuple[str, Builder], ...] = (
    ("warning", lambda extent, _: signboards.warning_mesh(extent)),
    ("streetsign", lambda extent, _: signboards.street_sign_mesh(extent)),
    ("advertisement", lambda extent, _: signboards.advertisement_mesh(extent)),
    ("busstop", lambda extent, _: signboards.shelter_mesh(extent)),
    *((name, lambda extent, _: furniture.seat_mesh(extent)) for name in ("chair", "swingcouch")),
    *((name, lambda extent, _: furniture.table_mesh(extent)) for name in ("table",)),
    *((name, lambda extent, _: furniture.container_mesh(extent)) for name in ("container", "platformgarbage")),
    ("plantpot", lambda extent, _: furniture.plant_pot_mesh(extent)),
    ("barrel", lambda extent, _: furniture.barrel_mesh(extent)),
    *((name, lambda extent, _: furniture.bag_mesh(extent)) for name in ("bag", "purse", "garbage", "dirtdebris")),
    ("cone", lambda extent, _: props.cone_mesh(extent)),
    ("barrier", lambda extent, _: props.barrier_mesh(extent)),
    ("bench", props.bench_mesh),
    ("fence", props.fence_mesh),
    ("hydrant", lambda extent, _: props.hydrant_mesh(extent)),
    ("bin", lambda extent, _: props.bin_mesh(extent)),
    ("trashcan", lambda extent, _: props.bin_mesh(extent)),
)


def shape_builder(blueprint_id: str) -> Builder:
    """The function that builds a blueprint's mesh from (extent_m, detail); every id has one."""
    if blueprint_id.startswith("walker."):
        return people.walker_mesh
    if blueprint_id.startswith("vehicle."):
        profile = vehicle_profile(blueprint_id)
        return _find(_TWO_WHEELERS, blueprint_id) if profile is None else partial(vehicle_mesh, profile)
    return _find(_PROPS, blueprint_id, lambda extent, _: props.crate_mesh(extent))


def vehicle_profile(blueprint_id: str) -> profiles.VehicleProfile | None:
    """Side view of a vehicle; None for two-wheelers."""
    if any(fragment in blueprint_id for fragment, _ in _TWO_WHEELERS):
        return None
    return _find(_PROFILES, blueprint_id, profiles.SEDAN)


def _find(table: tuple[tuple[str, _Found], ...], blueprint_id: str, default: _Found | None = None) -> _Found:
    found = next((entry for fragment, entry in table if fragment in blueprint_id), default)
    if found is None:
        raise LookupError(f"no shape for {blueprint_id}")
    return found
