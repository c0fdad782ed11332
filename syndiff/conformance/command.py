"""What the two subcommands do."""

from __future__ import annotations

from carla_agents.simulator.session import SimulatorConfig
from syndiff.commands.conformance import Conformance, ConformanceDiff
from syndiff.conformance.diff import compare, read_report
from syndiff.conformance.protocol import PARTS, Protocol
from syndiff.conformance.vehicle_tests import VEHICLES
from syndiff.conformance.weather_sheet import preset_names

EXIT_DIFFERENT, EXIT_PARTIAL = 1, 3


def run_conformance(options: Conformance) -> int:
    """Measure and report; 0 if every part was measured, 3 if some could not be.

    Raises:
        ValueError: an unknown preset, or a folder with results of another server.
        SimulatorError: no usable server.
    """
    known = preset_names()
    for name in options.presets:
        if name not in known:
            raise ValueError(f"unknown weather preset {name!r}; CARLA has {', '.join(known)}")
    protocol = Protocol(
        out=options.out,
        simulator=SimulatorConfig(
            host=options.host,
            port=options.port,
            map_name=options.map,
            map_dir=None if options.map_dir is None else str(options.map_dir),
            timeout_s=60.0,
            loading_timeout_s=300.0,
        ),
        vehicles=options.vehicles or VEHICLES,
        presets=options.presets or tuple(known),
        parts=options.parts or PARTS,
        generate_track=options.generate_track,
        timing_ticks=options.timing_ticks,
    )
    failed = protocol.run()
    print(f"{options.out / 'report.json'} and report.html")
    for name, why in failed.items():
        print(f"part {name!r} could not be measured: {why}")
    return EXIT_PARTIAL if failed else 0


def run_diff(options: ConformanceDiff) -> int:
    """Print each figure that differs; 0 if none does, else 1.

    Raises:
        ValueError: a report cannot be read.
    """
    comparison = compare(read_report(options.reference), read_report(options.other))
    for difference in comparison.differences:
        print(f"{difference.figure_id}: {difference.text}")
    for note in comparison.notes:
        print(f"note: {note}")
    print(f"{len(comparison.differences)} of {comparison.compared} figures differ beyond their tolerance")
    return EXIT_DIFFERENT if comparison.differences else 0
