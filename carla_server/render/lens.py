"""What a colour camera does to the light that reaches it, beyond size and field of view."""

from __future__ import annotations

from dataclasses import dataclass

USUAL_BLOOM = 0.675
"""CARLA's default, at which lamps glow as the weather says."""
_USUAL_FLARE = 0.1


@dataclass(frozen=True)
class Lens:
    """Development of one colour picture; the defaults are those of CARLA's camera.

    Attributes:
        metered: brighten dark pictures and darken bright ones a little, by the mean of the picture itself
            (CARLA's histogram mode, but without a memory of earlier pictures).
        bloom: how far bright lamps glow, 0 for not at all.
        flare: reflections of the sun within the lens; nothing is drawn up to CARLA's default of 0.1.
        fringe, fringe_from: chromatic aberration in percent of the picture's width at its corners, and the distance
            from the middle (0..1 of a corner's) where it begins.
        k, kcube: radial distortion: a place at r from the middle (1 at half the height) shows what lies at
            r (1 + k r^2 + kcube r^3).
        circle_gain, circle_falloff: the distortion's share, gain r^falloff, at most 1; a gain of 0 switches it off.
        x_share, y_share: how much of the distortion acts along each axis, 0..1.
    """

    metered: bool = True
    bloom: float = USUAL_BLOOM
    flare: float = _USUAL_FLARE
    fringe: float = 0.0
    fringe_from: float = 0.0
    k: float = -1.0
    kcube: float = 0.0
    circle_gain: float = 0.0
    circle_falloff: float = 5.0
    x_share: float = 0.08
    y_share: float = 0.08

    @property
    def switches(self) -> tuple[str, ...]:
        """Compile-time switches of the last pass."""
        chosen = {
            "METERED": self.metered,
            "FLARE": self.flare > _USUAL_FLARE,
            "FRINGE": self.fringe > 0.0,
            "DISTORTION": self.circle_gain > 0.0 and (self.k, self.kcube) != (0.0, 0.0),
        }
        return tuple(name for name, on in chosen.items() if on)

    @property
    def uniforms(self) -> dict[str, object]:
        """Values of the last pass by name."""
        return {
            "flare": self.flare - _USUAL_FLARE,
            "fringe": (self.fringe, self.fringe_from),
            "distortion": (self.k, self.kcube, self.circle_gain, self.circle_falloff),
            "distortion_share": (self.x_share, self.y_share),
        }


DEFAULT_LENS = Lens()
