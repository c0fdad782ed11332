"""One view of one instant, between the geometry that is drawn once and the light of each weather."""

from __future__ import annotations

from dataclasses import dataclass

from carla_server.render.beams import Beams
from carla_server.render.camera import CameraView, Viewpoint
from carla_server.render.geometry import InstanceBatch
from carla_server.render.lens import Lens
from carla_server.render.targets import Targets


@dataclass(eq=False)
class Shot:
    """What all weathers of an instant share.

    Attributes:
        targets: its G-buffer is filled.
        moving: the actors as they were drawn.
        beams: headlamps; none where no weather is dark.
        elapsed_s: moves clouds, ripples and rain.
        frame: seeds the sensor noise.
        lens: what the camera adds.
        surveyed: whether what lamps do to its surfaces has been drawn.
    """

    targets: Targets
    camera: CameraView
    view: Viewpoint
    moving: InstanceBatch
    beams: Beams
    elapsed_s: float
    frame: int
    lens: Lens
    surveyed: bool = False
