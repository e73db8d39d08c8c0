"""Holds what clients of other makes are answered against the server's own document, too: plain `requests`, and the official
Python SDK. (Callers of lib.api do so themselves, and the JavaScript SDK's job hands its answers over.)"""

import json
from urllib.parse import urlsplit

import requests
from lib.server import RUNNING
from sunshine_conversations_client import rest

# Where operations are. What is beside them (the document itself, files, health) has no place in it.
OPERATIONS = ("/v2/", "/sc/v2/", "/heliograph/v1/", "/sc/heliograph/v1/", "/oauth/token", "/oauth/authorization")


def judge(method, url, status, content_type, content):
    """Fails when an answer of a server of ours is not what its document says."""
    where = urlsplit(url)
    server = RUNNING.get(where.port)
    if server is None or not where.path.startswith(OPERATIONS) or method in ("HEAD", "OPTIONS"):
        return
    assert status < 500, f"{method} {url} -> {status}: {content[:600]}"
    assert content_type == "application/json; charset=utf-8", f"{method} {url} -> {status}: {content_type}"
    server.contract.check(method, url, status, json.loads(content))


def watch(patch):
    """Has both clients report what they are answered; `patch` puts everything back in the end."""
    send, request = requests.Session.send, rest.RESTClientObject.request

    def judged_send(self, prepared, **options):
        response = send(self, prepared, **options)
        if not getattr(self, "judges", False) and not options.get("stream"):
            judge(response.request.method, response.url, response.status_code, response.headers.get("content-type"), response.content)
        return response

    def judged_request(self, method, url, *given, **named):
        response = request(self, method, url, *given, **named)
        final = response.response.geturl() or url
        if urlsplit(final).path == urlsplit(url).path:
            judge(method, url, response.status, response.getheader("content-type"), response.read())
        return response

    patch.setattr(requests.Session, "send", judged_send)
    patch.setattr(rest.RESTClientObject, "request", judged_request)
