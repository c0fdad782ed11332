"""What a colour camera does to the light that reaches it, beyond size and field of view."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lens:
    """Development of one colour picture; the defaults are those of CARLA's camera.

    Attributes:
        metered: brighten dark pictures and darken bright ones a little, by the mean of the picture itself
            (CARLA's histogram mode, but without a memory of earlier pictures).
        bloom: how far bright lamps glow, 0 for not at all.
    """

    metered: bool = True
    bloom: float = 0.675

    @property
    def switches(self) -> tuple[str, ...]:
        """Compile-time switches of the last pass."""
        return ("METERED",) if self.metered else ()


USUAL_BLOOM = 0.675
DEFAULT_LENS = Lens()
