"""The embedded messenger: first in, first out, each message to one taker, none half-written."""

import threading
from queue import Empty

import pytest
from kombu import Connection
from kombu.simple import SimpleQueue

from apps.jobs.transport import Transport


@pytest.fixture
def connect(tmp_path):
    def make() -> Connection:
        options = {"folder": str(tmp_path), "polling_interval": 0.01}
        return Connection(transport=Transport, transport_options=options)

    return make


def test_messages_come_in_their_order(connect):
    with connect() as connection, SimpleQueue(connection, "cpu") as queue:
        for number in range(5):
            queue.put({"n": number})

        taken = [queue.get(timeout=2) for _ in range(5)]

    assert [message.payload["n"] for message in taken] == [0, 1, 2, 3, 4]


def test_a_queue_knows_its_own_messages_only(connect, tmp_path):
    with connect() as connection:
        with SimpleQueue(connection, "gpu") as queue:
            queue.put({"n": 1})

        assert connection.default_channel._size("cpu") == 0
        assert connection.default_channel._size("gpu") == 1


def test_each_message_has_one_taker(connect):
    with connect() as connection, SimpleQueue(connection, "cpu") as queue:
        for number in range(40):
            queue.put({"n": number})
    taken: list[int] = []

    def take() -> None:
        with connect() as own:
            channel = own.default_channel
            while channel._size("cpu"):
                try:
                    taken.append(channel._get("cpu"))
                except Empty:
                    return

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == 40


def test_half_a_message_is_not_taken(connect, tmp_path):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "1.draft").write_text('{"half":')

    with connect() as connection:
        assert connection.default_channel._size("cpu") == 0


def test_purging_empties_a_queue(connect):
    with connect() as connection, SimpleQueue(connection, "cpu") as queue:
        queue.put({"n": 1})

        assert connection.default_channel._purge("cpu") == 1
        assert connection.default_channel._size("cpu") == 0
