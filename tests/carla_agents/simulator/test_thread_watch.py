"""A thread that works is told from one that sleeps, which is what keeps the Traffic Manager from hanging."""

import hashlib
import threading

from carla_agents.simulator.thread_watch import ThreadWatch, thread_ids


def test_a_sleeping_thread_is_asleep_and_a_working_one_is_not():
    watch, stop, go = ThreadWatch(), threading.Event(), threading.Event()
    block = b"x" * (1 << 22)

    def work() -> None:
        go.wait()
        while not stop.is_set():
            hashlib.sha256(block)  # without Python's lock, as the Traffic Manager's C++ thread works

    with watch:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
    assert watch.wait_asleep(5.0)
    go.set()
    assert not watch.wait_asleep(0.3)
    stop.set()
    assert watch.wait_asleep(5.0)
    thread.join()
    assert watch.wait_asleep(0.1), "a thread that has ended does not keep anybody waiting"
    watch.close()


def test_only_threads_started_inside_the_block_are_watched():
    before = thread_ids()
    stop = threading.Event()
    other = threading.Thread(target=stop.wait, daemon=True)
    other.start()
    assert len(thread_ids() - before) == 1
    watch = ThreadWatch()
    with watch:
        pass
    assert watch.wait_asleep(0.0)
    stop.set()
    other.join()
