"""A session owns its server, its clock and its actors, and leaves nothing behind."""

import os
import signal
import subprocess
import sys

import carla
import pytest

from carla_agents.simulator.errors import ServerLost, SimulatorError, SpawnFailed
from carla_agents.simulator.frame import Control
from carla_agents.simulator.session import Session, SimulatorConfig
from carla_agents.simulator.vehicle_state import VehicleState

NO_PICTURES = SimulatorConfig(rendering=False, timeout_s=20.0)


@pytest.fixture(scope="module")
def session():
    with Session.embedded(NO_PICTURES) as opened:
        yield opened


def spawn_car(session: Session, place: int = 0) -> carla.Vehicle:
    return session.spawn("vehicle.tesla.model3", session.map.get_spawn_points()[place], {"role_name": "hero"})


def test_ticks_are_synchronous_and_consecutive(session: Session) -> None:
    frames = [session.tick() for _ in range(5)]
    assert frames == list(range(frames[0], frames[0] + 5))
    assert session.snapshot().frame == frames[-1]
    assert session.snapshot().timestamp.delta_seconds == pytest.approx(0.05)
    assert session.server_info.is_ours


def test_a_control_moves_the_car_and_a_reset_removes_it(session: Session) -> None:
    car = spawn_car(session)
    for _ in range(40):
        session.apply(car, Control(throttle=0.6))
        session.tick()
    assert VehicleState.read(session.snapshot(), car.id).speed_mps > 3.0
    session.reset()
    session.tick()
    with pytest.raises(KeyError, match="not in the snapshot"):
        VehicleState.read(session.snapshot(), car.id)


def test_the_same_commands_after_a_reset_give_the_same_states(session: Session) -> None:
    def drive() -> list[VehicleState]:
        session.reset()
        car = spawn_car(session, 3)
        states = []
        for k in range(30):
            session.apply(car, Control(throttle=0.5, steer=0.01 * k))
            session.tick()
            states.append(VehicleState.read(session.snapshot(), car.id))
        return states

    first, second = drive(), drive()
    assert [(s.x_m, s.y_m, s.yaw_rad, s.velocity_mps) for s in first] == [
        (s.x_m, s.y_m, s.yaw_rad, s.velocity_mps) for s in second
    ]


def test_a_reset_counts_ids_anew_and_a_reload_by_the_plain_client_does_not(session: Session) -> None:
    session.reset()
    first = spawn_car(session).id
    session.reset()
    assert spawn_car(session).id == first
    session.destroy([session.world.get_actor(first)])
    session.world = session.client.reload_world(False)
    assert spawn_car(session).id == first + 1
    session.reset()
    assert spawn_car(session).id == first


def test_an_unknown_blueprint_is_named_with_what_exists(session: Session) -> None:
    with pytest.raises(SpawnFailed, match=r"no blueprint 'vehicle\.warp\.drive'; it has \['vehicle\."):
        session.spawn("vehicle.warp.drive", carla.Transform())


def test_two_cars_do_not_fit_in_one_place(session: Session) -> None:
    session.reset()
    spawn_car(session, 5)
    session.tick()
    with pytest.raises(SpawnFailed, match="could not spawn"):
        spawn_car(session, 5)


def test_weather_is_set_by_numbers_or_by_names(session: Session) -> None:
    session.set_weather([float(k) for k in range(14)])
    session.set_weather({"sun_altitude_angle": -30.0})
    session.tick()
    weather = session.world.get_weather()
    assert (weather.cloudiness, weather.sun_altitude_angle, weather.dust_storm) == (0.0, -30.0, 13.0)
    with pytest.raises(ValueError, match="has 3 numbers"):
        session.set_weather([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="unknown weather field 'hail'"):
        session.set_weather({"hail": 1.0})


def test_a_second_session_leaves_the_server_as_it_was(session: Session) -> None:
    port = session.config.port
    assert port is not None
    before = session.world.get_settings()
    with Session.connect("127.0.0.1", port, NO_PICTURES) as guest:
        car = spawn_car(guest, 8)
        guest.tick()
        assert guest.server is None
    session.tick()
    assert session.snapshot().find(car.id) is None
    after = session.world.get_settings()
    assert (after.synchronous_mode, after.fixed_delta_seconds) == (
        before.synchronous_mode,
        before.fixed_delta_seconds,
    )


def test_an_unknown_map_says_which_maps_exist() -> None:
    with pytest.raises(SimulatorError, match="TownGrid"):
        Session.embedded(SimulatorConfig(map_name="Atlantis", rendering=False))


def test_a_killed_server_is_reported_as_lost_and_closing_still_works() -> None:
    session = Session.embedded(SimulatorConfig(rendering=False, timeout_s=1.0))
    assert session.server is not None
    os.kill(session.server.pid, signal.SIGKILL)
    with pytest.raises(ServerLost, match="died"):
        session.tick()
    session.close()
    session.close()


def test_bad_settings_name_the_field_and_the_range() -> None:
    with pytest.raises(ValueError, match="fixed_delta_s is 0"):
        SimulatorConfig(fixed_delta_s=0.5)
    with pytest.raises(ValueError, match="port is 70000"):
        SimulatorConfig(port=70000)


def test_importing_the_package_loads_neither_torch_nor_carla() -> None:
    code = "import sys, carla_agents; print(sorted({'torch', 'carla', 'numba'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
