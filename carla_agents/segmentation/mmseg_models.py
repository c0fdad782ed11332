"""`MmsegSegmenter`: a model of mmsegmentation behind our interface: it trains, resumes and is tested like any.

The model part of an mmsegmentation config is taken, by the name of a packaged config or by file; its schedule and
pipelines are not. To run a config as it stands, use mmengine's Runner with `StoreDataset`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from carla_agents.segmentation import mmseg_compat
from carla_agents.segmentation.class_sets import IGNORED
from carla_agents.segmentation.known_sets import class_set
from carla_agents.segmentation.mmseg_weights import packaged_configs
from carla_agents.segmentation.segmenter import Segmenter

mmseg_compat.install()

import mmseg.models  # noqa: E402, F401 - registers the models
from mmengine.config import Config, ConfigDict  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmengine.structures import PixelData  # noqa: E402
from mmseg.registry import MODELS  # noqa: E402
from mmseg.structures import SegDataSample  # noqa: E402

BACKEND = "mmseg"


class MmsegSegmenter(Segmenter):
    """A model of mmsegmentation with a given class set and random weights.

    Args:
        model: the `model` part of a config, adapted by `model_settings`.
        classes: name of the class set.
    """

    def __init__(self, model: dict[str, Any], classes: str) -> None:
        super().__init__(class_set(classes), stride_px=32)
        self.settings = json.loads(json.dumps(model))
        normalize = self.settings.get("data_preprocessor") or {}
        mean, std = normalize.get("mean") or [0.0] * 3, normalize.get("std") or [1.0] * 3
        if normalize.get("bgr_to_rgb", False) is False:
            mean, std = mean[::-1], std[::-1]
        self.bgr = not normalize.get("bgr_to_rgb", False)
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)
        init_default_scope("mmseg")
        self.model: Any = MODELS.build(ConfigDict({**self.settings, "data_preprocessor": None}))

    def forward(self, rgb: Tensor, labels: Tensor) -> Tensor:
        samples = []
        for picture in labels:
            sample = SegDataSample(metainfo=_shapes(rgb))
            sample.gt_sem_seg = PixelData(data=picture[None])
            samples.append(sample)
        return self.model.parse_losses(self.model.loss(self._pixels(rgb), samples))[0]

    def logits(self, rgb: Tensor) -> Tensor:
        scores = self.model.encode_decode(self._pixels(rgb), [_shapes(rgb)] * len(rgb))
        return functional.interpolate(scores, rgb.shape[2:], mode="bilinear", align_corners=False)

    def describe(self) -> dict[str, Any]:
        return {"backend": BACKEND, "classes": self.classes.name, "model": self.settings}

    def take_checkpoint(self, path: Path) -> list[str]:
        """Fill in what a checkpoint of mmsegmentation gives; read without running code in it.

        Returns:
            names of the tensors that it does not give, e.g. a head for another number of classes.

        Raises:
            ValueError: unreadable, or of another architecture.
        """
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many types here, none of them ours
            raise ValueError(f"{path} cannot be read without running code in it ({error})") from error
        state = state.get("state_dict", state)
        own = self.model.state_dict()
        fitting = {name: v for name, v in state.items() if name in own and own[name].shape == v.shape}
        fresh = sorted(set(own) - set(fitting))
        if 2 * len(fresh) > len(own):
            raise ValueError(
                f"{path} holds weights of another architecture: {len(fresh)} of {len(own)} tensors are not in it, "
                f"e.g. {fresh[0]}; give the checkpoint of this config"
            )
        self.model.load_state_dict(fitting, strict=False)
        return fresh

    def _pixels(self, rgb: Tensor) -> Tensor:
        pixels = (rgb - self.get_buffer("mean")) / self.get_buffer("std")
        return pixels.flip(1) if self.bgr else pixels


def model_settings(place: str, classes: str) -> dict[str, Any]:
    """The model part of a config, made fit for these classes, any picture size, and a machine without network.

    Args:
        place: name of a packaged config without `.py` (e.g. `segformer_mit-b0_8xb2-160k_ade20k-512x512`), or a file.
        classes: name of the class set.

    Raises:
        ValueError: no such config; lists near names.
    """
    path = Path(place)
    if path.suffix != ".py" or not path.is_file():
        found = {p.stem: p for p in packaged_configs().rglob("*.py")}
        if place not in found:
            near = sorted(name for name in found if name.split("_")[0] == place.split("_")[0])[:6]
            raise ValueError(
                f"{place!r} is no file and no packaged config; near are {near}: give one of them or a file"
            )
        path = found[place]
    model = Config.fromfile(path).model.to_dict()
    _adapt(model, len(class_set(classes).classes))
    model["test_cfg"] = {"mode": "whole"}
    return model


def _adapt(part: Any, class_count: int) -> None:
    """Walk a config: our number of classes, no weights from the network, no batch statistics across processes."""
    if isinstance(part, list | tuple):
        for item in part:
            _adapt(item, class_count)
    if not isinstance(part, dict):
        return
    if "num_classes" in part:
        part["num_classes"] = class_count
    if part.get("type") in ("SyncBN", "mmseg.SyncBN"):
        part["type"] = "BN"
    if isinstance(part.get("init_cfg"), dict) and part["init_cfg"].get("type") == "Pretrained":
        part["init_cfg"] = None
    if part.get("pretrained") is not None:
        part["pretrained"] = None
    if isinstance(part.get("class_weight"), list):
        part["class_weight"] = [1.0] * class_count + part["class_weight"][-1:]
    if "ignore_index" in part:
        part["ignore_index"] = IGNORED
    for value in part.values():
        _adapt(value, class_count)


def _shapes(rgb: Tensor) -> dict[str, tuple[int, int]]:
    size = (int(rgb.shape[2]), int(rgb.shape[3]))
    return {"img_shape": size, "ori_shape": size, "pad_shape": size}
