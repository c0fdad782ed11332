"""How two touching bodies push each other: planar impulses with restitution and friction (plain floats)."""

from __future__ import annotations

from typing import NamedTuple

RESTITUTION = 0.15
"""Share of the closing speed that bodies part with; car bodies crumple."""

FRICTION = 0.4
"""Coefficient of friction between bodies."""


class Body(NamedTuple):
    """One side of a contact.

    Attributes:
        velocity_x, velocity_y: of the body's material at the contact point, m/s, world.
        inverse_mass: 1/kg, 0 for what cannot be pushed.
        inverse_inertia: 1/(kg m^2) about the vertical axis.
        lever_x, lever_y: from the centre of mass to the contact point, metres, world.
    """

    velocity_x: float
    velocity_y: float
    inverse_mass: float
    inverse_inertia: float
    lever_x: float
    lever_y: float

    def resistance(self, x: float, y: float) -> float:
        """Inverse of the mass that the contact point shows along a unit direction."""
        turn = self.lever_x * y - self.lever_y * x
        return self.inverse_mass + self.inverse_inertia * turn * turn

    def turned_by(self, impulse_x: float, impulse_y: float) -> float:
        """Change of yaw rate by an impulse at the contact point, rad/s."""
        return (self.lever_x * impulse_y - self.lever_y * impulse_x) * self.inverse_inertia


IMMOVABLE = Body(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def exchange(body: Body, other: Body, normal_x: float, normal_y: float) -> tuple[float, float, float]:
    """Impulse that the first body receives (the other receives its negative).

    Args:
        body, other: the two sides.
        normal_x, normal_y: unit vector from the other to the body.

    Returns:
        Size along the normal (N s, 0 when they part already) and the impulse's x and y, with friction.
    """
    relative_x, relative_y = body.velocity_x - other.velocity_x, body.velocity_y - other.velocity_y
    closing = relative_x * normal_x + relative_y * normal_y
    resistance = body.resistance(normal_x, normal_y) + other.resistance(normal_x, normal_y)
    if closing >= 0.0 or resistance == 0.0:
        return 0.0, 0.0, 0.0
    size = -(1.0 + RESTITUTION) * closing / resistance
    sliding = relative_y * normal_x - relative_x * normal_y
    rub = -sliding / (body.resistance(-normal_y, normal_x) + other.resistance(-normal_y, normal_x))
    rub = min(max(rub, -FRICTION * size), FRICTION * size)
    return size, size * normal_x - rub * normal_y, size * normal_y + rub * normal_x
