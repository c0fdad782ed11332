"""Which lamps a careful driver has on in a given weather, for the ego vehicle and for traffic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import carla

from carla_agents.simulator.session import WEATHER_FIELDS, Session

_DARK_BELOW_DEG = 10.0
_FOG_PERCENT = 20.0
_RAIN_PERCENT = 40.0


def lamps_for_weather(weather: Sequence[float]) -> int:
    """Bits of `carla.VehicleLightState` for a weather.

    Args:
        weather: 14 numbers in CARLA's order.

    Returns:
        position and low beam in the dark, in fog and in rain; also fog lamps in fog; else 0.
    """
    named = dict(zip(WEATHER_FIELDS, weather, strict=True))
    state = carla.VehicleLightState
    lamps = int(state.NONE)
    foggy = named["fog_density"] >= _FOG_PERCENT or named["dust_storm"] >= _FOG_PERCENT
    if foggy or named["sun_altitude_angle"] < _DARK_BELOW_DEG or named["precipitation"] >= _RAIN_PERCENT:
        lamps |= int(state.Position) | int(state.LowBeam)
    if foggy:
        lamps |= int(state.Fog)
    return lamps


def switch_lamps(session: Session, vehicles: Iterable[carla.Actor], weather: Sequence[float]) -> None:
    """Set the lamps of vehicles for a weather; they take effect with the next tick."""
    state = carla.VehicleLightState(lamps_for_weather(weather))
    commands = [carla.command.SetVehicleLightState(vehicle.id, state) for vehicle in vehicles]
    if commands:
        session.client.apply_batch_sync(commands, False)
