"""The judge of all answers (lib/witness.py, lib/relay.py): what is wrong is noticed, whoever asked, and nothing is forgotten."""

import http.client
import json
import socket
import subprocess
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from lib import witness
from lib.raw import Wire
from lib.relay import Relay
from lib.world import MISSING

GOOD = {"X-Request-Id": "r", "Content-Type": "application/json; charset=utf-8"}
APP = {"id": MISSING, "displayName": "A", "settings": {}, "metadata": {}}
REFUSAL = {"errors": [{"code": "app_not_found", "title": "App not found"}]}
HERE = f"/v2/apps/{MISSING}"


class Pretender:
    """Something that takes itself for a server of ours, and answers everything in one way."""

    def __init__(self, contract):
        self.contract, self.judged, self.may_fail = contract, Counter(), False
        self.status, self.headers, self.body, self.pieces = 200, GOOD, {"app": APP}, False
        pretender = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def do_GET(self):  # noqa: N802 (the base class names it so)
                self.rfile.read(int(self.headers.get("content-length", 0)))
                pretender.answer(self)

            do_POST = do_PUT = do_HEAD = do_GET

            def log_message(self, *_):
                """Quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_port
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, handler):
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        handler.send_response(self.status)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.send_header(*(("Transfer-Encoding", "chunked") if self.pieces else ("Content-Length", str(len(body)))))
        handler.end_headers()
        if handler.command == "HEAD":
            return
        for at in range(0, len(body), 10) if self.pieces else ():
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(body[at:at + 10]), body[at:at + 10]))
        handler.wfile.write(b"0\r\n\r\n" if self.pieces else body)


@pytest.fixture
def pretender(server):
    one = Pretender(server.contract)
    witness.RUNNING[one.port] = one
    yield one
    del witness.RUNNING[one.port]
    one.http.shutdown()
    one.http.server_close()


def curl(*words):
    return subprocess.run(["curl", "-sS", *words], capture_output=True, text=True, timeout=60, check=True).stdout


def by_curl(one):
    curl(Relay(one).url + HERE)


def by_requests(one):
    requests.get(f"http://127.0.0.1:{one.port}{HERE}", timeout=60)


def by_hand(one):
    with Wire(one) as wire:
        wire.request("GET", HERE)


def faults(ask, one):
    """What was found fault with; it fails no test, because that is what it is for."""
    try:
        ask(one)
    except AssertionError:
        assert ask is not by_curl, "what is wrong fails the test, not the program"
    found = list(witness.FAULTS)
    witness.FAULTS.clear()
    return found


WRONG = {
    "a field is missing": {"body": {"app": {name: value for name, value in APP.items() if name != "id"}}},
    "a field is of another type": {"body": {"app": {**APP, "displayName": 5}}},
    "a field is not in the document": {"body": {"app": {**APP, "colour": "blue"}}},
    "a status is not in the document": {"status": 201},
    "a success in the place of another": {"status": 423, "body": REFUSAL},
    "an error of the server": {"status": 500, "body": REFUSAL},
    "not the form of errors": {"status": 404, "body": {"error": "App not found"}},
    "an error without a title": {"status": 404, "body": {"errors": [{"code": "app_not_found"}]}},
    "no id of the request": {"headers": {"Content-Type": GOOD["Content-Type"]}},
    "another type of content": {"headers": {**GOOD, "Content-Type": "text/html"}},
    "no JSON": {"body": b"{"},
    "nothing": {"body": b""},
}


@pytest.mark.parametrize("ask", [by_curl, by_requests, by_hand])
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_noticed(pretender, ask, name):
    assert faults(ask, pretender) == [] and pretender.judged == {"r": 1}
    vars(pretender).update(WRONG[name])
    [fault] = faults(ask, pretender)
    assert fault.startswith(("GET http", f"GET {HERE}")) and f"-> {pretender.status}: " in fault


@pytest.mark.parametrize("ask", [by_curl, by_requests, by_hand])
def test_what_is_right_is_not(pretender, ask):
    pretender.status, pretender.body = 404, REFUSAL
    assert faults(ask, pretender) == []
    pretender.may_fail, pretender.status = True, 503
    assert faults(ask, pretender) == []


def test_every_answer_of_a_connection(pretender, tmp_path):
    """Several one after the other, in pieces, to a long question, to one that would rather speak HTTP/2, to HEAD; and what is
    beside the operations."""
    relay = Relay(pretender)
    pretender.pieces = True
    here = relay.url + HERE
    (tmp_path / "long").write_bytes(b"x" * 3_000_000)
    long = ("-H", "X-HTTP-Method-Override: PATCH", "--data-binary", f"@{tmp_path / 'long'}", here)
    assert json.loads(curl(*long)) == {"app": APP}
    assert len(faults(lambda _: curl("-d", "", here), pretender)) == 1, "there is no such operation"
    newer = ("-H", "Connection: Upgrade, HTTP2-Settings", "-H", "Upgrade: h2c", "-H", "HTTP2-Settings: AAMAAABkAAQAAP__")
    assert curl(*newer, here, here, here) == 3 * json.dumps({"app": APP})
    assert witness.FAULTS == [] and pretender.judged == {"r": 5}
    curl("-I", here)
    assert witness.FAULTS == [] and pretender.judged == {"r": 6}
    pretender.body = {"status": "ok"}
    curl(f"{relay.url}/healthz", f"{relay.url}/sc/docs", f"{relay.url}/")
    assert witness.FAULTS == [] and pretender.judged == {"r": 6}
    curl(f"{relay.url}/healthz", here, f"{relay.url}/healthz", f"{relay.url}/sc{HERE}")
    assert len(faults(lambda _: None, pretender)) == 2
    assert len(faults(lambda _: curl(*long), pretender)) == 1


def test_bytes_go_through_as_they_are():
    """Also what is no HTTP, both ways; and who hangs up is heard of on the other side."""
    listener = socket.create_server(("127.0.0.1", 0))
    told = type("Anything", (), {"port": listener.getsockname()[1]})
    with socket.create_connection(("127.0.0.1", int(Relay(told).url.rsplit(":", 1)[1])), 60) as client:
        server, _ = listener.accept()
        server.settimeout(10)
        for said in (b"\0\xff not HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n" * 2):
            client.sendall(said)
            assert server.recv(100) == said
            server.sendall(said[::-1])
            assert client.recv(100) == said[::-1]
        client.shutdown(socket.SHUT_WR)
        assert server.recv(100) == b""
        server.sendall(b"the last word")
        server.close()
        assert client.recv(100) == b"the last word" and client.recv(100) == b""
    listener.close()
    with socket.create_connection(("127.0.0.1", int(Relay(told).url.rsplit(":", 1)[1])), 60) as client:
        assert client.recv(100) == b"", "where nobody listens, one is hung up on"


def test_what_nobody_judged_is_noticed(launch):
    server = launch()
    server.account.get("/v2/apps").ok(200)
    server.assert_witnessed()
    # A client that nobody watches.
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/v2/apps?who=me")
    request_id = connection.getresponse().getheader("x-request-id")
    with pytest.raises(AssertionError, match=f"not judged:\n.*{request_id}"):
        server.assert_witnessed()
    server.judged[request_id] += 1
