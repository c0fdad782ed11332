"""The vehicles of CARLA 0.9.16's library: names, sizes, masses, engines and what examples filter by.

Half extents follow the bounding boxes that CARLA 0.9.13-0.9.16 clients print; masses are kerb weights (two-wheelers
with their rider). The engines' figures are those of the makers' data sheets for a common version of the model, as far
as known to us; how well the result drives like the model is checked for those in `benchmarks/vehicle_figures.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from carla_server.dynamics import VehicleFigures, VehicleSpec
from carla_server.semantics import SemanticTag


@dataclass(frozen=True)
class VehicleBlueprint:
    """One vehicle.

    Attributes:
        name: blueprint id without `vehicle.`.
        extent_m: half length, half width, half height.
        mass_kg: kerb weight.
        base_type: car, truck, van, bus, motorcycle or bicycle.
        special_type: emergency, taxi, electric or empty.
        generation: 1 or 2, as CARLA's catalogue numbers the looks of its models.
        colors: recommended "r,g,b".
    """

    name: str
    extent_m: tuple[float, float, float]
    mass_kg: float
    base_type: str = "car"
    special_type: str = ""
    generation: int = 1
    colors: tuple[str, ...] = ("17,37,103", "180,44,44", "0,0,0", "255,255,255", "137,0,0", "120,120,120")

    @property
    def blueprint_id(self) -> str:
        return f"vehicle.{self.name}"

    @property
    def wheels(self) -> int:
        return 2 if self.base_type in ("motorcycle", "bicycle") else 4

    @property
    def semantic_tags(self) -> tuple[int, ...]:
        """Tags as CARLA lists them; riders come with their two-wheelers."""
        tag = {
            "truck": SemanticTag.TRUCK,
            "bus": SemanticTag.BUS,
            "motorcycle": SemanticTag.MOTORCYCLE,
            "bicycle": SemanticTag.BICYCLE,
        }.get(self.base_type, SemanticTag.CAR)
        return (int(SemanticTag.RIDER), int(tag)) if self.wheels == 2 else (int(tag),)

    @property
    def has_lights(self) -> bool:
        """Whether CARLA's catalogue gives the model lamps that can be switched."""
        return self.generation == 2 or self.name in _FIRST_GENERATION_WITH_LIGHTS

    @property
    def has_doors(self) -> bool:
        """Whether CARLA's catalogue gives the model doors that open."""
        return self.generation == 2 and self.name not in _SECOND_GENERATION_WITHOUT_DOORS

    @cached_property
    def spec(self) -> VehicleSpec:
        """Its mechanics; the electric pick-up that CARLA counts among the trucks drives like a car."""
        electric = self.special_type == "electric"
        kind = "car" if electric else self.base_type
        return VehicleSpec.from_extent(
            self.extent_m, self.mass_kg, kind, electric=electric, figures=_FIGURES[self.name]
        )


_ENGINES = """
audi.a2                      55   126  2.405  10.7  173  front
audi.etron                  300   664  2.928  12.2  200  all
audi.tt                     155   350  2.468  11.0  240  all
bh.crossbike               0.25    60   1.08   3.3    -  rear
bmw.grandtourer             100   220  2.780  11.7  205  front
carlamotors.carlacola       110   500  3.000  12.5  120  rear
carlamotors.european_hgv    220  1250  4.300  16.0  110  rear
carlamotors.firetruck       334  2200  4.500  15.0  125  all
chevrolet.impala            227   358  2.837  11.8  240  front
citroen.c3                   81   205  2.540  10.7  188  front
diamondback.century        0.33    60   1.00   3.3    -  rear
dodge.charger_2020          276   534  3.052  11.8  230  rear
dodge.charger_police        276   534  3.052  11.8  230  rear
dodge.charger_police_2020   276   534  3.052  11.8  230  rear
ford.ambulance              227   570  4.010  14.9  140  rear
ford.crown                  167   373  2.911  12.3  200  rear
ford.mustang                168   420  2.743  11.6  190  rear
gazelle.omafiets           0.20    60   1.15   3.5    -  rear
harley-davidson.low_rider    64   150  1.630   6.0  180  rear
jeep.wrangler_rubicon       209   353  2.424  10.6  180  all
kawasaki.ninja               50    64  1.410   5.4  210  rear
lincoln.mkz_2017            183   373  2.850  11.7  210  front
lincoln.mkz_2020            183   373  2.850  11.7  210  front
mercedes.coupe              155   350  2.760  11.2  240  rear
mercedes.coupe_2020         190   370  2.840  11.2  250  rear
mercedes.sprinter           120   380  3.665  13.5  160  rear
micro.microlino            12.5    89  1.566   8.0   90  rear
mini.cooper_s               128   240  2.467  10.7  225  front
mini.cooper_s_2021          131   280  2.670  11.3  225  front
mitsubishi.fusorosa         129   430  5.285  18.0  110  rear
nissan.micra                 59   110  2.450   9.9  168  front
nissan.patrol               118   380  2.970  12.2  160  all
nissan.patrol_2021          298   560  3.075  12.5  210  all
seat.leon                   110   250  2.578  10.7  215  front
tesla.cybertruck            447  1000  3.635  13.7  180  all
tesla.model3                324   493  2.875  11.6  225  all
toyota.prius                100   207  2.700  10.8  180  front
vespa.zx125                 7.1  10.2  1.280   4.4   95  rear
volkswagen.t2                49   140  2.400  11.3  125  rear
volkswagen.t2_2021           49   140  2.400  11.3  125  rear
yamaha.yzf                   86    62  1.375   6.4  260  rear
"""
"""Name, kW, N m, wheelbase and turning circle in metres, top speed in km/h (- for bicycles), driven wheels."""


def _read_engines(table: str) -> dict[str, VehicleFigures]:
    figures = {}
    for line in table.strip().splitlines():
        name, power, torque, wheelbase, circle, speed, driven = line.split()
        top_speed_kmh = 0.0 if speed == "-" else float(speed)
        figures[name] = VehicleFigures(
            power_kw=float(power),
            torque_nm=float(torque),
            wheelbase_m=float(wheelbase),
            turning_circle_m=float(circle),
            top_speed_kmh=top_speed_kmh,
            driven=driven,
        )
    return figures


_FIGURES = _read_engines(_ENGINES)


_FIRST_GENERATION_WITH_LIGHTS = frozenset(
    ("dodge.charger_police", "lincoln.mkz_2017", "tesla.model3", "vespa.zx125", "volkswagen.t2", "yamaha.yzf")
)
_SECOND_GENERATION_WITHOUT_DOORS = frozenset(("mitsubishi.fusorosa", "tesla.cybertruck"))

_V = VehicleBlueprint

VEHICLES: tuple[VehicleBlueprint, ...] = (
    _V("audi.a2", (1.852, 0.894, 0.774), 990),
    _V("audi.etron", (2.427, 1.016, 0.824), 2490, special_type="electric"),
    _V("audi.tt", (2.090, 0.997, 0.692), 1330),
    _V("bh.crossbike", (0.743, 0.429, 0.800), 90, "bicycle"),
    _V("bmw.grandtourer", (2.305, 1.120, 0.833), 1550),
    _V("carlamotors.carlacola", (2.601, 1.307, 1.233), 4500, "truck"),
    _V("carlamotors.european_hgv", (3.967, 1.446, 1.900), 8600, "truck", generation=2),
    _V("carlamotors.firetruck", (4.234, 1.445, 1.910), 18000, "truck", "emergency", 2, ("150,20,20",)),
    _V("chevrolet.impala", (2.678, 1.016, 0.705), 1660),
    _V("citroen.c3", (1.993, 0.925, 0.812), 1130),
    _V("diamondback.century", (0.821, 0.429, 0.880), 88, "bicycle"),
    _V("dodge.charger_2020", (2.503, 1.049, 0.767), 1920, generation=2),
    _V("dodge.charger_police", (2.487, 1.019, 0.771), 1950, special_type="emergency", colors=("20,20,20",)),
    _V("dodge.charger_police_2020", (2.618, 1.081, 0.819), 1950, "car", "emergency", 2, ("20,20,20",)),
    _V("ford.ambulance", (3.182, 1.175, 1.216), 4300, "van", "emergency", 2, ("240,240,240",)),
    _V("ford.crown", (2.682, 0.900, 0.787), 1870, special_type="taxi", generation=2, colors=("230,180,20",)),
    _V("ford.mustang", (2.358, 0.947, 0.650), 1410),
    _V("gazelle.omafiets", (0.917, 0.429, 0.880), 95, "bicycle"),
    _V("harley-davidson.low_rider", (1.177, 0.430, 0.760), 380, "motorcycle"),
    _V("jeep.wrangler_rubicon", (1.933, 0.952, 0.938), 1950),
    _V("kawasaki.ninja", (1.018, 0.430, 0.760), 275, "motorcycle"),
    _V("lincoln.mkz_2017", (2.451, 1.064, 0.755), 1680),
    _V("lincoln.mkz_2020", (2.446, 0.918, 0.745), 1720, generation=2),
    _V("mercedes.coupe", (2.513, 1.075, 0.825), 1650),
    _V("mercedes.coupe_2020", (2.337, 0.961, 0.720), 1650, generation=2),
    _V("mercedes.sprinter", (2.957, 0.994, 1.280), 2400, "van", generation=2),
    _V("micro.microlino", (1.103, 0.740, 0.688), 535, special_type="electric"),
    _V("mini.cooper_s", (1.902, 0.985, 0.737), 1250),
    _V("mini.cooper_s_2021", (2.276, 1.048, 0.883), 1360, generation=2),
    _V("mitsubishi.fusorosa", (5.136, 1.972, 2.126), 6200, "bus", generation=2),
    _V("nissan.micra", (1.816, 0.922, 0.750), 1080),
    _V("nissan.patrol", (2.302, 0.966, 0.927), 2200),
    _V("nissan.patrol_2021", (2.782, 1.060, 1.022), 2750, generation=2),
    _V("seat.leon", (2.096, 0.908, 0.737), 1300),
    _V("tesla.cybertruck", (3.136, 1.194, 1.049), 3000, "truck", "electric", 2),
    _V("tesla.model3", (2.395, 1.081, 0.744), 1845, special_type="electric"),
    _V("toyota.prius", (2.256, 1.003, 0.762), 1390),
    _V("vespa.zx125", (0.902, 0.430, 0.780), 200, "motorcycle"),
    _V("volkswagen.t2", (2.240, 1.034, 1.019), 1340, "van"),
    _V("volkswagen.t2_2021", (2.221, 0.886, 0.993), 1340, "van", generation=2),
    _V("yamaha.yzf", (1.104, 0.433, 0.760), 270, "motorcycle"),
)
"""Every vehicle, in CARLA's alphabetical order."""

WITH_DOORS = frozenset(vehicle.blueprint_id for vehicle in VEHICLES if vehicle.has_doors)
"""Ids of the vehicles whose doors open."""
