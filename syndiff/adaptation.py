"""The job behind `syndiff adapt`."""

from __future__ import annotations

from contextlib import ExitStack

from augment.adapt import Adaptation, adapt
from augment.adapt_training import AdaptConfig
from augment.calibration import is_calibrated
from carla_agents.data.store import Store
from carla_agents.training.precision import native_precision
from syndiff.commands.adapt import Adapt
from syndiff.progress import steps_bar


def run_adaptation(options: Adapt) -> Adaptation:
    """Fine-tune with a progress line for every model and print the figures; see `syndiff adapt --help`."""
    config = AdaptConfig(
        minutes=options.minutes,
        clock=options.clock,
        models=options.models,
        source=options.source,
        segmenter=options.segmenter,
        condition_classifier=options.condition_classifier,
        generator=options.generator,
        steps=options.steps,
        mixed_precision=options.mixed_precision or native_precision(),
        seed=options.seed,
        threads=options.threads,
    )
    store = Store.read(options.store)
    with ExitStack() as bars:
        shown: dict[str, object] = {}

        def tell(model: str, done: int, steps: int, loss: float) -> None:
            if model not in shown:
                bars.close()
                shown[model] = bars.enter_context(steps_bar(f"adapting the {model.replace('_', ' ')}", steps))
            show = shown[model]
            if callable(show):
                show(done, f"loss {loss:.3f}")

        result = adapt(store, options.out, config, tell)
    for model, facts in result.models.items():
        before, after = facts["before"], facts["after"]
        changes = ", ".join(f"{name} {before[name]} -> {after[name]}" for name in after if name != "pictures")
        print(f"{model}: {facts['steps']} steps; {changes} ({after['pictures']} held-out pictures)")
    for model, why in result.left.items():
        print(f"{model}: not adapted: {why}")
    known = is_calibrated(store, options.out)
    print(f"{options.out}: {'calibrated' if known else 'not calibrated'} for the look of {options.store}")
    return result
