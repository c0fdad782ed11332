"""The subcommands of `syndiff`; this package imports nothing heavy, each `run` imports what it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from syndiff.commands.adapt import Adapt
from syndiff.commands.audit import Audit
from syndiff.commands.carla_root import CarlaRoot
from syndiff.commands.conformance import Conformance, ConformanceDiff
from syndiff.commands.demo import Demo
from syndiff.commands.doctor import Doctor
from syndiff.commands.evaluate import Evaluate
from syndiff.commands.export_engine import ExportEngine
from syndiff.commands.finetune_controlnet import FinetuneControlnet
from syndiff.commands.guard import GuardVariants
from syndiff.commands.import_data import ImportData
from syndiff.commands.merge_results import MergeResults
from syndiff.commands.mmseg_weights import MmsegWeightsList
from syndiff.commands.pairs import Pairs
from syndiff.commands.plan import Plan
from syndiff.commands.presets import Presets
from syndiff.commands.quality import Quality
from syndiff.commands.record import Record
from syndiff.commands.serve import Serve
from syndiff.commands.stats import Stats
from syndiff.commands.synthesize import Synthesize
from syndiff.commands.synthesize_clips import SynthesizeClips
from syndiff.commands.test_seg import TestSeg
from syndiff.commands.train import Train
from syndiff.commands.train_condition_classifier import TrainConditionClassifier
from syndiff.commands.train_controlnet import TrainControlnet
from syndiff.commands.train_seg import TrainSeg
from syndiff.commands.train_translator import TrainTranslator
from syndiff.commands.validate_routes import ValidateRoutes


class Command(Protocol):
    """A frozen dataclass whose fields are the options; `run` returns the exit status."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def run(self) -> int: ...


COMMANDS: dict[str, Callable[..., Command]] = {
    "demo": Demo,
    "serve": Serve,
    "carla-root": CarlaRoot,
    "record": Record,
    "pairs": Pairs,
    "import": ImportData,
    "audit": Audit,
    "plan": Plan,
    "synthesize": Synthesize,
    "presets": Presets,
    "quality": Quality,
    "guard": GuardVariants,
    "adapt": Adapt,
    "synthesize-clips": SynthesizeClips,
    "train": Train,
    "train-controlnet": TrainControlnet,
    "export-engine": ExportEngine,
    "finetune-controlnet": FinetuneControlnet,
    "train-translator": TrainTranslator,
    "train-condition-classifier": TrainConditionClassifier,
    "train-seg": TrainSeg,
    "test-seg": TestSeg,
    "mmseg-weights": MmsegWeightsList,
    "evaluate": Evaluate,
    "merge-results": MergeResults,
    "validate-routes": ValidateRoutes,
    "stats": Stats,
    "conformance": Conformance,
    "conformance-diff": ConformanceDiff,
    "doctor": Doctor,
}
"""Name on the command line -> its options."""
