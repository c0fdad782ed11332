"""Weather along a route, and routes under many conditions."""

import pytest

from augment.conditions import CORE12, Condition
from scenarios.route_files import RouteSpec, parse_routes, write_routes
from scenarios.weather import BASE, RouteWeather, changing, main, rows_for, sweep

ROUTE = RouteSpec(3, "TownGrid", ((0.0, 0.0, 0.0), (50.0, 0.0, 0.0)))


def test_weather_is_linear_between_the_given_places() -> None:
    rows = (
        (("route_percentage", 0.0), ("cloudiness", 0.0), ("sun_altitude_angle", 90.0)),
        (("route_percentage", 50.0), ("cloudiness", 100.0), ("sun_altitude_angle", 0.0)),
    )
    weather = RouteWeather(rows)
    assert weather.changes
    assert weather.at(25.0) == {"cloudiness": 50.0, "sun_altitude_angle": 45.0}
    assert weather.at(80.0) == weather.at(50.0) == {"cloudiness": 100.0, "sun_altitude_angle": 0.0}


def test_what_a_weather_leaves_out_has_the_leaderboards_default() -> None:
    assert RouteWeather(()).at(0.0) == BASE
    assert RouteWeather(((("fog_density", 30.0),),)).at(10.0) == {**BASE, "fog_density": 30.0}


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (((("route_percentage", 0.0), ("sunshine", 3.0)),), "unknown weather attribute 'sunshine'"),
        (((("route_percentage", 120.0),),), "0 .. 100, got 120"),
        (((("cloudiness", 1.0),), (("cloudiness", 2.0),)), "0 .. 100, got None"),
        (((("route_percentage", 5.0),), (("route_percentage", 5.0),)), "same route_percentage"),
    ],
)
def test_weathers_that_make_no_sense_are_refused(rows, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        RouteWeather(rows)


def test_a_sweep_drives_every_route_in_every_condition_and_is_a_route_file() -> None:
    swept = sweep([ROUTE])
    assert len(swept) == len(CORE12) == 12
    again = parse_routes(write_routes(swept))
    assert again == swept
    fog = RouteWeather(swept[[c.name for c in CORE12].index("fog-night")].weathers).at(0.0)
    assert fog["fog_density"] > 50.0
    assert fog["sun_altitude_angle"] < 0.0


def test_a_changing_weather_goes_through_its_conditions() -> None:
    conditions = [Condition.parse(name) for name in ("clear-day", "rain-dusk", "clear-night")]
    weather = RouteWeather(changing(ROUTE, conditions, 7).weathers)
    for percentage, condition in zip((0.0, 50.0, 100.0), conditions, strict=True):
        assert weather.at(percentage) == pytest.approx(dict(rows_for(condition)))


def test_the_command_writes_a_sweep_or_a_changing_weather(tmp_path, capsys) -> None:
    source, out = tmp_path / "routes.xml", tmp_path / "swept.xml"
    source.write_text(write_routes([ROUTE]))
    assert main([str(source), str(out), "--conditions", "paper9", "fog-day"]) == 0
    assert len(parse_routes(out.read_text())) == 10
    assert main([str(source), str(out), "--conditions", "clear-day", "fog-night", "--changing"]) == 0
    (route,) = parse_routes(out.read_text())
    assert [dict(row)["route_percentage"] for row in route.weathers] == [0.0, 100.0]
    assert "1 routes" in capsys.readouterr().out
