"""`PairedRecording`: true variants of each frame at the moment it is recorded, from a server that can relight."""

from __future__ import annotations

from collections.abc import Sequence

import carla
import numpy as np

from carla_agents.data.drives import PairedCondition
from carla_agents.data.store_writer import StoreWriter
from carla_agents.data.true_variants import RELIGHT, TRUE_SEED
from carla_agents.driving.headlights import lamps_for_weather
from carla_agents.simulator.relighter import Relighter, RelitCondition


class PairedRecording:
    """Asks for the true variants of one drive.

    Args:
        relighter: of the session that drives.
        pairs: under which conditions.
        vehicle_ids: the vehicles whose lamps the recorder switches; in each condition they have the lamps that a
            drive recorded under it would give them, so a variant equals the frame of that drive.
    """

    def __init__(self, relighter: Relighter, pairs: Sequence[PairedCondition], vehicle_ids: Sequence[int]) -> None:
        self._relighter = relighter
        self._pairs = tuple(pairs)
        self._lamps = [lamps_for_weather(pair.weather) for pair in pairs]
        self._vehicle_ids = tuple(vehicle_ids)

    def relight(self, camera_id: int, snapshot: carla.WorldSnapshot, size_px: tuple[int, int]) -> list[np.ndarray]:
        """One (H, W, 3) uint8 RGB picture a condition, of the frame that the camera has just sent.

        Args:
            camera_id: the colour camera.
            snapshot: of that frame; vehicles that are no longer in it (the Traffic Manager removes those that hang)
                have no lamps to set.
            size_px: (width, height).
        """
        present = [vehicle_id for vehicle_id in self._vehicle_ids if snapshot.has_actor(vehicle_id)]
        conditions = [
            RelitCondition(pair.weather, dict.fromkeys(present, lamps))
            for pair, lamps in zip(self._pairs, self._lamps, strict=True)
        ]
        return self._relighter.relight(camera_id, snapshot.frame, conditions, size_px)

    def keep(self, store: StoreWriter, key: str, pictures: Sequence[np.ndarray]) -> None:
        """Store the pictures as variants of a frame.

        Raises:
            StoreError: the disk refused it.
        """
        for pair, lamps, picture in zip(self._pairs, self._lamps, pictures, strict=True):
            provenance = {"synthesizer": RELIGHT, "weather": list(pair.weather), "light_state": lamps}
            store.add_variant(key, pair.condition, TRUE_SEED, picture, provenance)
