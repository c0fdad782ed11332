"""`TransformersSegmenter`: SegFormer, UperNet, Mask2Former... of Hugging Face transformers, never by network.

Models come from a configuration (random weights) or from a local folder with safetensors. Those that predict classes
per pixel learn with our pixel loss; those that predict masks (Mask2Former, EoMT) with their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import (
    AutoConfig,
    AutoModelForSemanticSegmentation,
    AutoModelForUniversalSegmentation,
    ConvNextConfig,
    Mask2FormerConfig,
    PreTrainedConfig,
    SegformerConfig,
    SwinConfig,
    UperNetConfig,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING,
    MODEL_FOR_UNIVERSAL_SEGMENTATION_MAPPING,
)

from carla_agents.segmentation.class_sets import IGNORED
from carla_agents.segmentation.known_sets import class_set
from carla_agents.segmentation.segmenter import Segmenter, pixel_loss

BACKEND = "transformers"
_STAGES = ["stage1", "stage2", "stage3", "stage4"]
_MEAN, _STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""ImageNet's, in 0..255, as the public weights of these models expect."""


def preset_config(name: str) -> PreTrainedConfig:
    """The configuration of a named architecture, with random weights to be.

    Raises:
        ValueError: unknown; lists the known names.
    """
    if name == "segformer-tiny":
        return SegformerConfig(depths=[1, 1, 1, 1], hidden_sizes=[16, 32, 64, 128], decoder_hidden_size=64)
    if name == "segformer-b0":
        return SegformerConfig(decoder_hidden_size=256)
    if name == "segformer-b3":
        return SegformerConfig(depths=[3, 4, 18, 3], hidden_sizes=[64, 128, 320, 512], decoder_hidden_size=768)
    if name == "upernet-convnext":
        backbone = ConvNextConfig(  # type: ignore[call-arg]  # out_features is a property there
            depths=[2, 2, 4, 2], hidden_sizes=[32, 64, 128, 256], out_features=_STAGES
        )
        return UperNetConfig(backbone_config=backbone, hidden_size=128, use_auxiliary_head=False)
    if name == "mask2former-swin-t":
        swin = SwinConfig(  # type: ignore[call-arg]  # as above
            depths=[2, 2, 6, 2], num_heads=[3, 6, 12, 24], window_size=7, out_features=_STAGES
        )
        return Mask2FormerConfig(backbone_config=swin, num_queries=50)
    raise ValueError(f"unknown architecture {name!r}; known are {', '.join(PRESETS)}")


PRESETS = ("segformer-tiny", "segformer-b0", "segformer-b3", "upernet-convnext", "mask2former-swin-t")


class TransformersSegmenter(Segmenter):
    """A model of the transformers library with a given class set.

    Args:
        config: of the model; its labels are replaced.
        classes: name of the class set.
        model: with these labels; None builds one with random weights.
    """

    def __init__(self, config: PreTrainedConfig, classes: str, model: torch.nn.Module | None = None) -> None:
        super().__init__(class_set(classes), stride_px=32)
        self._name_labels(config)
        self.config = config
        self.universal = type(config) in MODEL_FOR_UNIVERSAL_SEGMENTATION_MAPPING
        if not self.universal and type(config) not in MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING:
            raise ValueError(
                f"a {config.model_type} model does not segment: choose e.g. segformer, upernet, mask2former"
            )
        automatic = AutoModelForUniversalSegmentation if self.universal else AutoModelForSemanticSegmentation
        self.model: Any = automatic.from_config(config) if model is None else model
        # EoMT has one fixed square size; other models take any.
        size = getattr(config, "image_size", None) if config.model_type.startswith("eomt") else None
        self.fixed_size_px: int | None = size if isinstance(size, int) else None
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(_STD)[:, None, None], persistent=False)

    @classmethod
    def from_local(cls, place: str, classes: str) -> tuple[TransformersSegmenter, list[str]]:
        """A preset by name, a `config.json` by path (random weights), or a folder with config and safetensors.

        Returns:
            the segmenter, and the names of its tensors that the folder did not give (the class head of another number
            of classes, a decoder beside a pretrained encoder); all of them for a preset or a configuration.

        Raises:
            ValueError: neither of these, pickled weights, or weights of another architecture.
        """
        path = Path(place)
        if place in PRESETS:
            segmenter = cls(preset_config(place), classes)
            return segmenter, list(segmenter.model.state_dict())
        if not path.exists():
            raise ValueError(
                f"{place!r} is no folder, no file and none of {', '.join(PRESETS)}. Models are never fetched while "
                f"training: where there is a network run `hf download {place} --local-dir DIR`, then give DIR"
            )
        config = AutoConfig.from_pretrained(path, local_files_only=True)
        if path.is_file():
            segmenter = cls(config, classes)
            return segmenter, list(segmenter.model.state_dict())
        if not any(path.glob("*.safetensors")):
            pickles = sorted(p.name for p in path.glob("*.bin")) + sorted(p.name for p in path.glob("*.pt*"))
            raise ValueError(
                f"{path} has no safetensors{', only the pickle ' + pickles[0] if pickles else ''}; pickles can run "
                "code and are not read: convert them with `safetensors.torch.save_file` where you trust them"
            )
        universal = type(config) in MODEL_FOR_UNIVERSAL_SEGMENTATION_MAPPING
        automatic = AutoModelForUniversalSegmentation if universal else AutoModelForSemanticSegmentation
        probe = cls(config, classes)
        model, report = automatic.from_pretrained(
            path,
            config=probe.config,
            local_files_only=True,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
        fresh = sorted({*report["missing_keys"], *(str(m[0]) for m in report["mismatched_keys"])})
        if 2 * len(fresh) > len(model.state_dict()):
            raise ValueError(
                f"{path} holds weights of another architecture: {len(fresh)} of {len(model.state_dict())} tensors of "
                f"{config.model_type} are not in it, e.g. {fresh[0]}; give the folder that config.json belongs to"
            )
        return cls(config, classes, model), fresh

    def forward(self, rgb: Tensor, labels: Tensor) -> Tensor:
        if not self.universal:
            return pixel_loss(self.logits(rgb), labels, self.class_weights)
        pixels = self._pixels(rgb)
        if pixels.shape[2:] != labels.shape[1:]:
            labels = functional.interpolate(labels[:, None].float(), pixels.shape[2:])[:, 0].long()
        present = [[int(c) for c in picture.unique() if c != IGNORED] for picture in labels]
        output = self.model(
            pixel_values=pixels,
            mask_labels=[
                torch.stack([(picture == c).float() for c in found]) if found else rgb.new_zeros(0, *picture.shape)
                for picture, found in zip(labels, present, strict=True)
            ],
            class_labels=[torch.tensor(found, dtype=torch.long, device=labels.device) for found in present],
        )
        return output.loss.reshape(())

    def logits(self, rgb: Tensor) -> Tensor:
        output = self.model(pixel_values=self._pixels(rgb))
        if self.universal:
            chances = output.class_queries_logits.softmax(-1)[..., :-1]
            scores = torch.einsum("nqc,nqhw->nchw", chances, output.masks_queries_logits.sigmoid())
        else:
            scores = output.logits
        return functional.interpolate(scores, rgb.shape[2:], mode="bilinear", align_corners=False)

    def describe(self) -> dict[str, Any]:
        return {"backend": BACKEND, "classes": self.classes.name, "config": self.config.to_diff_dict()}

    def save_pretrained(self, folder: Path) -> None:
        """Write the model as transformers' own folder, to be used without this package."""
        self.model.save_pretrained(folder)

    def _pixels(self, rgb: Tensor) -> Tensor:
        pixels = (rgb - self.get_buffer("mean")) / self.get_buffer("std")
        if self.fixed_size_px is None:
            return pixels
        size = (self.fixed_size_px, self.fixed_size_px)
        return functional.interpolate(pixels, size, mode="bilinear", align_corners=False)

    def _name_labels(self, config: PreTrainedConfig) -> None:
        config.id2label = {c.id: c.name for c in self.classes.classes}
        config.label2id = {c.name: c.id for c in self.classes.classes}
