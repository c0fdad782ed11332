"""CPU time of the project's first prototype of a renderer, for `benchmarks.render --prototype DIR`; prints JSON.

A process of its own, because two OpenGL contexts would fight over one thread. Argument: folder with `town_gl.py`.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

FRAMES, WARM_UP = 14, 3


def cpu_ms(draw: Callable[[int], object]) -> float:
    """Median CPU milliseconds of a frame, all threads."""
    spent = []
    for number in range(FRAMES):
        began = time.process_time()
        draw(number)
        spent.append(1e3 * (time.process_time() - began))
    spent = sorted(spent[WARM_UP:])
    return spent[len(spent) // 2]


def main(folder: str) -> None:
    sys.path.insert(0, folder)
    prototype: Any = importlib.import_module("town_gl")
    town = prototype.Town()
    times: dict[str, float] = {}
    for width, height in ((256, 144), (400, 300), (800, 600)):
        for case, preset in (("labels", None), ("clear", "ClearNoon"), ("rain night", "HardRainNight")):

            def draw(number: int, preset: str | None = preset, size: tuple[int, int] = (width, height)) -> None:
                light = {"rgb": False} if preset is None else {"weather": prototype.WEATHERS[preset]}
                town.render((-22 + 0.4 * number, -42.6, 1.6), 0.02 * number, 90, *size, **light)

            times[f"{width}x{height} {case}"] = cpu_ms(draw)
    print(json.dumps({"cpu_ms": times, "triangles": int(town.stats["tris"])}))


if __name__ == "__main__":
    main(sys.argv[1])
