"""`ModelCaptioner`: captions by a vision-language model of the LLaVA class, through transformers.

The model is asked to leave out weather and light, and what it says of them all the same is taken out part by part
(`keep_scene_parts`) and recorded. Models come from a folder or the local cache; nothing is fetched.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from augment.caption import Caption, keep_scene_parts
from augment.hub_models import model_folder, weights_digest

INSTRUCTION = (
    "List the things in this street scene and where they are: vehicles, people, traffic lights and signs, buildings, "
    "plants, the course of the road. Use short noun phrases separated by commas. Do not mention the weather, the "
    "sky, the light, shadows, the season or the time of day."
)


@dataclass(frozen=True)
class CaptionModelConfig:
    """Which model, and how it is asked."""

    model: str
    """A folder, or a name on the Hugging Face hub whose files are in the local cache, e.g.
    llava-hf/llava-1.5-7b-hf."""
    instruction: str = INSTRUCTION
    """What it is asked."""
    most_tokens: int = 120
    """Length of its answer at most."""
    device: str = "cpu"
    """`cpu`, `cuda`, `cuda:1`, ..."""

    def __post_init__(self) -> None:
        if not 1 <= self.most_tokens <= 4096:
            raise ValueError(f"most_tokens is {self.most_tokens}; expected 1 to 4096")


class ModelCaptioner:
    """A `Captioner` that asks a model, one picture at a time and always for its likeliest words.

    Raises:
        ValueError: the model is not on this machine (the message says what to download), is pickled, or does not
            take pictures and text.
    """

    def __init__(self, config: CaptionModelConfig) -> None:
        folder = model_folder(config.model)
        dtype = torch.float32 if config.device == "cpu" else torch.float16
        try:
            self._processor: Any = AutoProcessor.from_pretrained(folder, local_files_only=True)
            model: Any = AutoModelForImageTextToText.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=dtype
            )
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(f"{folder} cannot be loaded as a model that describes pictures: {error}") from error
        self._model = model.to(config.device).eval()
        self._config = config
        self._question = self._asked()
        self.name = f"model-{Path(config.model).name}"[:80]
        self.provenance: dict[str, Any] = {**asdict(config), "weights": weights_digest(folder)}

    @torch.inference_mode()
    def __call__(self, rgb: np.ndarray, seg: np.ndarray, depth_m: np.ndarray | None) -> Caption:
        """See `Captioner`; labels and depth are not looked at."""
        given = self._processor(images=Image.fromarray(rgb), text=self._question, return_tensors="pt")
        given = given.to(self._config.device, self._model.dtype)
        answer = self._model.generate(**given, max_new_tokens=self._config.most_tokens, do_sample=False)
        words = answer[0, given["input_ids"].shape[1] :]
        return keep_scene_parts(self._processor.decode(words, skip_special_tokens=True), self.name)

    def _asked(self) -> str:
        """The question as the model's template wants it; models without one get LLaVA 1.5's."""
        if getattr(self._processor, "chat_template", None):
            content = [{"type": "image"}, {"type": "text", "text": self._config.instruction}]
            asked: str = self._processor.apply_chat_template(
                [{"role": "user", "content": content}], add_generation_prompt=True
            )
            return asked
        return f"USER: <image>\n{self._config.instruction} ASSISTANT:"
