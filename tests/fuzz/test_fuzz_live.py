"""A server under mutated messages serves a healthy client all the while."""

from tests.fuzz.live import HealthyClient, bombard


def test_a_healthy_client_keeps_ticking_while_others_send_mutated_messages(fresh_server, tmp_path):
    options = ("--no-rendering", "--synchronous", "--fixed-delta-s", "0.05")
    server = fresh_server(*options, "--recorder-dir", str(tmp_path))
    healthy = HealthyClient(server.port)
    healthy.start()
    ticks = []
    for seed in range(4):
        bombard(server, 512, seed)
        ticks.append(healthy.ticks)
    healthy.stop()
    assert healthy.failure is None
    assert server.process.poll() is None
    assert all(earlier < later for earlier, later in zip([0, *ticks], ticks))
