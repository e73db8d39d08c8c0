"""Names whose name server is silent: they hold up those who named them, and nobody else."""

import time

import pytest
from lib.world import new_app
from test_deliveries import place, settled
from test_rebinding import Misled, listener, names  # noqa: F401 (fixtures)

APPS, HOOKS, SAID = 4, 10, 6


class Patient(Misled):
    """Its resolver has the usual patience: five seconds, twice."""

    options = ""


@pytest.mark.waits
def test_a_silent_name_server_takes_no_attempt_from_others(names, listener, tmp_path):  # noqa: F811
    port, reached = listener
    names.lie("good.example", ["127.0.0.1"])
    names.hush("silent.example")
    server = Patient("sqlite", tmp_path, "--allow-private-targets")
    server.names = names
    server.start()
    try:
        good, others = new_app(server), [new_app(server) for _ in range(APPS)]
        # Its connection is closed after each call, so that each looks the name up.
        path = place(good, good.custom(f"http://good.example:{port}/hook").webhook)
        group = good.group()
        good.say(group, "before")
        settled(good, path, "delivered")
        for number, other in enumerate(others):
            for hook in range(HOOKS):
                other.custom(f"http://{number}-{hook}.silent.example/hook", ["conversation:create"])
        for said in range(SAID):
            for other in others:
                other.group()
            good.say(group, f"meanwhile {said}")
            time.sleep(0.5)
        delivered = settled(good, path, "delivered", SAID + 1, within=30)
        assert [one["attemptCount"] for one in delivered] == [1] * (SAID + 1)
        assert len(reached) == SAID + 1
    finally:
        server.kill9()
