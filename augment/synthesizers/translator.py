"""`translator`: a small convolutional network that repeats in one step what another synthesizer does in many.

    variant = (1 + gain) source + shift

Gain and shift are predicted for every pixel from the picture, its layout groups, depth, place and noise; source and
target weather scale and shift the features of every block (FiLM, arXiv 1709.07871). `augment.training.translator`
distils it. The step has the signature of `EmbeddedStep`, so the same exporter and back ends run it
(`augment.export.backends.open_translator`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

import torch
from safetensors.torch import load_file, save
from torch.nn import functional

from augment.conditions import DOMINANT, Condition
from augment.layout import GROUP_COUNT
from augment.synthesizers.embedded import EmbeddedSynthesizer
from augment.synthesizers.embedded_noise import NOISE_CHANNELS
from augment.synthesizers.embedded_step import StepRunner, TorchStep, place
from augment.synthesizers.small_controlnet import WEATHER_CHANNELS, weights_hash

KIND = "syndiff-translator-1"
"""Format of a saved folder."""
_FACTOR = 4
_INPUTS = 3 + GROUP_COUNT + 1 + 2 + NOISE_CHANNELS


@dataclass(frozen=True)
class TranslatorConfig:
    """Shape of a translator and what it has learned."""

    channels: tuple[int, ...] = (48, 64, 96)
    """Width at 1/4, 1/8, ... of the picture."""
    film_width: int = 64
    """Width of the weather's hidden layer."""
    source: str = DOMINANT.name
    """Condition of the frames it takes."""
    targets: tuple[str, ...] = ()
    """Conditions it has learned; the trainer fills this in."""
    teacher: str = ""
    """Name of the synthesizer it was distilled from; the trainer fills this in."""

    def __post_init__(self) -> None:
        if not self.channels or any(c < 8 or c % 8 for c in self.channels):
            raise ValueError(f"channels is {self.channels}; expected one or more multiples of 8")
        if self.film_width < 1:
            raise ValueError(f"film_width is {self.film_width}; expected at least 1")
        for name in (self.source, *self.targets):
            Condition.parse(name)

    @property
    def size_multiple_px(self) -> int:
        """Height and width of a picture must be multiples of this."""
        return int(_FACTOR * 2 ** (len(self.channels) - 1))


class TranslatorStep(torch.nn.Module):
    """The whole step as one graph; `torch.onnx.export` takes it with dynamic N, H and W."""

    def __init__(self, config: TranslatorConfig) -> None:
        super().__init__()
        self.config = config
        first = config.channels[0]
        self.weather = torch.nn.Sequential(
            torch.nn.Linear(WEATHER_CHANNELS, config.film_width),
            torch.nn.SiLU(),
            torch.nn.Linear(config.film_width, config.film_width),
            torch.nn.SiLU(),
        )
        self.stem = _convolution(_INPUTS * _FACTOR**2, first)
        self.down = torch.nn.ModuleList(_FilmBlock(c, config.film_width) for c in config.channels)
        self.narrow = torch.nn.ModuleList(
            _convolution(a, b, stride=2) for a, b in zip(config.channels[:-1], config.channels[1:], strict=True)
        )
        self.middle = _FilmBlock(config.channels[-1], config.film_width)
        self.widen = torch.nn.ModuleList(
            _convolution(b, a) for a, b in zip(config.channels[:-1], config.channels[1:], strict=True)
        )
        self.up = torch.nn.ModuleList(_FilmBlock(c, config.film_width) for c in config.channels[:-1])
        self.head = _convolution(first, 6 * _FACTOR**2)
        # At the start the network changes nothing: the variant is the source, and learning improves on it.
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]  # it has one

    def forward(
        self,
        rgb: torch.Tensor,
        groups: torch.Tensor,
        depth_m: torch.Tensor,
        weather: torch.Tensor,
        noise: torch.Tensor,
    ) -> torch.Tensor:
        """Show pictures under another condition; arguments and result as of `EmbeddedStep.forward`."""
        return self.translate(rgb, groups, depth_m, weather, noise, place(rgb)).clamp(0.0, 1.0)

    def translate(
        self,
        rgb: torch.Tensor,
        groups: torch.Tensor,
        depth_m: torch.Tensor,
        weather: torch.Tensor,
        noise: torch.Tensor,
        place_of_pixels: torch.Tensor,
    ) -> torch.Tensor:
        """As `forward`, before values are cut off, and with (N, 2, H, W) places given: for crops."""
        kinds = torch.arange(GROUP_COUNT, device=groups.device)[None, :, None, None]
        nearness = 10.0 / (10.0 + depth_m.clamp(min=0.0))[:, None]
        inputs = [rgb, (groups[:, None] == kinds).to(rgb.dtype), nearness, place_of_pixels, noise]
        # In half precision the pictures before and after the network stay 32 bits.
        precision = self.stem.weight.dtype
        features = self.stem(functional.pixel_unshuffle(torch.cat(inputs, dim=1), _FACTOR).to(precision))
        film = self.weather(weather.to(precision))
        kept = []
        for level, block in enumerate(self.down):
            features = block(features, film)
            if level < len(self.narrow):
                kept.append(features)
                features = self.narrow[level](features)
        features = self.middle(features, film)
        for level in reversed(range(len(self.up))):
            wide = functional.interpolate(features, scale_factor=2.0, mode="nearest")
            features = self.up[level](self.widen[level](wide) + kept[level], film)
        change = functional.pixel_shuffle(self.head(features).to(rgb.dtype), _FACTOR)
        return (1.0 + change[:, :3]) * rgb + change[:, 3:]

    def save(self, folder: Path) -> None:
        """Write `model.safetensors` (single precision) and `config.json`, each replaced atomically."""
        folder.mkdir(parents=True, exist_ok=True)
        data = save({name: tensor.detach().contiguous() for name, tensor in self.state_dict().items()})
        values = {"kind": KIND, **asdict(self.config), "weights_sha256": sha256(data).hexdigest()}
        for name, content in (
            ("model.safetensors", data),
            ("config.json", (json.dumps(values, indent=2) + "\n").encode()),
        ):
            temporary = folder / f"{name}.partial"
            temporary.write_bytes(content)
            temporary.replace(folder / name)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote, in evaluation mode.

        Raises:
            ValueError: the folder holds something else, or weights that are damaged or not those of its config.json.
        """
        step = cls(read_translator_config(folder))
        try:
            step.load_state_dict(load_file(folder / "model.safetensors"))
        except Exception as error:
            raise ValueError(f"{folder} does not describe a translator: {error}") from error
        return step.eval()


def read_translator_config(folder: Path) -> TranslatorConfig:
    """The configuration of a saved folder, after checking that its weights are the ones that belong to it.

    Raises:
        ValueError: the folder holds something else, or weights that are damaged or not those of its config.json.
    """
    weights_file = folder / "model.safetensors"
    try:
        values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        data = weights_file.read_bytes()
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder} holds no translator; `syndiff train-translator` writes one ({error})") from error
    kind = values.pop("kind", None) if isinstance(values, dict) else None
    if kind != KIND:
        raise ValueError(f"{folder}/config.json is not of a translator: it has kind {kind!r}, expected {KIND!r}")
    if values.pop("weights_sha256", None) != sha256(data).hexdigest():
        raise ValueError(f"{weights_file} is damaged or not the one that config.json beside it was written for")
    try:
        tuples = {name: tuple(values[name]) for name in ("channels", "targets")}
        return TranslatorConfig(**{**values, **tuples})
    except Exception as error:
        raise ValueError(f"{folder} does not describe a translator: {error}") from error


class TranslatorSynthesizer(EmbeddedSynthesizer):
    """Shows frames under the conditions that a translator has learned; see `EmbeddedSynthesizer`.

    Args:
        config: of the network that the runner holds.
        runner: runs the step.
        weights: hash of the weights; None for a model that was never saved.
        batch_size, frames_at_once: as of `EmbeddedSynthesizer`.
    """

    def __init__(
        self,
        config: TranslatorConfig,
        runner: StepRunner,
        weights: str | None,
        *,
        batch_size: int = 1,
        frames_at_once: int = 1,
    ) -> None:
        # The configuration has what is asked of it there: source, targets, size_multiple_px.
        super().__init__(config, runner, weights, batch_size=batch_size, frames_at_once=frames_at_once)  # type: ignore[arg-type]
        self.name = f"translator-{weights or 'unsaved'}-{runner.name}"

    @classmethod
    def from_folder(cls, folder: Path) -> TranslatorSynthesizer:
        """Load what `augment.training.translator` wrote, to be run by torch on the CPU.

        Raises:
            ValueError: the folder holds something else, or damaged weights.
        """
        step = TranslatorStep.load(folder)
        return cls(step.config, TorchStep(step), weights_hash(folder))


class _FilmBlock(torch.nn.Module):
    """Two convolutions around a scale and a shift by the weather, added to what came in."""

    def __init__(self, channels: int, film_width: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.norm = torch.nn.GroupNorm(8, channels)
        self.film = torch.nn.Linear(film_width, 2 * channels)
        self.second = _convolution(channels, channels)

    def forward(self, features: torch.Tensor, film: torch.Tensor) -> torch.Tensor:
        scale, shift = self.film(film)[:, :, None, None].chunk(2, dim=1)
        inner = self.norm(self.first(functional.silu(features))) * (1.0 + scale) + shift
        return features + self.second(functional.silu(inner))


def _convolution(inputs: int, outputs: int, stride: int = 1) -> torch.nn.Conv2d:
    return torch.nn.Conv2d(inputs, outputs, 3, stride, padding=1, padding_mode="replicate")
