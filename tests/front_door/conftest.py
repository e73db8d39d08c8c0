"""Fixtures. Every test that asks for a server runs on both stores; see tests/README.md."""

import json
import subprocess

import pytest

from lib import witness, world
from lib.contract import Contract
from lib.reference import reference
from lib.server import MANY_FAILURES, ROOT, SHORT_GAPS, Server, run
from lib.sink import Sink

ENOUGH = 50


def pytest_addoption(parser):
    parser.addoption("--store", choices=["sqlite", "postgres"], help="run on this store alone (both otherwise)")


def pytest_generate_tests(metafunc):
    if "store" in metafunc.fixturenames:
        metafunc.parametrize("store", chosen(metafunc.config), indirect=True)


def chosen(config):
    """The stores that are tested."""
    only = config.getoption("--store")
    return [only] if only else ["sqlite", "postgres"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """What waits longest begins first, so that the other workers go on beside it."""
    items.sort(key=lambda item: item.get_closest_marker("waits") is None)


@pytest.fixture
def store(request):
    """The store under test."""
    return request.param


@pytest.fixture
def stores(request):
    """All stores under test, for what is built once for all of them."""
    return chosen(request.config)


@pytest.fixture(scope="session", autouse=True)
def watched():
    """Whatever client a test takes, what it is answered is held against the server's document."""
    with pytest.MonkeyPatch.context() as patch:
        witness.watch(patch)
        yield


@pytest.fixture(autouse=True)
def judged(watched):
    """A test fails for a wrong answer, also when it was not the test itself that was given it."""
    witness.FAULTS.clear()
    yield
    assert not witness.FAULTS, "\n".join(witness.FAULTS)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """The servers that ordinary tests share: one per store (and per worker)."""
    running = {}

    def of(store):
        if store not in running:
            running[store] = Server(
                store, tmp_path_factory.mktemp(f"shared-{store}"), *SHORT_GAPS, *MANY_FAILURES).start()
        return running[store]

    yield of
    for one in running.values():
        assert one.stop() == 0, one.stderr[-2000:]
        one.assert_discreet()
        one.assert_witnessed()


@pytest.fixture
def server(store, shared):
    """The server that ordinary tests of this store share."""
    return shared(store)


@pytest.fixture
def launch(store, tmp_path):
    """Starts servers of a test's own: `launch(*flags, env=…)`. They are ended afterwards, whatever happened."""
    started = []

    def start(*flags, **options):
        one = Server(store, tmp_path / f"server-{len(started) + 1}", *flags, **options)
        started.append(one)
        return one.start()

    yield start
    for one in started:
        one.end()
    for one in started:
        one.assert_discreet()
        one.assert_witnessed()


@pytest.fixture(scope="session")
def sink():
    """The webhook receiver. In the end, what it received is held against the document, and against the reference where that
    is at hand."""
    receiver = Sink()
    yield receiver
    receiver.close()
    contract = Contract(json.loads(run("openapi").stdout))
    for target in receiver.http.targets.values():
        # What a removeUrl gets is no webhook's call. A target of a load test gets the same thing a thousand times.
        calls = [delivery for delivery in target.deliveries if "webhook" in delivery.body]
        for event in [event for call in calls[:ENOUGH] for event in call.events]:
            contract.check_event(event)
            if reference() and event["type"] in reference().events:
                reference().check(event)


@pytest.fixture
def account(server):
    """A caller with an account key."""
    return server.account


@pytest.fixture
def app(server):
    """A fresh app."""
    return world.new_app(server)


@pytest.fixture
def other(server):
    """A second fresh app, for isolation."""
    return world.new_app(server)


@pytest.fixture(scope="session")
def node():
    """Runs a program of tests/node; returns the completed process."""
    folder = ROOT / "tests" / "node"
    assert (folder / "node_modules").is_dir(), f"no node_modules in {folder}: run ./test front"

    def run(*command, timeout=120, **options):
        return subprocess.run(
            list(map(str, command)), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
            check=False, **options)

    return run
