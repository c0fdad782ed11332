"""Seeds and ids that depend on what they are for, never on the order of calls."""

from __future__ import annotations

import hashlib


def derive_seed(seed: int, *labels: object) -> int:
    """A 60-bit number made of a run's seed and what it is for.

    Args:
        seed: seed of the run.
        labels: anything with a stable text, e.g. ("imu", 17, 402).
    """
    text = "/".join([str(seed), *map(str, labels)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 4
