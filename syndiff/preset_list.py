"""What `syndiff presets` prints."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from augment.synthesizers.preset_weights import download_commands, is_present
from augment.synthesizers.presets import PRESETS, needed_parts, preset_named


def show_presets(weights: Path | None) -> None:
    """One row per preset; what is here is looked up, nothing is downloaded."""
    table = Table("preset", "what", "controls", "steps", "memory", "here", box=None, header_style="bold")
    for preset in PRESETS.values():
        parts = needed_parts(preset, preset.default_controls)
        folder = weights / preset.name if weights is not None and (weights / preset.name).is_dir() else weights
        here = sum(is_present(part, folder) for part in parts)
        table.add_row(
            preset.name,
            preset.summary,
            " ".join(kind + ("*" if kind in preset.default_controls else "") for kind in preset.controls),
            str(max(1, int(preset.steps * preset.strength))),
            preset.memory,
            "yes" if here == len(parts) else f"{here} of {len(parts)} parts",
        )
    console = Console()
    console.print(table)
    console.print(
        "* used unless --controls says otherwise; `syndiff presets NAME` says what to download", style="dim"
    )


def show_preset(name: str, weights: Path | None) -> None:
    """One preset in full.

    Raises:
        ValueError: there is no such preset.
    """
    preset = preset_named(name)
    folder = weights or Path("models") / preset.name
    lines = [
        f"{preset.name}: {preset.summary}",
        f"  pipeline  {preset.pipeline} of diffusers, scheduler {preset.scheduler}",
        f"  sampling  {preset.steps} steps at strength {preset.strength}, guidance {preset.guidance_scale}, "
        f"controls at {preset.control_scale}" + (", guess mode" if preset.guess_mode else ""),
        f"  size      {preset.working_height_px} px high inside, multiples of {preset.size_multiple_px}",
        f"  memory    {preset.memory}",
        f"  terms     {preset.licence}",
        "  parts",
    ]
    for part in preset.parts:
        needed = part.control is None or part.control in preset.default_controls
        state = (
            "here" if is_present(part, weights) else "missing" if needed else f"missing, for control {part.control}"
        )
        lines.append(f"    {part.name:<17} {part.hub[0].repository:<46} {state}")
    lines.append(f"  to download all that the default controls need into {folder}:")
    lines += [f"    {command}" for command in download_commands(preset, preset.default_controls, folder)]
    print("\n".join(lines))
