"""The model card that a trained small ControlNet carries: what it is, what it saw, what it is not."""

from __future__ import annotations


def small_controlnet_card(
    *,
    parameters: int,
    frames: int,
    size_px: tuple[int, int],
    source: str,
    targets: list[str],
    steps: int,
    seed: int,
    last_loss: float,
    weights: str,
    data: str,
) -> str:
    """Markdown text of the card.

    Args:
        parameters: trainable numbers of the network.
        frames: paired moments it learned from.
        size_px: width and height of the frames.
        source, targets: names of the conditions.
        steps, seed, last_loss: of the run; the loss is the mean over the last 20 steps.
        weights, data: hashes.
    """
    return f"""# Small ControlNet, source-to-target bridge

A demonstration-size diffusion model of {parameters / 1e6:.2f} million parameters that shows driving frames
under other weather and light. It uses diffusers' `UNet2DConditionModel` and `ControlNetModel` on pixels rearranged
into channels; condition tokens stand where Stable Diffusion has text. It is not Stable Diffusion, nor derived
from its weights.

| | |
|---|---|
| learned from | {frames} paired frames of {size_px[0]}x{size_px[1]} px |
| source condition | {source} |
| target conditions | {", ".join(targets)} |
| optimizer steps, seed | {steps}, {seed} |
| loss at the end | {last_loss:.4f} |
| weights | {weights} |
| training data | {data} |

**Objective.** The network predicts the displacement from the present picture to the target picture along a Brownian
bridge (BBDM, arXiv 2205.07680); without noise and in one step this is a one-step flow.

**Use.** Frames of the simulator, map family, camera and conditions it was trained on. Other targets are refused.

**Limits.** It changes tone, light, haze and wetness; it does not invent geometry, and thin random structure such as
rain streaks is averaged away. Measure it (`syndiff quality`) before training anything on its output.
"""
