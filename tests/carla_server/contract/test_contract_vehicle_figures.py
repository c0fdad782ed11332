"""Published figures of vehicles, measured through the real client."""

import pytest

from benchmarks.vehicle_figures import TOLERANCE, measure_all


@pytest.mark.slow
def test_vehicles_driven_through_the_client_perform_as_published_within_15_percent(fresh_server):
    measured = measure_all(fresh_server("--no-rendering").client())
    off = {f"{figure.vehicle} {figure.name}": value / figure.value - 1.0 for figure, value in measured.items()}
    assert {name: share for name, share in off.items() if abs(share) > TOLERANCE} == {}
