"""Seeds by hashing names, so that no result depends on the order or the grouping of work."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np


def derive_seed(*names: str | int) -> int:
    """A seed that is a pure function of the names.

    Args:
        names: what the randomness belongs to, e.g. run seed, frame key, condition name, purpose.

    Returns:
        An integer in [0, 2**63), so that every consumer (numpy, torch) can take it.
    """
    text = "\x1f".join(f"{type(name).__name__}:{name}" for name in names)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def generator(*names: str | int) -> np.random.Generator:
    """A numpy generator seeded with `derive_seed(*names)`."""
    return np.random.default_rng(derive_seed(*names))
