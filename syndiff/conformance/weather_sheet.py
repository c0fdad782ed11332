"""Parts `weather` and `map weather`: the same view under CARLA's weather presets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import carla
import cv2
import numpy as np

from carla_agents.simulator.session import Session
from syndiff.conformance.figures import Figure, Part
from syndiff.conformance.listening import Listener, open_sensor, rgb_of
from syndiff.report.sheets import contact_sheet

_CAMERA = {"image_size_x": 320, "image_size_y": 180, "fov": 90.0}
_SETTLE_FRAMES = 12
"""Pictures thrown away after a change: a camera with automatic exposure needs a moment."""
_COLUMNS = 4


def preset_names() -> list[str]:
    """CARLA's weather presets by name, in the alphabet's order; `Default` is left out, it is a server's own."""
    kind = carla.WeatherParameters
    return sorted(name for name in dir(kind) if name != "Default" and isinstance(getattr(kind, name), kind))


def measure_weather(
    session: Session, view: carla.Transform, presets: Sequence[str], part_name: str, prefix: str, out: Path
) -> Part:
    """A contact sheet of one view, and the brightness of its upper and lower third under each preset.

    Args:
        view: pose of the camera.
        presets: names out of `preset_names()`.
        prefix: begins the ids of the figures, e.g. `weather/`.
        out: the report's folder; the sheet is written to its `pictures`.
    """
    part = Part(part_name)
    camera = open_sensor(session, "sensor.camera.rgb", view, _CAMERA)
    if isinstance(camera, str):
        part.figures[f"{prefix}camera"] = Figure.missing(camera)
        return part
    before = session.world.get_weather()
    shown = []
    try:
        for preset in presets:
            session.world.set_weather(getattr(carla.WeatherParameters, preset))
            rgb = _settled(session, camera)
            shown.append((preset, rgb))
            third = rgb.shape[0] // 3
            for name, rows in (("sky", rgb[:third]), ("ground", rgb[-third:])):
                grey = float((rows @ np.array([0.299, 0.587, 0.114])).mean())
                part.figures[f"{prefix}{preset}/{name}_grey"] = Figure.number(grey, "of 255", absolute=25.0)
    finally:
        session.world.set_weather(before)
        session.destroy([camera.actor])
        session.tick()
    sheet = contact_sheet([shown[row : row + _COLUMNS] for row in range(0, len(shown), _COLUMNS)])
    name = f"pictures/{part_name.replace(' ', '_')}.jpg"
    (out / "pictures").mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(out / name), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88]):
        raise OSError(f"cannot write {out / name}")
    part.pictures[f"{part_name}: one view under CARLA's presets"] = name
    return part


def _settled(session: Session, camera: Listener) -> np.ndarray:
    for _ in range(_SETTLE_FRAMES):
        session.tick()
        image = camera.next()
    return rgb_of(image)
