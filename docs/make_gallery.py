"""Takes the pictures of `docs/gallery.md` and writes the page: a sheet per condition, the presets, a sheet per map.

Street views with traffic and people are found by looking: many driver's-eye places near a few corners of a town are
seen through a label camera, and the ones that show most of what a street has are kept. Then time stands still, and
the renderer shows the same instant under every weather.

    python docs/make_gallery.py [--map-dir DIR]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import carla
import cv2
import numpy as np

from augment.conditions import CONDITIONS, CORE12, DOMINANT
from carla_agents.driving.headlights import lamps_for_weather
from carla_agents.driving.traffic import Traffic, TrafficConfig, TrafficMix
from carla_agents.simulator.images import seg_from_bgra, view_bgra
from carla_agents.simulator.relighter import Relighter, RelitCondition
from carla_agents.simulator.rig import FrameStream
from carla_agents.simulator.session import WEATHER_FIELDS, Session, SimulatorConfig
from carla_server.semantics import SemanticTag
from carla_server.towns import SHIPPED_TOWNS
from syndiff.report.sheets import contact_sheet

PICTURE_PX, FOV_DEG = (640, 360), 85.0
TILE_PX = 400
MAX_BYTES = 190_000
MIX = TrafficMix(
    two_wheeler_share=0.25, large_share=0.15, vehicles_near_share=0.6, walkers_near_share=0.9, crossing_share=0.15
)
CORNERS, CANDIDATES, SPACING_M, CORNER_REACH_M = 10, 200, 35.0, 40.0
BRIDGE_CANDIDATES = 20
CALL_S = 120.0
"""The first ray waits for the shapes of the whole town."""

LIVELY_TICKS = 100
STANDSTILL_S = 1e-3
"""Length of a tick while pictures are taken: next to nothing moves."""
_VEHICLES = (SemanticTag.CAR, SemanticTag.TRUCK, SemanticTag.BUS)
_WANTED = (
    # tags, share of the picture that is plenty, weight
    ((SemanticTag.PEDESTRIANS, SemanticTag.RIDER), 0.015, 2.0),
    (_VEHICLES, 0.06, 2.0),
    ((SemanticTag.BICYCLE, SemanticTag.MOTORCYCLE), 0.008, 0.7),
    ((SemanticTag.BUILDINGS,), 0.22, 1.5),
    ((SemanticTag.VEGETATION,), 0.06, 0.7),
    ((SemanticTag.TRAFFIC_LIGHT, SemanticTag.TRAFFIC_SIGNS), 0.003, 0.6),
    ((SemanticTag.SKY,), 0.15, 1.0),
    ((SemanticTag.BRIDGE, SemanticTag.GUARD_RAIL), 0.12, 3.0),
    ((SemanticTag.WATER,), 0.12, 1.5),
)
_TOO_LARGE = 0.16
"""Share of the picture above which one kind of vehicle only hides the street."""
_TOO_NEAR = 0.12
"""Share of the street right ahead that vehicles may hide."""
# fmt: off
PRESETS = (
    "ClearNoon", "CloudyNoon", "WetNoon", "WetCloudyNoon", "SoftRainNoon", "MidRainyNoon", "HardRainNoon",
    "DustStorm", "ClearSunset", "CloudySunset", "WetSunset", "WetCloudySunset", "SoftRainSunset",
    "MidRainSunset", "HardRainSunset", "ClearNight", "CloudyNight", "WetNight", "WetCloudyNight",
    "SoftRainNight", "MidRainyNight", "HardRainNight",
)
# fmt: on


class Street:
    """A town with traffic at a standstill, and the best views of it.

    Attributes:
        views: camera transforms, best first.
    """

    def __init__(self, session: Session, count: int, seed: int) -> None:
        self._session = session
        session.reset()
        session.set_weather(DOMINANT.to_weather().as_tuple())
        rng = np.random.default_rng(seed)
        lanes = session.map.generate_waypoints(4.0)
        places_m = np.array([(lane.transform.location.x, lane.transform.location.y) for lane in lanes])
        corners_m = _corners(session.map, places_m, rng)
        at_bridges = self._at_bridges(lanes, rng)  # before the traffic, whose shapes the first ray would have to make
        self._traffic = Traffic(session, TrafficConfig(70, 70, seed, MIX), enliven_m=corners_m)
        for _ in range(LIVELY_TICKS):
            session.tick()
        settings = session.world.get_settings()
        settings.fixed_delta_seconds = STANDSTILL_S
        session.world.apply_settings(settings)
        gap_m = np.linalg.norm(places_m[:, None] - corners_m, axis=2).min(1)
        near = rng.permutation(np.flatnonzero(gap_m < CORNER_REACH_M))[:CANDIDATES]
        self.views = self._best([_driver_eye(lanes[row], rng) for row in near] + at_bridges, count)

    def _at_bridges(self, lanes: Sequence[carla.Waypoint], rng: np.random.Generator) -> list[carla.Transform]:
        """Views of each bridge from the roads that lead to it or under it, and from beside it."""
        world = self._session.world
        houses = world.get_level_bbs(carla.CityObjectLabel.Buildings)
        found = []
        for box in world.get_level_bbs(carla.CityObjectLabel.Bridge):
            near = [lane for lane in lanes if 15.0 < lane.transform.location.distance(box.location) < 55.0]
            found += [_driver_eye(near[row], rng) for row in rng.permutation(len(near))[:BRIDGE_CANDIDATES]]
            for _ in range(BRIDGE_CANDIDATES):
                turn, away_m = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(24.0, 48.0)
                offset = carla.Location(away_m * np.cos(turn), away_m * np.sin(turn), rng.uniform(-1.0, 4.0))
                eye = box.location + offset
                below = world.ground_projection(eye, 60.0)
                stands = below is not None and eye.z - below.location.z > 1.2
                if stands and not any(house.contains(eye, carla.Transform()) for house in houses):
                    pitch = -float(np.degrees(np.arctan2(offset.z, away_m)))
                    yaw = float(np.degrees(turn) + 180.0 + rng.normal(0.0, 6.0))
                    found.append(carla.Transform(eye, carla.Rotation(pitch=pitch, yaw=yaw)))
        return found

    def _best(self, candidates: Sequence[carla.Transform], count: int) -> list[carla.Transform]:
        camera, stream = self._camera("sensor.camera.semantic_segmentation", (160, 90), candidates[0])
        scores = []
        for view in candidates:
            camera.set_transform(view)
            scores.append(_score(seg_from_bgra(view_bgra(self._next(stream)))))
        self._session.destroy([camera])
        chosen: list[carla.Transform] = []
        for row in np.argsort(scores)[::-1]:
            view = candidates[row]
            if len(chosen) < count and all(_apart_m(view, other) > SPACING_M for other in chosen):
                chosen.append(view)
        return chosen

    def pictures(self, view: carla.Transform, weathers: Sequence[Sequence[float]]) -> list[np.ndarray]:
        """(H, W, 3) uint8 of one view under each weather, with the lamps of that weather lit."""
        camera, stream = self._camera("sensor.camera.rgb", PICTURE_PX, view)
        self._next(stream)
        lit = [_relit(weather, self._traffic.vehicles) for weather in weathers]
        with Relighter(self._session) as relighter:
            pictures = relighter.relight(camera.id, self._session.frame_id, lit, PICTURE_PX)
        self._session.destroy([camera])
        return pictures

    def _camera(
        self, family: str, size_px: tuple[int, int], view: carla.Transform
    ) -> tuple[carla.Actor, FrameStream]:
        size = {"image_size_x": str(size_px[0]), "image_size_y": str(size_px[1]), "fov": str(FOV_DEG)}
        camera, stream = self._session.spawn(family, view, size), FrameStream(family)
        camera.listen(lambda image: stream.put(image.frame, image))
        return camera, stream

    def _next(self, stream: FrameStream) -> carla.Image:
        return stream.take(self._session.tick(), time.monotonic() + 20.0)


def _corners(town: carla.Map, places_m: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(C, 2) places apart from each other, at junctions as far as there are any."""
    entries = [first.transform.location for first, _ in town.get_topology() if first.is_junction]
    junctions_m = np.array([(place.x, place.y) for place in entries]).reshape(-1, 2)
    chosen: list[np.ndarray] = []
    for place in np.concatenate([rng.permutation(junctions_m), rng.permutation(places_m)]):
        if len(chosen) < CORNERS and all(np.linalg.norm(place - other) > 2 * SPACING_M for other in chosen):
            chosen.append(place)
    return np.array(chosen)


def _driver_eye(lane: carla.Waypoint, rng: np.random.Generator) -> carla.Transform:
    pose = lane.transform
    place = pose.location + carla.Location(z=float(rng.uniform(1.4, 1.9)))
    return carla.Transform(place, carla.Rotation(pitch=-2.0, yaw=pose.rotation.yaw + float(rng.normal(0.0, 9.0))))


def _score(seg: np.ndarray) -> float:
    share = np.bincount(seg.ravel(), minlength=256) / seg.size
    ahead = seg[seg.shape[0] // 2 :, seg.shape[1] // 4 : -seg.shape[1] // 4]
    if np.isin(ahead, _VEHICLES).mean() > _TOO_NEAR:
        return 0.0
    if max(share[[SemanticTag.CAR, SemanticTag.TRUCK, SemanticTag.BUS, SemanticTag.PEDESTRIANS]]) > _TOO_LARGE:
        return 0.0
    return sum(weight * min(share[list(map(int, tags))].sum() / plenty, 1.0) for tags, plenty, weight in _WANTED)


def _apart_m(view: carla.Transform, other: carla.Transform) -> float:
    return view.location.distance(other.location)


def _relit(weather: Sequence[float], vehicles: Sequence[carla.Actor]) -> RelitCondition:
    lamps = lamps_for_weather(weather)
    return RelitCondition(weather, {vehicle.id: lamps for vehicle in vehicles})


def save(tiles: Sequence[tuple[str, np.ndarray]], columns: int, path: Path) -> None:
    """Write a sheet as a JPEG below `MAX_BYTES`, at the best quality that fits."""
    rows = [tiles[i : i + columns] for i in range(0, len(tiles), columns)]
    sheet = contact_sheet(rows, tile_width_px=TILE_PX)
    for quality in range(88, 20, -4):
        cv2.imwrite(str(path), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1])
        if path.stat().st_size < MAX_BYTES:
            break
    print(f"{path} written, {path.stat().st_size // 1000} kB at quality {quality}", flush=True)


def take_conditions(session: Session, folder: Path, seed: int) -> list[str]:
    """Six views under each condition, and two under each preset; returns the names of the sheets."""
    street = Street(session, 6, seed)
    shown = {name: condition.to_weather().as_tuple() for name, condition in CONDITIONS.items()}
    presets = {name: _numbers(getattr(carla.WeatherParameters, name)) for name in PRESETS}
    by_view = [street.pictures(view, list(shown.values())) for view in street.views]
    for number, name in enumerate(shown):
        save([(name, pictures[number]) for pictures in by_view], 3, folder / f"{name}.jpg")
    sheets = list(shown)
    for number, view in enumerate(street.views[:2], 1):
        pictures = street.pictures(view, list(presets.values()))
        save(list(zip(presets, pictures)), 4, folder / f"presets-{number}.jpg")
        sheets.append(f"presets-{number}")
    return sheets


def take_map(session: Session, name: str, folder: Path, seed: int) -> str:
    """Six views of a map: four by day, one at dusk, one at night."""
    street = Street(session, 6, seed)
    names = ("clear-day", "clear-day", "cloudy-day", "clear-day", "clear-dusk", "rain-night")
    tiles = []
    for view, condition in zip(street.views, names):
        (picture,) = street.pictures(view, [CONDITIONS[condition].to_weather().as_tuple()])
        tiles.append((f"{name}, {condition}", picture))
    save(tiles, 3, folder / f"map-{name}.jpg")
    return f"map-{name}"


def _numbers(weather: carla.WeatherParameters) -> tuple[float, ...]:
    return tuple(float(getattr(weather, name)) for name in WEATHER_FIELDS)


def page(sheets: Sequence[str], maps: Sequence[str]) -> str:
    """Markdown text of the gallery."""

    def picture(name: str) -> str:
        return f"![{name}](images/gallery/{name}.jpg)"

    core = [condition.name for condition in CORE12]
    extra = [name for name in sheets if name in CONDITIONS and name not in core]
    lines = ["# Gallery", "", *TEXT_TOP.strip().splitlines(), ""]
    for name in core:
        lines += [f"## {name}", picture(name), ""]
    lines += ["## Beyond the twelve", *TEXT_EXTRA.strip().splitlines(), ""]
    lines += [line for name in extra for line in (picture(name), "")]
    lines += ["## Synthesized", *TEXT_EMBEDDED.strip().splitlines(), ""]
    lines += ["![embedded](images/embedded-sheet.jpg)", ""]
    lines += ["## CARLA's presets", *TEXT_PRESETS.strip().splitlines(), ""]
    lines += [line for name in sheets if name.startswith("presets") for line in (picture(name), "")]
    lines += ["## Maps", *TEXT_MAPS.strip().splitlines(), ""]
    for name in maps:
        lines += [f"### {name.removeprefix('map-')}", picture(name), ""]
    return "\n".join(lines)


TEXT_TOP = """
What the embedded simulator's cameras see, at street level, among traffic and people. All pictures of one place show
the same instant: one geometry pass, lit anew for each weather (`Relighter`, see [server](server.md)). Nothing is
retouched. The page and its pictures are written by `python docs/make_gallery.py`.
"""
TEXT_EXTRA = """
`snow-day` and `dust-day` exist for synthesis; no claim about driving is made for them. CARLA's weather has no snow:
the simulator's nearest is a hazy overcast day, and the snow itself is what a synthesizer has to add.
"""
TEXT_EMBEDDED = """
What the shipped ControlNet (`embedded`) makes of clear-day frames of two towns that it never saw, beside
`procedural` weather and the same instant as the simulator renders it. `python docs/make_embedded_sheet.py` takes it.
"""
TEXT_PRESETS = "Every named weather of `carla.WeatherParameters`."
TEXT_MAPS = """
The shipped towns, made for this project. `Town01` and `Town10HD` are CARLA's own road networks (OpenDRIVE only,
not shipped): streets and markings are theirs, houses and trees are what this server puts beside them.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--map-dir", type=Path, help="folder with Town01.xodr and Town10HD.xodr; left out without")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", nargs="*", help="maps to take anew; nothing else is written")
    options = parser.parse_args()
    docs = Path(__file__).parent
    folder = docs / "images" / "gallery"
    folder.mkdir(exist_ok=True)
    config = SimulatorConfig(
        timeout_s=CALL_S, seed=options.seed, map_dir=str(options.map_dir) if options.map_dir else None
    )
    maps = [town.name for town in SHIPPED_TOWNS] + (["Town01", "Town10HD"] if options.map_dir else [])
    sheets: list[str] = []
    with Session.open(config) as session:
        if options.only is None:
            sheets = take_conditions(session, folder, options.seed)
        made = []
        for name in options.only or maps:
            session.load_map(name)
            made.append(take_map(session, name, folder, options.seed))
    if options.only is None:
        (docs / "gallery.md").write_text(page(sheets, made), encoding="utf-8")


if __name__ == "__main__":
    main()
