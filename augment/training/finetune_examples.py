"""What a ControlNet is fine-tuned on: labelled pictures of a store, with a caption each, read when needed."""

from __future__ import annotations

import json
from hashlib import blake2b

import cv2
import numpy as np

from augment.caption import Captioner, LabelCaptioner
from augment.conditions import Condition
from augment.layout import ade20k_image
from augment.prompt import compose_prompt
from carla_agents.data.records import StoredFrame, StoredVariant
from carla_agents.data.store import Store
from carla_agents.data.true_variants import RELIGHT, REPLAY


class FinetuneExamples:
    """The recorded frames of a store, each under its own condition, and their true variants.

    Args:
        store: with labels.
        height_px: height that pictures are brought to; the width keeps the shape.
        multiple_px: width and height are multiples of it.
        split: only frames of this split; None takes all.
        captioner: writes captions; None reads the labels.

    Raises:
        ValueError: no labelled frame, or frames of several sizes.
    """

    def __init__(
        self,
        store: Store,
        *,
        height_px: int,
        multiple_px: int = 8,
        split: str | None = "train",
        captioner: Captioner | None = None,
    ) -> None:
        frames = store.frames(lambda f: "seg" in f.files, split=split)
        if not frames:
            raise ValueError(f"{store.root} has no labelled frame of split {split!r}")
        sizes = sorted({frame.size_px for frame in frames})
        if len(sizes) > 1:
            raise ValueError(f"{store.root} has frames of sizes {sizes}; one size trains at a time")
        if height_px < multiple_px or height_px % multiple_px:
            raise ValueError(f"height_px is {height_px}; expected a positive multiple of {multiple_px}")
        width_px = max(multiple_px, round(sizes[0][0] * height_px / sizes[0][1] / multiple_px) * multiple_px)
        self.size_px = (width_px, height_px)
        self._captioner = captioner or LabelCaptioner()
        keys = {frame.key for frame in frames}
        true = [
            v for made_by in (RELIGHT, REPLAY) for v in store.variants(synthesizer=made_by) if v.frame.key in keys
        ]
        self._pictures: list[StoredFrame | StoredVariant] = [*frames, *true]

    def __len__(self) -> int:
        return len(self._pictures)

    def by_condition(self) -> dict[str, np.ndarray]:
        """Condition name -> numbers of the pictures that show it."""
        found: dict[str, list[int]] = {}
        for index, picture in enumerate(self._pictures):
            found.setdefault(picture.condition, []).append(index)
        return {name: np.array(found[name]) for name in sorted(found)}

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray, str]:
        """One example.

        Returns:
            Picture (H, W, 3) uint8, layout in ADE20K colours (H, W, 3) uint8, caption with the condition's words.
        """
        picture = self._pictures[index]
        frame = picture if isinstance(picture, StoredFrame) else picture.frame
        rgb, seg = picture.load_rgb(), frame.load_seg()
        depth_m = frame.load_depth_m() if "depth" in frame.files else None
        caption = self._captioner(rgb, seg, depth_m)
        prompt = compose_prompt(caption, Condition.parse(picture.condition))
        hint = cv2.resize(ade20k_image(seg), self.size_px, interpolation=cv2.INTER_NEAREST)
        shrinks = self.size_px[1] < rgb.shape[0]
        rgb = cv2.resize(rgb, self.size_px, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
        return rgb, hint, prompt.positive

    def fingerprint(self) -> str:
        """16 hex digits that change with the choice of pictures, their size and who captions them."""
        rows = [
            (p.key, p.condition, "") if isinstance(p, StoredFrame) else (p.frame.key, p.condition, p.synthesizer)
            for p in self._pictures
        ]
        what = [rows, self.size_px, self._captioner.name]
        return blake2b(json.dumps(what, sort_keys=True).encode(), digest_size=8).hexdigest()
