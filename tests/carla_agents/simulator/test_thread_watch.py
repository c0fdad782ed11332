"""A thread at work is told from one that waits, which is what keeps the Traffic Manager from hanging."""

import hashlib
import threading

from carla_agents.simulator.thread_watch import ThreadWatch, thread_ids


def started(target) -> tuple[ThreadWatch, threading.Thread]:
    watch = ThreadWatch()
    with watch:
        thread = threading.Thread(target=target, daemon=True)
        thread.start()
    return watch, thread


def test_a_thread_that_works_is_not_settled_until_it_has_ended():
    stop = threading.Event()
    block = b"x" * (1 << 22)

    def work() -> None:
        while not stop.is_set():
            hashlib.sha256(block)  # without Python's lock, as the Traffic Manager's C++ thread works

    watch, thread = started(work)
    assert not watch.wait_settled(0.3)
    stop.set()
    thread.join()
    assert watch.wait_settled(5.0)
    watch.close()


def test_a_wait_with_a_time_limit_is_work_and_one_without_is_not():
    limited, unlimited = threading.Event(), threading.Event()
    watch, thread = started(lambda: limited.wait(60.0))
    assert not watch.wait_settled(0.3), "this is how a remote call waits for its answer"
    limited.set()
    thread.join()
    watch.close()
    watch, thread = started(unlimited.wait)
    assert watch.wait_settled(5.0), "this is how a condition variable waits"
    unlimited.set()
    thread.join()
    watch.close()


def test_only_threads_started_inside_the_block_are_watched():
    stop = threading.Event()
    before = thread_ids()
    other = threading.Thread(target=lambda: stop.wait(60.0), daemon=True)
    other.start()
    assert len(thread_ids() - before) == 1
    watch = ThreadWatch()
    with watch:
        pass
    assert watch.wait_settled(0.0)
    stop.set()
    other.join()
