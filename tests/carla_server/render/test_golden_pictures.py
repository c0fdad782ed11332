"""The twelve conditions look as they did when the golden pictures were made."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from carla_server.render.context import GLUnavailable
from carla_server.render.renderer import Renderer
from carla_server.roads.towns import load_town
from tests.golden import make_picture_hashes as golden


@pytest.fixture(scope="module")
def drawn() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Driver, and every golden picture as this machine draws it."""
    town = load_town(golden.TOWN)
    try:
        renderer = Renderer(town)
    except GLUnavailable as error:
        pytest.skip(str(error))
    yield renderer.driver, dict(golden.pictures(renderer, town.spawn_points))
    renderer.close()


def test_a_known_driver_draws_the_golden_pictures_bit_by_bit(drawn):
    driver, pictures = drawn
    known = json.loads(golden.HASHES.read_text(encoding="utf-8"))
    if driver not in known:
        pytest.skip(f"no golden hashes for {driver}, only for {sorted(known)}; the tolerance test looks at it")
    changed = [name for name, picture in pictures.items() if golden.digest(picture) != known[driver][name]]
    assert not changed, "if this change of the look is meant: python -m tests.golden.make_picture_hashes"


def test_every_driver_draws_the_golden_pictures_within_tolerance(drawn):
    _, pictures = drawn
    with np.load(golden.THUMBNAILS) as kept:
        assert set(kept) == set(pictures)
        for name, picture in pictures.items():
            away = np.abs(golden.thumbnail(picture).astype(int) - kept[name])
            assert away.mean() < 3.0, name
            assert np.quantile(away, 0.99) < 25.0, name
