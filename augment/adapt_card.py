"""The card that a folder of adapted models carries."""

from __future__ import annotations

from typing import Any

_MEASURES = {
    "miou": "mean IoU",
    "right": "condition recognised",
    "psnr_db": "PSNR of variants, dB",
    "accepted": "variants taken for their condition",
    "accepted_of_true": "true pictures taken for their condition",
    "miou_of_true": "mean IoU on true pictures",
}


def adapted_card(record: dict[str, Any], looks: list[str]) -> str:
    """Markdown text of the card.

    Args:
        record: what `adapted.json` holds.
        looks: of the store.
    """
    lines = [
        "# Models adapted by `syndiff adapt`",
        "",
        f"Fine-tuned from {record['frames']} frames of the look {', '.join(looks)}; a fifth of the drives was held "
        "out for these figures.",
        "",
        "| model | measure | before | after | pictures |",
        "|---|---|---|---|---|",
    ]
    for model, facts in record["models"].items():
        before, after = facts.get("before", {}), facts.get("after", {})
        for key, name in _MEASURES.items():
            if key in after:
                lines.append(f"| {model} | {name} | {before.get(key)} | {after[key]} | {after['pictures']} |")
    lines += ["", "| model | steps |", "|---|---|"]
    lines += [f"| {model} | {facts['steps']} |" for model, facts in record["models"].items()]
    for model, why in record["not_adapted"].items():
        lines += ["", f"**Not adapted: {model}.** {why}. Its weights are those to begin with."]
    known = ", ".join(record["looks"]) or "no look: segmenter and condition classifier were not both adapted"
    lines += [
        "",
        f"**Calibrated for** {known}. On other looks, the guard's verdicts with these models are guesses.",
        "",
        "**Limits.** The variants of the generator were judged by the adapted segmenter and classifier, which have "
        "seen the same drives, and it learned what that segmenter sees: figures of the three depend on each other. "
        "Conditions that the store does not show were not learned anew and may have been forgotten.",
        "",
    ]
    return "\n".join(lines)
