import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.route_files import RouteFileError, RouteSpec, ScenarioSpec, parse_routes, read_routes, write_routes

OFFICIAL = """<?xml version='1.0' encoding='UTF-8'?>
<routes>
   <route id="3" town="Town10HD_Opt">
      <weathers>
         <weather route_percentage="0" cloudiness="5.0" sun_altitude_angle="90.0"/>
         <weather route_percentage="100" cloudiness="80.0" sun_altitude_angle="20.0"/>
      </weathers>
      <waypoints>
         <position x="-46.8" y="21.3" z="0.0"/>
         <position x="-41.5" y="90.2" z="0.5"/>
      </waypoints>
      <scenarios>
         <scenario name="Accident_1" type="Accident">
            <trigger_point x="1.0" y="2.0" z="0.0" yaw="90"/>
            <distance value="70"/>
            <frequency from="20" to="50"/>
         </scenario>
      </scenarios>
   </route>
</routes>
"""


def test_the_official_format_is_read():
    (route,) = parse_routes(OFFICIAL)
    assert (route.route_id, route.town) == (3, "Town10HD_Opt")
    assert route.waypoints_m[1] == (-41.5, 90.2, 0.5)
    assert dict(route.weathers[1])["cloudiness"] == 80.0
    (scenario,) = route.scenarios
    assert scenario.trigger == (1.0, 2.0, 0.0, 90.0)
    assert scenario.parameters[1] == ("frequency", (("from", "20"), ("to", "50")))
    assert parse_routes(write_routes([route])) == (route,)


metres = st.integers(-(10**7), 10**7).map(lambda value: value / 1000.0)
points = st.tuples(metres, metres, metres)
names = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=12)
triggers = st.tuples(metres, metres, metres, st.integers(-180, 180).map(float))
scenarios = st.builds(ScenarioSpec, names, names, triggers)
routes = st.builds(
    RouteSpec,
    st.integers(0, 999),
    st.sampled_from(["TownGrid", "Town01"]),
    st.lists(points, min_size=2, max_size=4).map(tuple),
    st.lists(st.tuples(st.tuples(st.just("fog_density"), st.floats(0, 100))), max_size=2).map(tuple),
    st.lists(scenarios, max_size=2).map(tuple),
)


@given(st.lists(routes, min_size=1, max_size=3, unique_by=lambda route: route.route_id))
def test_what_is_written_is_read_back(specs):
    assert parse_routes(write_routes(specs)) == tuple(specs)


BOMB = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">]><routes><route id="1" town="T"><waypoints/></route></routes>'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "not safe XML"),
        ("<routes>", "not safe XML"),
        ("<route/>", "expected <routes>"),
        ("<routes/>", "holds no <route>"),
        (OFFICIAL.replace('id="3"', 'id="three"'), "whole number"),
        (OFFICIAL.replace('x="-46.8"', 'x="left"'), "must be a number"),
        (OFFICIAL.replace('x="-46.8"', 'x="nan"'), "must be finite"),
        (OFFICIAL.replace('<position x="-46.8" y="21.3" z="0.0"/>', ""), "at least two positions"),
        (OFFICIAL.replace("Town10HD_Opt", "../../etc"), "town must match"),
        (OFFICIAL.replace("trigger_point", "trigger"), "no <trigger_point>"),
        (OFFICIAL.replace("waypoints", "path"), "<waypoints> is missing"),
        ("<routes>" + "<a>" * 40 + "</a>" * 40 + "</routes>", "nested deeper"),
    ],
)
def test_bad_route_files_are_refused_with_the_reason(text, reason):
    with pytest.raises(RouteFileError, match=reason):
        parse_routes(text)


def test_two_routes_of_one_id_are_refused():
    route = RouteSpec(3, "TownGrid", ((0.0, 0.0, 0.0), (9.0, 0.0, 0.0)))
    with pytest.raises(RouteFileError, match=r"occur twice: \[3\]"):
        parse_routes(write_routes([route, route]))


def test_a_missing_or_huge_file_is_refused(tmp_path):
    with pytest.raises(RouteFileError, match="cannot be read"):
        read_routes(tmp_path / "absent.xml")
    (tmp_path / "huge.xml").write_bytes(b" " * (8 * 1024 * 1024 + 1))
    with pytest.raises(RouteFileError, match="are refused"):
        read_routes(tmp_path / "huge.xml")
