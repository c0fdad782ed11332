"""`AugmentWeather`: variants made while mmsegmentation trains, as a step of its data pipeline.

In a config:
    custom_imports = dict(imports=["augment.mmseg_transform"])
    train_pipeline = [
        dict(type="LoadImageFromFile"), dict(type="LoadAnnotations"),
        dict(type="AugmentWeather", conditions=["rain-night", "fog-day"], prob=0.5),
        ..., dict(type="PackSegInputs"),
    ]
It stands after the labels were loaded and before the picture is cropped, scaled or given other colours. Importing
this module registers the step with mmsegmentation and needs the extra `mmseg`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from augment.conditions import DOMINANT, Condition
from augment.online.choice import OnlineBackend, make_online_synthesizer
from augment.seeds import derive_seed
from augment.synthesizers.base import FrameBatch, Synthesizer
from carla_agents.segmentation import mmseg_compat
from carla_server.semantics import SemanticTag

mmseg_compat.install()

from mmcv.transforms import BaseTransform  # noqa: E402
from mmseg.registry import TRANSFORMS  # noqa: E402


@TRANSFORMS.register_module()
class AugmentWeather(BaseTransform):
    """Shows a picture under another condition, with a probability; its labels stay.

    Reads and replaces `img` ((H, W, 3) uint8 BGR); reads `gt_seg_map` ((H, W)) and, where there, `depth_m`
    ((H, W) float32 metres). Adds `augment`: condition, synthesizer and seed, or None.

    What is drawn comes from numpy's global generator, as in mmcv's own steps: mmengine seeds it for each worker
    (`randomness=dict(seed=...)`). The variant's seed is a hash of that draw, the picture's name and the condition.

    Args:
        conditions: one is drawn for each picture.
        prob: share of pictures that are changed.
        synthesizer: its name (`relight` has no simulator to ask here), or a synthesizer of your own.
        backend, weights: of the `embedded` or `translator` network.
        source: condition that the pictures were recorded in.
        tags: CARLA tag of each label number, for labels that are not CARLA's own; 255 (ignore) stays unlabeled.

    Raises:
        ValueError: options that do not go together, or a picture without labels.
    """

    def __init__(
        self,
        conditions: Sequence[str] = ("rain-night",),
        prob: float = 0.5,
        synthesizer: Literal["procedural", "embedded", "embedded-m", "translator"] | Synthesizer = "procedural",
        backend: OnlineBackend = "onnxruntime",
        weights: str | None = None,
        source: str = DOMINANT.name,
        tags: Sequence[int] | None = None,
    ) -> None:
        if not conditions:
            raise ValueError("conditions is empty; name at least one")
        if not 0.0 <= prob <= 1.0:
            raise ValueError(f"prob is {prob}, allowed 0 to 1")
        self._targets = [Condition.parse(name) for name in conditions]
        self._source = Condition.parse(source)
        self._prob = prob
        if isinstance(synthesizer, str):
            synthesizer = make_online_synthesizer(synthesizer, backend, weights)
        self._synthesizer: Synthesizer = synthesizer
        self._tag_of_label = np.arange(256, dtype=np.uint8)
        self._tag_of_label[255] = SemanticTag.NONE
        if tags is not None:
            self._tag_of_label[:] = SemanticTag.NONE
            self._tag_of_label[: len(tags)] = tags

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """The step; see the class."""
        picture = results["img"]
        if results.get("gt_seg_map") is None:
            raise ValueError("AugmentWeather needs gt_seg_map: put it after LoadAnnotations")
        name = str(results.get("img_path", ""))
        results["augment"] = None
        if np.random.random() >= self._prob:
            return results
        target = self._targets[np.random.randint(len(self._targets))]
        seed = derive_seed(int(np.random.randint(2**31)), name, target.name)
        depth_m = results.get("depth_m")
        frames = FrameBatch(
            np.ascontiguousarray(picture[None, ..., ::-1]),
            self._tag_of_label[np.asarray(results["gt_seg_map"], np.uint8)][None],
            None if depth_m is None else np.asarray(depth_m, np.float32)[None],
            (self._source,),
            (name,),
        )
        made = self._synthesizer(frames, [target], np.array([seed], np.uint64))[0]
        results["img"] = np.ascontiguousarray(made[..., ::-1])
        results["augment"] = {"condition": target.name, "synthesizer": self._synthesizer.name, "seed": seed}
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._synthesizer.name}, {[t.name for t in self._targets]}, {self._prob})"
