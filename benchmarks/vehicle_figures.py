"""What has been published about how vehicles accelerate, brake and turn, and how to measure the same here.

Sources were read in November 2026. Where a figure belongs to a like vehicle and not to the very model, `source` says
so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

MPH_KMH = 1.609344
FOOT_M = 0.3048
DELTA_S = 0.05
LONGEST_S = 60.0
CRAWL_S = 30.0
"""A circle is driven for this long, of which the first 6 s do not count."""

LANE_GAP_M = 25.0


@dataclass(frozen=True)
class Figure:
    """One published figure.

    Attributes:
        vehicle: blueprint id.
        quantity: what is measured: "seconds to", "metres from", "turning circle" or "top speed".
        speed_kmh: the speed that it refers to, 0 for a turning circle or a top speed.
        value: seconds, metres or km/h.
        source: who says so, and of which vehicle.
    """

    vehicle: str
    quantity: str
    speed_kmh: float
    value: float
    source: str

    @property
    def name(self) -> str:
        """The quantity in words, with its speed and unit."""
        return {
            "seconds to": f"0-{self.speed_kmh:.0f} km/h, s",
            "metres from": f"{self.speed_kmh:.0f}-0 km/h, m",
            "turning circle": "turning circle, m",
            "top speed": "top speed, km/h",
        }[self.quantity]


_MODEL3, _MKZ = "vehicle.tesla.model3", "vehicle.lincoln.mkz_2017"
_FIRE_ENGINE, _HGV = "vehicle.carlamotors.firetruck", "vehicle.carlamotors.european_hgv"
_BICYCLE = "vehicle.diamondback.century"

PUBLISHED: tuple[Figure, ...] = (
    Figure(_MODEL3, "seconds to", 100.0, 4.4, "Tesla for the Long Range AWD (324 kW, 493 N m), evkx.net"),
    Figure(
        _MODEL3,
        "metres from",
        60 * MPH_KMH,
        133 * FOOT_M,
        "Consumer Reports 2018, shorter of two cars (133 ft from 60 mph), gardnerweb.com",
    ),
    Figure(_MODEL3, "turning circle", 0.0, 11.6, "Tesla, Model 3 owner's manual, dimensions (kerb to kerb)"),
    Figure(
        _MKZ,
        "seconds to",
        60 * MPH_KMH,
        7.5,
        "2017 MKZ 2.0T (245 hp) to 60 mph, herbchambers.com; Car and Driver 7.4 s for the 2014 2.0T AWD",
    ),
    Figure(
        _MKZ,
        "metres from",
        70 * MPH_KMH,
        156 * FOOT_M,
        "Car and Driver, 2017 MKZ 3.0T AWD on summer tyres (156 ft from 70 mph), cheersandgears.com",
    ),
    Figure(_MKZ, "turning circle", 0.0, 11.7, "sister model Ford Fusion of 2006 (38.7 ft), auto123.com"),
    Figure(
        _FIRE_ENGINE, "seconds to", 80.0, 24.0, "Iturri Toro 4x4 VIM 61 on MAN chassis, 454 hp, 8.9 m, airsideint.com"
    ),
    Figure(_FIRE_ENGINE, "metres from", 80.0, 36.2, "ADAC 2015, DAF XF of 40 t at its gross weight, auto.de"),
    Figure(_FIRE_ENGINE, "turning circle", 0.0, 15.0, "Ziegler HLF 20 on MAN TGM, 16 t, 8.04 m (under 15 m), hz.de"),
    Figure(_HGV, "metres from", 80.0, 36.2, "ADAC 2015, DAF XF of 40 t at its gross weight, auto.de"),
    Figure("vehicle.mercedes.sprinter", "metres from", 80.0, 28.0, "ADAC 2015, laden Mercedes Sprinter, auto.de"),
    Figure("vehicle.kawasaki.ninja", "metres from", 80.0, 25.3, "ADAC 2015, laden BMW R 1200 GS, auto.de"),
    Figure(_BICYCLE, "top speed", 0.0, 25 * MPH_KMH, "competitive rider, 330 W on the flat (25 mph), usecalcpro.com"),
    Figure(
        _BICYCLE,
        "metres from",
        15 * MPH_KMH,
        4.57,
        "US rule for hand brakes: at most 15 ft from 15 mph, 16 CFR 1512.5",
    ),
    Figure(_BICYCLE, "turning circle", 0.0, 3.3, "UK LTN 2/08: conventional bicycle, outer radius 1.65 m"),
)
"""Every figure that the library is held to."""

TOLERANCE = 0.15
"""Share of the published value within which the measured one must lie."""


def flat_road_opendrive(lanes: int) -> str:
    """OpenDRIVE of a straight, level road of 1.5 km with one-way lanes of 25 m, for driving without corners."""
    lane = "".join(
        f'<lane id="{-number}" type="driving" level="false">'
        f'<width sOffset="0" a="{LANE_GAP_M}" b="0" c="0" d="0"/></lane>'
        for number in range(1, lanes + 1)
    )
    return (
        '<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="flat"/>'
        '<road name="flat" length="1500" id="1" junction="-1"><planView>'
        '<geometry s="0" x="0" y="0" hdg="0" length="1500"><line/></geometry></planView>'
        '<elevationProfile><elevation s="0" a="0" b="0" c="0" d="0"/></elevationProfile><lateralProfile/>'
        '<lanes><laneSection s="0"><center><lane id="0" type="none" level="false"/></center>'
        f"<right>{lane}</right></laneSection></lanes></road></OpenDRIVE>"
    )


def measure_all(client: Any) -> dict[Figure, float]:
    """Drive every published manoeuvre on a flat road through the client; the client's world is replaced.

    Args:
        client: a `carla.Client` of the server to measure.

    Returns:
        The measured value of every figure in `PUBLISHED`.
    """
    import carla

    world = client.generate_opendrive_world(
        flat_road_opendrive(len(PUBLISHED)),
        carla.OpendriveGenerationParameters(2.0, 50.0, 1.0, 0.6, True, True),
    )
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, DELTA_S
    world.apply_settings(settings)
    library = world.get_blueprint_library()
    drives = []
    for lane, figure in enumerate(PUBLISHED):
        place = carla.Transform(carla.Location(100.0, (lane + 0.5) * LANE_GAP_M, 0.3), carla.Rotation())
        drives.append(_Drive(carla, figure, world.spawn_actor(library.find(figure.vehicle), place)))
    for _ in range(40):
        world.tick()
    for drive in drives:
        drive.begin()
    for _ in range(round(LONGEST_S / DELTA_S)):
        world.tick()
        for drive in drives:
            drive.watch()
        if all(drive.done for drive in drives):
            break
    return {drive.figure: drive.result() for drive in drives}


class _Drive:
    """One vehicle that drives one manoeuvre."""

    def __init__(self, carla: Any, figure: Figure, vehicle: Any) -> None:
        self.carla, self.figure, self.vehicle = carla, figure, vehicle
        self.done = False
        self.value = math.inf
        self.seconds = 0.0
        self.speed_mps = 0.0
        self.lowest_m, self.highest_m = math.inf, -math.inf

    def begin(self) -> None:
        """Give the first command."""
        self.start = self.vehicle.get_location()
        if self.figure.quantity == "metres from":
            self.vehicle.set_target_velocity(self.carla.Vector3D(self.figure.speed_kmh / 3.6, 0.0, 0.0))
            self._command(brake=1.0)
        elif self.figure.quantity == "turning circle":
            front_left = self.vehicle.get_physics_control().wheels[0].position
            self.wheel_x_m, self.wheel_y_m = front_left.x / 100.0 - self.start.x, front_left.y / 100.0 - self.start.y
            self.crawls = False
        else:
            self._command(throttle=1.0)

    def watch(self) -> None:
        """Look at the vehicle after a tick."""
        velocity = self.vehicle.get_velocity()
        before, self.speed_mps = self.speed_mps, math.hypot(velocity.x, velocity.y)
        self.seconds += DELTA_S
        if self.done:
            return
        if self.figure.quantity == "seconds to":
            self._watch_acceleration(before)
        elif self.figure.quantity == "metres from":
            self.done = self.seconds > 1.0 and self.speed_mps < 0.01
            self.value = self.vehicle.get_location().distance(self.start)
        elif self.figure.quantity == "turning circle":
            self._watch_circle()
        else:
            self.value = 3.6 * self.speed_mps

    def _watch_acceleration(self, before_mps: float) -> None:
        wanted_mps = self.figure.speed_kmh / 3.6
        if self.speed_mps >= wanted_mps:
            late_s = DELTA_S * (self.speed_mps - wanted_mps) / (self.speed_mps - before_mps)
            self.value, self.done = self.seconds - late_s, True
            self._command(brake=1.0)

    def _watch_circle(self) -> None:
        slow = self.speed_mps < 1.5
        if slow is not self.crawls:
            self.crawls = slow
            self._command(throttle=0.3 if slow else 0.0, steer=1.0)
        if self.seconds > 6.0:
            place = self.vehicle.get_transform()
            yaw = math.radians(place.rotation.yaw)
            y_m = place.location.y + self.wheel_x_m * math.sin(yaw) + self.wheel_y_m * math.cos(yaw)
            self.lowest_m, self.highest_m = min(self.lowest_m, y_m), max(self.highest_m, y_m)
            self.value = self.highest_m - self.lowest_m
            self.done = self.seconds > CRAWL_S

    def _command(self, **pedals: float) -> None:
        self.vehicle.apply_control(self.carla.VehicleControl(**pedals))

    def result(self) -> float:
        """The measured value; infinite for a speed that was not reached."""
        return self.value
