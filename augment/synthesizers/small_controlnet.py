"""The small ControlNet: diffusers' own `UNet2DConditionModel` and `ControlNetModel`, narrow enough for a CPU.

A different thing from Stable Diffusion in size and ability: 3.5 million parameters, trained in an hour on paired
frames of one simulator, condition tokens instead of a text encoder. It takes one step from the source picture to the
target picture (a one-step flow, arXiv 2205.07680 without noise): more steps gained nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from safetensors.torch import load_file, save

from augment.conditions import DOMINANT, Condition
from augment.layout import GROUP_COUNT
from augment.synthesizers.pixel_codec import CODEC_FACTOR, LATENT_CHANNELS

BLOCK_FACTOR = 2
"""Nothing is computed at the full size of the picture: its pixels are channels of blocks of 2x2, or of 4x4."""
BLOCK_PIXELS = BLOCK_FACTOR**2
HINT_CHANNELS = BLOCK_PIXELS * (3 + GROUP_COUNT + 1) + 2
"""For the pixels of a block: levels, one-hot groups, inverse depth; and the block's place in the picture (so that
training on crops works)."""
DETAIL_CHANNELS = 8
"""Maps at the size of the picture in which the network marks what it may light or darken: panes, lenses, shadows."""
FIELD_CHANNELS = 4 * GROUP_COUNT + 6 + 6 * DETAIL_CHANNELS
"""Smooth outputs: a gain and, by colour, an offset for every group; by colour, strength of streaks, of points, and of
every detail map, always and where windows are lit."""
_HINT_WIDTH = 32
"""Features of a block, read off its hint and its neighbours'."""
WEATHER_CHANNELS = 28
"""`weather_vector` of the source and of the target."""

_WEATHER_SCALE = np.array([100, 100, 100, 100, 180, 90, 100, 10, 1, 100, 1, 0.1, 0.1, 100], np.float32)
ONLY_TIMESTEP = 1000
"""diffusers' networks want to know how far along they are; here it is always the beginning."""

Size = Literal["s", "m"]
SIZES: dict[Size, tuple[int, ...]] = {"s": (48, 64, 96), "m": (64, 128, 192)}
"""Channels at 1/4, 1/8, 1/16 of the picture: 3.5 and 12 million parameters."""


@dataclass(frozen=True)
class SmallControlNetConfig:
    """Shape of the small network and what it has learned."""

    channels: tuple[int, ...] = SIZES["s"]
    """Width of the UNet at 1/4, 1/8, 1/16 of the picture."""
    token_count: int = 4
    """Condition tokens given to the network where Stable Diffusion has text tokens."""
    token_width: int = 64
    """Width of one condition token; ControlNetModel pools tokens with 64 heads, so a multiple of 64."""
    source: str = DOMINANT.name
    """Condition of the frames it takes."""
    targets: tuple[str, ...] = ()
    """Conditions it has learned; the trainer fills this in from its pairs."""

    def __post_init__(self) -> None:
        if len(self.channels) < 2 or any(c < 8 or c % 8 for c in self.channels):
            raise ValueError(f"channels is {self.channels}; expected two or more multiples of 8")
        if not 1 <= self.token_count <= 77:
            raise ValueError(f"token_count is {self.token_count}; expected 1 to 77")
        if self.token_width < 64 or self.token_width % 64:
            raise ValueError(f"token_width is {self.token_width}; expected a positive multiple of 64")
        for name in (self.source, *self.targets):
            Condition.parse(name)

    @property
    def size_multiple_px(self) -> int:
        """Height and width of a picture must be multiples of this."""
        return int(CODEC_FACTOR * 2 ** (len(self.channels) - 1))


class SmallControlNet(torch.nn.Module):
    """UNet, ControlNet and condition tokens of the small configuration."""

    def __init__(self, config: SmallControlNetConfig) -> None:
        super().__init__()
        self.config = config
        levels = len(config.channels)
        unet: Any = UNet2DConditionModel(
            sample_size=(36, 64),
            in_channels=LATENT_CHANNELS,
            out_channels=LATENT_CHANNELS + FIELD_CHANNELS,
            block_out_channels=config.channels,
            layers_per_block=1,
            # Attention in the middle alone: elsewhere it took a twelfth of the time and changed pictures by 0.01 dB.
            down_block_types=("DownBlock2D",) * levels,
            up_block_types=("UpBlock2D",) * levels,
            cross_attention_dim=config.token_width,
            attention_head_dim=8,
            norm_num_groups=8,
            # The weather scales and shifts the features of every block, as pooled tokens in the time embedding.
            resnet_time_scale_shift="scale_shift",
            addition_embed_type="text",
            addition_embed_type_num_heads=8,
        )
        self.controlnet: Any = ControlNetModel.from_unet(unet)
        unet.conv_out = _Outputs(config.channels[0])
        self.unet = unet
        self.hint = torch.nn.Sequential(
            torch.nn.Conv2d(HINT_CHANNELS, _HINT_WIDTH, 1),
            torch.nn.SiLU(),
            torch.nn.Conv2d(_HINT_WIDTH, _HINT_WIDTH, 3, padding=1),
            torch.nn.SiLU(),
        )
        # In place of diffusers' own embedding, whose layers at the full size took an eighth of the whole step.
        self.controlnet.controlnet_cond_embedding = torch.nn.Sequential(
            torch.nn.Conv2d(_HINT_WIDTH, config.channels[0], 3, stride=CODEC_FACTOR // BLOCK_FACTOR, padding=1),
            torch.nn.SiLU(),
            _zero(torch.nn.Conv2d(config.channels[0], config.channels[0], 3, padding=1)),
        )
        self.detail = torch.nn.Conv2d(_HINT_WIDTH, BLOCK_PIXELS * DETAIL_CHANNELS, 3, padding=1)
        self.tokens = torch.nn.Sequential(
            torch.nn.Linear(WEATHER_CHANNELS, 128),
            torch.nn.SiLU(),
            torch.nn.Linear(128, config.token_count * config.token_width),
        )

    def forward(
        self, state: torch.Tensor, hint: torch.Tensor, weather: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What changes.

        Args:
            state: (N, 48, H/4, W/4) levels of the source picture, unshuffled by 2 and by 2 again.
            hint: (N, HINT_CHANNELS, H/2, W/2).
            weather: (N, WEATHER_CHANNELS).

        Returns:
            (N, 48, H/4, W/4) displacement of every pixel, laid out as `state`; (N, FIELD_CHANNELS, H/4, W/4) smooth
            fields; (N, 4 * DETAIL_CHANNELS, H/2, W/2) detail maps in [-1, 1], unshuffled by 2.
        """
        tokens = self.tokens(weather).reshape(-1, self.config.token_count, self.config.token_width)
        features = self.hint(hint)
        down, mid = self.controlnet(state, ONLY_TIMESTEP, tokens, features, return_dict=False)
        change = self.unet(
            state,
            ONLY_TIMESTEP,
            tokens,
            down_block_additional_residuals=down,
            mid_block_additional_residual=mid,
            return_dict=False,
        )[0]
        displacement, fields = change.split((LATENT_CHANNELS, FIELD_CHANNELS), dim=1)
        return displacement, fields, self.detail(features).tanh()

    def parameter_count(self) -> int:
        """Number of trainable numbers."""
        return sum(p.numel() for p in self.parameters())

    def save(self, folder: Path) -> None:
        """Write `model.safetensors` in half precision and `config.json`, each replaced atomically."""
        folder.mkdir(parents=True, exist_ok=True)
        state = {name: tensor.detach().half().contiguous() for name, tensor in self.state_dict().items()}
        data = save(state, metadata={"format": "pt"})
        _replace(folder / "model.safetensors", data)
        values = {"kind": KIND, **asdict(self.config), "weights_sha256": sha256(data).hexdigest()}
        _replace(folder / "config.json", (json.dumps(values, indent=2) + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> SmallControlNet:
        """Read what `save` wrote, in single precision and evaluation mode.

        Raises:
            ValueError: the folder holds something else, or weights that are damaged or not those of its config.json.
        """
        config = read_config(folder)
        weights_file = folder / "model.safetensors"
        model = cls(config)
        try:
            model.load_state_dict({name: tensor.float() for name, tensor in load_file(weights_file).items()})
        except Exception as error:
            raise ValueError(f"{weights_file} does not fit config.json beside it: {error}") from error
        return model.eval()


class _Outputs(torch.nn.Module):
    """The last layer: a pixel's displacement is read off its surroundings, smooth fields need no more than the place.

    At the start it gives zeros, so that the variant is the source, and learning improves on it.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.displacement = _zero(torch.nn.Conv2d(channels, LATENT_CHANNELS, 3, padding=1))
        self.fields = _zero(torch.nn.Conv2d(channels, FIELD_CHANNELS, 1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.displacement(features), self.fields(features)], dim=1)


def _zero(layer: torch.nn.Conv2d) -> torch.nn.Conv2d:
    for parameter in layer.parameters():
        torch.nn.init.zeros_(parameter)
    return layer


KIND = "syndiff-small-controlnet-4"
"""Format of a saved folder; a change of shapes or inputs makes a new kind."""


def read_config(folder: Path) -> SmallControlNetConfig:
    """The configuration of a saved folder, after checking that its weights are the ones that belong to it.

    Raises:
        ValueError: a file is missing, is of another kind, or the weights have another SHA-256.
    """
    config_file, weights_file = folder / "config.json", folder / "model.safetensors"
    for file in (config_file, weights_file):
        if not file.is_file():
            raise ValueError(
                f"no {file.name} in {folder}; pass a folder that `syndiff train-controlnet` has written (weights are "
                "read from safetensors only, never from a pickle)"
            )
    try:
        values = json.loads(config_file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{config_file} is not JSON: {error}") from error
    kind = values.pop("kind", None) if isinstance(values, dict) else None
    if kind != KIND:
        raise ValueError(f"{config_file} has kind {kind!r}; expected {KIND!r}: train the network anew")
    wanted = values.pop("weights_sha256", None)
    found = sha256(weights_file.read_bytes()).hexdigest()
    if found != wanted:
        raise ValueError(
            f"{weights_file} has SHA-256 {found[:16]}..., config.json beside it was written for {str(wanted)[:16]}"
            "...: the file is damaged or of another network; fetch both files anew"
        )
    try:
        tuples = {name: tuple(values[name]) for name in ("channels", "targets")}
        return SmallControlNetConfig(**{**values, **tuples})
    except (TypeError, KeyError) as error:
        raise ValueError(f"{config_file} does not describe a small ControlNet: {error}") from error


def weights_hash(folder: Path) -> str:
    """First 16 hex digits of the SHA-256 of a saved folder's weights and configuration."""
    digest = sha256((folder / "config.json").read_bytes())
    digest.update((folder / "model.safetensors").read_bytes())
    return digest.hexdigest()[:16]


def weather_vector(source: Condition, target: Condition) -> np.ndarray:
    """(WEATHER_CHANNELS,) float32: from which weather to which, each number of CARLA's 14 brought to about 0 to 1."""
    return np.concatenate([_scaled_weather(source), _scaled_weather(target)])


def _scaled_weather(condition: Condition) -> np.ndarray:
    weather = np.array(condition.to_weather().as_tuple(), np.float32) / _WEATHER_SCALE
    # Snow has no parameter of its own in CARLA 0.9.16; the words tell it apart.
    weather[-2] = float(condition.weather == "snow")
    return weather


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(path.name + ".partial")
    temporary.write_bytes(data)
    temporary.replace(path)
