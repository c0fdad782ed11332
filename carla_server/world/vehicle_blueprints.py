"""The vehicles of CARLA 0.9.16's library: names, sizes, masses and what examples filter by.

Half extents follow the bounding boxes that CARLA 0.9.13-0.9.16 clients print; masses are the makers' kerb weights.
"""

from __future__ import annotations

from dataclasses import dataclass

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
        generation: 1 or 2, as CARLA numbers the looks of its models.
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


_V = VehicleBlueprint

VEHICLES: tuple[VehicleBlueprint, ...] = (
    _V("audi.a2", (1.852, 0.894, 0.774), 990),
    _V("audi.etron", (2.427, 1.016, 0.824), 2490, special_type="electric"),
    _V("audi.tt", (2.090, 0.997, 0.692), 1330),
    _V("bh.crossbike", (0.743, 0.429, 0.800), 90, "bicycle"),
    _V("bmw.grandtourer", (2.305, 1.120, 0.833), 1550),
    _V("carlamotors.carlacola", (2.601, 1.307, 1.233), 4500, "truck"),
    _V("carlamotors.european_hgv", (3.967, 1.446, 1.900), 8600, "truck", generation=2),
    _V("carlamotors.firetruck", (4.234, 1.445, 1.910), 9200, "truck", "emergency", 2, ("150,20,20",)),
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
    _V("tesla.cybertruck", (3.136, 1.194, 1.049), 3000, "truck", "electric"),
    _V("tesla.model3", (2.395, 1.081, 0.744), 1845, special_type="electric", generation=2),
    _V("toyota.prius", (2.256, 1.003, 0.762), 1390),
    _V("vespa.zx125", (0.902, 0.430, 0.780), 200, "motorcycle"),
    _V("volkswagen.t2", (2.240, 1.034, 1.019), 1340, "van"),
    _V("volkswagen.t2_2021", (2.221, 0.886, 0.993), 1340, "van", generation=2),
    _V("yamaha.yzf", (1.104, 0.433, 0.760), 270, "motorcycle"),
)
"""Every vehicle, in CARLA's alphabetical order."""
