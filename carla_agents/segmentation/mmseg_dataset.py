"""`StoreDataset`: mmsegmentation reads stores directly, without an export.

In a config:
    custom_imports = dict(imports=["carla_agents.segmentation.mmseg_dataset"])
    dataset = dict(type="StoreDataset", stores=["runs/store"], classes="groups12", pipeline=[..., PackSegInputs])
Pictures arrive decoded (BGR, as mmsegmentation loads them) with their labels, so the pipeline starts after
`LoadImageFromFile` and `LoadAnnotations`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from carla_agents.data.store import Store
from carla_agents.segmentation import mmseg_compat
from carla_agents.segmentation.segmentation_set import SegmentationSetConfig, load_segmentation_set

mmseg_compat.install()

from mmseg.datasets import BaseSegDataset  # noqa: E402
from mmseg.registry import DATASETS  # noqa: E402


@DATASETS.register_module()
class StoreDataset(BaseSegDataset):
    """Pictures and labels of stores as an mmsegmentation data set.

    Args:
        stores: folders.
        classes: class set of the labels, numbered from 0.
        split, conditions, maps, real, synthesizers, label_sets: as in `SegmentationSetConfig`; mixing and balancing
            are mmengine's samplers' business.
        pipeline: transforms after loading.
        test_mode: as in mmengine.

    Raises:
        ValueError, StoreError: as `load_segmentation_set`.
    """

    def __init__(
        self,
        stores: Sequence[str],
        classes: str = "groups12",
        split: str | None = "train",
        conditions: Sequence[str] = (),
        maps: Sequence[str] = (),
        real: bool = True,
        synthesizers: Sequence[str] | None = None,
        label_sets: Sequence[str] = (),
        pipeline: Sequence[dict[str, Any]] = (),
        test_mode: bool = False,
    ) -> None:
        config = SegmentationSetConfig(
            split=split,
            conditions=tuple(conditions),
            maps=tuple(maps),
            real=real,
            synthesizers=None if synthesizers is None else tuple(synthesizers),
            classes=classes,
            label_sets=tuple(label_sets),
        )
        self.pictures = load_segmentation_set([Store.read(root) for root in stores], config)
        names = [c.name for c in self.pictures.classes.classes]
        palette = [list(c.rgb) for c in self.pictures.classes.classes]
        super().__init__(
            metainfo={"classes": names, "palette": palette}, pipeline=list(pipeline), test_mode=test_mode
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """One entry per picture; nothing is decoded."""
        return [
            {"img_path": sample.name, "number": number, "reduce_zero_label": False, "label_map": None}
            for number, sample in enumerate(self.pictures.samples)
        ]

    def prepare_data(self, idx: int) -> Any:
        """One picture through the pipeline."""
        entry = self.get_data_info(idx)
        rgb, labels = self.pictures.load(entry["number"])
        return self.pipeline(
            {
                **entry,
                "img": np.ascontiguousarray(rgb[..., ::-1]),
                "img_shape": rgb.shape[:2],
                "ori_shape": rgb.shape[:2],
                "gt_seg_map": labels,
                "seg_fields": ["gt_seg_map"],
            }
        )
