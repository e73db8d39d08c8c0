"""The judge of every answer: whatever client a test takes, what a server of ours answers it is held against the server's own
document. `requests` is watched here; other programs and libraries are given a server's address behind a relay
(lib/relay.py); HTTP by hand says itself what it was answered (lib/raw.py). That nothing was forgotten is read in the server's
log (`Server.assert_witnessed`)."""

import functools
import json
from urllib.parse import urlsplit

import requests

from lib import secrets
from lib.contract import path_of

# The servers that were started, by port.
RUNNING = {}
# What was wrong with the answers of the test that is running. It fails in the end, also when a thread of its own or a
# program of another process was given them.
FAULTS = []

# What is beside the operations and has no place in the document: the document itself, pages for people, files, health.
BESIDE = (
    "/docs", "/openapi.", "/postman_collection.json", "/attachments/", "/healthz", "/readyz", "/metrics", "/favicon.ico",
    "/oauth/consent", "/oauth/sign-in", "/oauth/login",
)
JSON = "application/json; charset=utf-8"


def concerns(url):
    """Whether an operation is asked for, be it one that is not there."""
    path = path_of(url)
    path = path[3:] if path.startswith("/sc/") else path
    return path not in ("", "/") and not path.startswith(BESIDE)


def judge(server, method, url, asked, status, headers, content):
    """Fails, and has the test fail, when an answer of a server is not what its document says. `asked` and `headers` are the
    headers of the request and of the answer; both find a name however it is spelled."""
    if not concerns(url):
        return
    try:
        hold(server, meant(method, asked), url, status, headers, content)
    except Exception as error:
        FAULTS.append(f"{method} {url} -> {status}: {error}")
        raise AssertionError(FAULTS[-1]) from error


def meant(method, asked):
    """The method that a header may name in the place of POST."""
    return asked.get("x-http-method-override", method).upper() if method == "POST" else method


def hold(server, method, url, status, headers, content):
    where, request_id = f"{method} {url} -> {status}", headers.get("x-request-id")
    if status in (400, 431) and request_id is None and not content:
        # The door's own: what came was no request, or too large a head.
        return
    assert request_id, f"{where}: no X-Request-Id"
    server.judged[request_id] += 1
    assert status < 500 or server.may_fail, f"{where}: {content[:600]}"
    if method in ("HEAD", "OPTIONS"):
        # No operation's.
        return
    is_json = headers.get("content-type") == JSON
    assert is_json or status == 302, f"{where}: {headers.get('content-type')}"
    body = json.loads(content) if is_json else None
    secrets.collect(body)
    server.contract.check(method, url, status, body)


def watch(patch):
    """Has `requests` report what it is answered; `patch` puts everything back in the end."""
    send = requests.Session.send

    @functools.wraps(send)
    def judged_send(self, prepared, **options):
        response = send(self, prepared, **options)
        # Where it was sent on, it has come here for each further step.
        first = (response.history or [response])[0]
        server = RUNNING.get(urlsplit(first.url).port)
        if server and not options.get("stream"):
            asked = first.request
            judge(server, asked.method, first.url, asked.headers, first.status_code, first.headers, first.content)
        return response

    patch.setattr(requests.Session, "send", judged_send)
