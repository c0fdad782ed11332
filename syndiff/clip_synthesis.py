"""The job behind `syndiff synthesize-clips`."""

from __future__ import annotations

import sys

import torch

from augment.synthesize_clips import ClipJobConfig, plan_clips, synthesize_clips
from augment.synthesizers.clip_client import RemoteClips
from augment.synthesizers.clips import ClipSynthesizer
from augment.synthesizers.preset_pipelines import Placement
from carla_agents.data.stop_request import StopRequest
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from syndiff.commands.synthesize_clips import SynthesizeClips
from syndiff.preset_choice import PresetChoice, preset_clips
from syndiff.progress import steps_bar


def run_clip_synthesis(options: SynthesizeClips) -> int:
    """Make the wanted clips; see `syndiff synthesize-clips --help`.

    Returns:
        0, or 3 if some clips could not be made (each is named on stderr and recorded in the store).
    """
    torch.set_num_threads(options.threads)
    config = ClipJobConfig(options.conditions, options.frames, options.source, options.split, options.seed)
    total = len(plan_clips(Store.read(options.data), config))
    clips = _clips(options)
    with (
        StoreWriter.open(options.data) as store,
        StopRequest() as stop,
        steps_bar(f"synthesizing clips: {clips.name}", total) as show,
    ):

        def told(done: int, planned: int, key: str) -> None:
            show(done, key)
            stop.check(f"{done} of {planned} clips are in the store; the same command goes on from here")

        report = synthesize_clips(store, clips, config, told)
    print(f"{options.data}: {report.made} clips made now, {report.kept} were there, {report.failed} failed")
    if report.failed:
        print("the store's `failures()` says which frames and why", file=sys.stderr)
    return 3 if report.failed else 0


def _clips(options: SynthesizeClips) -> ClipSynthesizer:
    if (options.preset is None) == (options.server is None):
        raise ValueError("give one of --preset NAME (makes clips here) and --server ADDRESS (a frame server does)")
    if options.server is not None:
        return RemoteClips(options.server)
    assert options.preset is not None  # noqa: S101 (checked above)
    choice = PresetChoice(
        options.preset,
        Placement(options.device, options.precision, options.offload),
        controls=options.controls or None,
        steps=options.steps,
        working_height_px=options.working_height_px,
    )
    return preset_clips(choice, options.weights)
