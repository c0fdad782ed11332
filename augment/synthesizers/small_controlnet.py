"""The small configuration: diffusers' own `UNet2DConditionModel` and `ControlNetModel`, narrow enough for a CPU.

It stands on the code path of the Stable Diffusion presets, but is a different thing in size and ability: about one
to four million parameters, trained in minutes on paired frames of one simulator, condition tokens instead of a text
encoder. Nothing it draws should be read as what Stable Diffusion would draw.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from safetensors.torch import load_file, save

from augment.conditions import DOMINANT, Condition
from augment.layout import GROUP_COUNT, one_hot_groups
from augment.synthesizers.pixel_codec import CODEC_FACTOR, LATENT_CHANNELS

HINT_CHANNELS = 3 + GROUP_COUNT + 1 + 2
"""rgb, one-hot groups, inverse depth, and the pixel's place in the picture (so that training on crops works)."""

_WEATHER_SCALE = np.array([100, 100, 100, 100, 180, 90, 100, 10, 1, 100, 1, 0.1, 0.1, 100], np.float32)


@dataclass(frozen=True)
class SmallControlNetConfig:
    """Shape of the small network."""

    channels: tuple[int, ...] = (32, 48, 64)
    """Width of the UNet at 1/4, 1/8, 1/16 of the picture."""
    token_count: int = 4
    """Condition tokens given to the network where Stable Diffusion has text tokens."""
    token_width: int = 64
    """Width of one condition token; ControlNetModel pools tokens with 64 heads, so a multiple of 64."""
    noise_level: float = 0.0
    """Noise of the Brownian bridge; 0 makes it a deterministic flow."""
    inference_steps: int = 1
    """Sampling steps from source to target."""
    uses_depth: bool = True
    """Whether frames must bring depth."""
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
        if not 0.0 <= self.noise_level <= 1.0:
            raise ValueError(f"noise_level is {self.noise_level}; expected 0 to 1")
        if not 1 <= self.inference_steps <= 50:
            raise ValueError(f"inference_steps is {self.inference_steps}; expected 1 to 50")
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
            out_channels=LATENT_CHANNELS,
            block_out_channels=config.channels,
            layers_per_block=1,
            down_block_types=("DownBlock2D",) * (levels - 1) + ("CrossAttnDownBlock2D",),
            up_block_types=("CrossAttnUpBlock2D",) + ("UpBlock2D",) * (levels - 1),
            cross_attention_dim=config.token_width,
            attention_head_dim=8,
            norm_num_groups=8,
            # Adds the pooled tokens to the time embedding, so that every block knows the weather.
            addition_embed_type="text",
            addition_embed_type_num_heads=8,
        )
        # At the start the network predicts no displacement: the variant is the source, and learning improves on it.
        torch.nn.init.zeros_(unet.conv_out.weight)
        torch.nn.init.zeros_(unet.conv_out.bias)
        self.unet = unet
        self.controlnet: Any = ControlNetModel.from_unet(
            unet,
            conditioning_channels=HINT_CHANNELS,
            conditioning_embedding_out_channels=(8, 16, 32),
        )
        self.tokens = torch.nn.Sequential(
            torch.nn.Linear(2 * len(_WEATHER_SCALE), 128),
            torch.nn.SiLU(),
            torch.nn.Linear(128, config.token_count * config.token_width),
        )

    def embed(self, sources: list[Condition], targets: list[Condition]) -> torch.Tensor:
        """(N, token_count, token_width) tokens that say from which weather to which."""
        pairs = [np.concatenate([_weather_vector(a), _weather_vector(b)]) for a, b in zip(sources, targets)]
        device = next(self.tokens.parameters()).device
        flat = self.tokens(torch.from_numpy(np.stack(pairs)).to(device))
        return flat.view(len(pairs), self.config.token_count, self.config.token_width)

    def forward(
        self, state: torch.Tensor, timesteps: torch.Tensor, tokens: torch.Tensor, hint: torch.Tensor
    ) -> torch.Tensor:
        """Predicted displacement from the target, (N, 48, H/4, W/4)."""
        down, mid = self.controlnet(state, timesteps, tokens, hint, return_dict=False)
        return self.unet(
            state,
            timesteps,
            tokens,
            down_block_additional_residuals=down,
            mid_block_additional_residual=mid,
            return_dict=False,
        )[0]

    def parameter_count(self) -> int:
        """Number of trainable numbers."""
        return sum(p.numel() for p in self.parameters())

    def save(self, folder: Path) -> None:
        """Write `config.json` and `model.safetensors`, weights first, each replaced atomically."""
        folder.mkdir(parents=True, exist_ok=True)
        state = {name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        _replace(folder / "model.safetensors", save(state, metadata={"format": "pt"}))
        text = json.dumps({"kind": KIND, **asdict(self.config)}, indent=2) + "\n"
        _replace(folder / "config.json", text.encode())

    @classmethod
    def load(cls, folder: Path) -> SmallControlNet:
        """Read what `save` wrote.

        Raises:
            ValueError: the folder holds something else.
        """
        config_file, weights_file = folder / "config.json", folder / "model.safetensors"
        for file in (config_file, weights_file):
            if not file.is_file():
                raise ValueError(f"no {file.name} in {folder}; pass a folder that train_controlnet has written")
        values = json.loads(config_file.read_text())
        kind = values.pop("kind", None)
        if kind != KIND:
            raise ValueError(f"{config_file} has kind {kind!r}; expected {KIND!r}")
        try:
            tuples = {name: tuple(values[name]) for name in ("channels", "targets")}
            config = SmallControlNetConfig(**{**values, **tuples})
        except (TypeError, KeyError) as error:
            raise ValueError(f"{config_file} does not describe a small ControlNet: {error}") from error
        model = cls(config)
        try:
            model.load_state_dict(load_file(weights_file))
        except Exception as error:
            raise ValueError(f"{weights_file} does not fit {config_file}: {error}") from error
        return model.eval()


KIND = "syndiff-small-controlnet-1"
"""Format of a saved folder; a change of shapes or inputs makes a new kind."""


def weights_hash(folder: Path) -> str:
    """First 16 hex digits of the SHA-256 of a saved folder's weights and configuration."""
    digest = sha256((folder / "config.json").read_bytes())
    digest.update((folder / "model.safetensors").read_bytes())
    return digest.hexdigest()[:16]


def make_hint(rgb: np.ndarray, seg: np.ndarray, depth_m: np.ndarray | None) -> torch.Tensor:
    """Control image of the small configuration.

    Args:
        rgb: (N, H, W, 3) uint8.
        seg: (N, H, W) uint8 CARLA tags.
        depth_m: (N, H, W) float32 metres, or None for a configuration without depth.

    Returns:
        (N, HINT_CHANNELS, H, W) float32: rgb in [0, 1], one-hot groups, 10 m / (10 m + depth), x and y in [-1, 1].
    """
    count, height, width = seg.shape
    hint = np.empty((count, HINT_CHANNELS, height, width), np.float32)
    hint[:, :3] = rgb.transpose(0, 3, 1, 2) / np.float32(255)
    hint[:, 3 : 3 + GROUP_COUNT] = one_hot_groups(seg)
    hint[:, 3 + GROUP_COUNT] = 0.0 if depth_m is None else 10.0 / (10.0 + np.maximum(depth_m, 0.0))
    hint[:, -2] = np.linspace(-1.0, 1.0, width, dtype=np.float32)
    hint[:, -1] = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None]
    return torch.from_numpy(hint)


def _weather_vector(condition: Condition) -> np.ndarray:
    weather = np.array(condition.to_weather().as_tuple(), np.float32) / _WEATHER_SCALE
    # Snow has no parameter of its own in CARLA 0.9.16; the words tell it apart.
    weather[-2] = float(condition.weather == "snow")
    return weather


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(path.name + ".partial")
    temporary.write_bytes(data)
    temporary.replace(path)
