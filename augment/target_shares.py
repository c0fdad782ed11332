"""How many variants of each condition bring a set closest to a wanted mixture: pure arithmetic, no pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def uniform_shares(conditions: Sequence[str]) -> dict[str, float]:
    """The same share for every condition."""
    return {name: 1.0 / len(conditions) for name in conditions}


def normalised_shares(weights: Mapping[str, float], conditions: Sequence[str]) -> dict[str, float]:
    """Weights -> shares that sum to 1; conditions that are not named get 0.

    Raises:
        ValueError: a negative weight, a weight for another condition, or all are 0.
    """
    strangers = sorted(set(weights) - set(conditions))
    if strangers:
        raise ValueError(f"the target names {strangers}, which are not among the conditions {', '.join(conditions)}")
    bad = {name: weight for name, weight in weights.items() if not 0.0 <= weight < float("inf")}
    total = sum(weights.values())
    if bad or not total > 0.0:
        raise ValueError(f"weights must be 0 or more, and one of them above 0; got {bad or dict(weights)}")
    return {name: weights.get(name, 0.0) / total for name in conditions}


def tempered_shares(real: Mapping[str, int], target: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Mix what is there with what is wanted.

    Linear on purpose: a power of the shares that are there, the usual temperature, leaves at zero what is missing,
    and a softmax over their inverses is uniform at every temperature that anybody would choose (as in the
    reference's recipe).

    Args:
        real: pictures per condition.
        target: shares that sum to 1.
        temperature: 0 keeps the shares as they are, 1 is the target.

    Raises:
        ValueError: temperature is not in [0, 1].
    """
    if not 0.0 <= temperature <= 1.0:
        raise ValueError(f"temperature is {temperature}; expected 0 (as it is) to 1 (the target)")
    total = sum(real.get(name, 0) for name in target)
    there = {name: real.get(name, 0) / total if total else 0.0 for name in target}
    return {name: (1.0 - temperature) * there[name] + temperature * target[name] for name in target}


def allocate(
    count: int, real: Mapping[str, int], shares: Mapping[str, float], makeable: Sequence[str]
) -> dict[str, int]:
    """Divide `count` variants so that the makeable conditions come as close to their shares as they can.

    Nothing can be taken away, so conditions that have more than their share get none, and the others are filled up to
    one common level: the water level L with sum of max(0, L share - real) = count. Rounded so that the sum is exact.

    Args:
        count: variants in all.
        real: pictures that are there, per condition.
        shares: wanted, per condition.
        makeable: conditions that can be synthesized.

    Returns:
        Condition -> variants, for every makeable condition.

    Raises:
        ValueError: count is negative, or no makeable condition has a share.
    """
    if count < 0:
        raise ValueError(f"count is {count}; expected 0 or more")
    wanted = [name for name in makeable if shares.get(name, 0.0) > 0.0]
    if not wanted:
        raise ValueError(f"the target gives no share to any condition that can be made ({', '.join(makeable)})")
    # Conditions start to be filled when the level reaches real / share; take them up one after the other.
    order = sorted(wanted, key=lambda name: (real.get(name, 0) / shares[name], name))
    filled: list[str] = []
    level = 0.0
    for at, name in enumerate(order):
        filled.append(name)
        level = (count + sum(real.get(n, 0) for n in filled)) / sum(shares[n] for n in filled)
        if at + 1 == len(order) or level <= real.get(order[at + 1], 0) / shares[order[at + 1]]:
            break
    exact = {name: level * shares[name] - real.get(name, 0) for name in filled}
    whole = {name: int(value + 1e-9) for name, value in exact.items()}
    left = count - sum(whole.values())
    for name in sorted(filled, key=lambda n: (whole[n] - exact[n], n))[:left]:
        whole[name] += 1
    return {name: whole.get(name, 0) for name in makeable}
