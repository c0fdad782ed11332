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
    return f"""# Small ControlNet, one step from source to target

A network of {parameters / 1e6:.2f} million parameters that shows driving frames under other weather and light. It is
made of diffusers' `UNet2DConditionModel` and `ControlNetModel` on pixels rearranged into channels; condition tokens
stand where Stable Diffusion has text. It is not Stable Diffusion, nor derived from its weights. The weights are
stored in half precision; the licence is the code's, MIT.

| | |
|---|---|
| learned from | {frames} moments of {size_px[0]}x{size_px[1]} px, each under every condition |
| source condition | {source} |
| target conditions | {", ".join(targets)} |
| optimizer steps, seed | {steps}, {seed} |
| loss at the end | {last_loss:.4f} |
| weights | {weights} |
| training data | {data} |

**Objective.** The true picture of the same instant under the target condition: pixels on a logarithmic scale, their
edges (small things that labels stand for count more), and what a frozen segmenter sees in it.

**How a variant is made.** In one step: gain and offset for every layout group, a displacement of every pixel, and
drawn noise (rain streaks, stars, which windows are lit) at the strength that the network finds for each place.

**Use.** Frames of the simulator, map family, camera and conditions it was trained on. Other targets are refused.
Frames without depth are taken; with depth, haze is right.

**Limits.** It changes tone, light, haze and wetness; it invents no geometry and no mirror image: puddles reflect
nothing that is not averaged, clouds are soft, drops on the lens are left out. Shadows of a sunny source may stay.
There is no snow: CARLA 0.9.16's weather has none, so no true picture of it exists to learn from; use `procedural`.
Measure label agreement (`syndiff quality`) before training anything on its output.
"""
