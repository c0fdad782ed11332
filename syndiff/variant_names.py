"""Names of synthesizers as users type them."""

from __future__ import annotations

from collections.abc import Sequence

from carla_agents.data.store import Store


def named_synthesizers(stores: Sequence[Store], wanted: Sequence[str]) -> tuple[str, ...]:
    """Full names of the synthesizers that made variants of these stores.

    Names carry versions and hashes of weights: `procedural` stands for `procedural-2`, `embedded` for
    `embedded-1f2e3d4c-torch`.

    Args:
        stores: with variants.
        wanted: full names, or their beginnings up to a dash.

    Raises:
        ValueError: nobody of that name made a variant there; lists who did.
    """
    held = sorted({variant.synthesizer for store in stores for variant in store.variants()})
    found = {name: [h for h in held if h == name or h.startswith(f"{name}-")] for name in wanted}
    for name, names in found.items():
        if not names:
            raise ValueError(
                f"no variant in {[str(s.root) for s in stores]} is by {name!r}; there are some by {held}"
            )
    return tuple(sorted({h for names in found.values() for h in names}))
