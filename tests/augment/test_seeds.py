from __future__ import annotations

from augment.seeds import derive_seed, generator


def test_seed_depends_on_every_name_and_on_where_one_name_ends():
    seeds = {
        derive_seed(0, "r/000001", "rain-night"),
        derive_seed(1, "r/000001", "rain-night"),
        derive_seed(0, "r/000002", "rain-night"),
        derive_seed(0, "r/000001", "fog-day"),
        derive_seed(0, "r/000001rain-night"),
        derive_seed("0", "r/000001", "rain-night"),
    }
    assert len(seeds) == 6
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_seed_is_the_same_in_every_process():
    assert derive_seed(0, "frame", "rain-night") == 4863554351632480233
    assert generator(0, "a").integers(0, 1000) == generator(0, "a").integers(0, 1000)
