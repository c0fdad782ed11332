"""Satellite positioning: latitude, longitude and altitude as the client's own map computes them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import carla
import defusedxml.ElementTree
import msgpack

from carla_server.sensors.noise import gaussian, read_numbers
from carla_server.world.actors import Sensor

if TYPE_CHECKING:
    from carla_server.world.world import World

_STDDEV = ("noise_lat_stddev", "noise_lon_stddev", "noise_alt_stddev")
_BIAS = ("noise_lat_bias", "noise_lon_bias", "noise_alt_bias")


class GeoProjection:
    """From world metres to degrees, by `carla.Map` itself, so that server and client always agree."""

    def __init__(self, opendrive: str) -> None:
        """Take the geo reference of a map.

        Args:
            opendrive: OpenDRIVE text; only its geo reference is handed to `carla.Map`, which needs no roads for this
                and has a default place (42 N, 2 E) for maps without one.
        """
        header = defusedxml.ElementTree.fromstring(opendrive.encode(), forbid_dtd=True).find("header")
        reference = "" if header is None else header.findtext("geoReference") or ""
        self._map = carla.Map(
            "GeoReference",
            '<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4">'
            f"<geoReference>{escape(reference.strip())}</geoReference></header></OpenDRIVE>",
        )

    def locate(self, x_m: float, y_m: float, z_m: float) -> tuple[float, float, float]:
        """Latitude and longitude in degrees and altitude in metres of a world position."""
        place = self._map.transform_to_geolocation(carla.Location(x_m, y_m, z_m))
        return place.latitude, place.longitude, place.altitude


@lru_cache(maxsize=4)
def _projection_of(opendrive: str) -> GeoProjection:
    return GeoProjection(opendrive)


def measure_gnss(world: World, sensor: Sensor) -> bytes:
    """Body of one measurement of `sensor.other.gnss`.

    Args:
        world: after its tick.
        sensor: the receiver; its noise attributes are read (degrees, degrees, metres).

    Returns:
        msgpack of [latitude (deg), longitude (deg), altitude (m)].
    """
    place = _projection_of(world.town.opendrive).locate(*sensor.pose[:3])
    bias = read_numbers(sensor.attributes, _BIAS)
    noise = gaussian(world, sensor, read_numbers(sensor.attributes, _STDDEV))
    return msgpack.packb([float(value) for value in bias + noise + place])
