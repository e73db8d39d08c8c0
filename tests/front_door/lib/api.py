"""The HTTP client of most tests. (What it is answered is judged by lib/witness.py, as are all answers to `requests`.)"""

from dataclasses import dataclass
from urllib.parse import quote

import requests

from lib import secrets, tokens

# Longer than any answer takes: some wait for what happens, others for a disk.
TIMEOUT = 90


def segment(text):
    """One path segment, everything escaped (`/` as `%2F`), as the official SDKs do it."""
    return quote(text, safe="")


@dataclass
class Answer:
    """What the server said."""

    method: str
    url: str
    status: int
    headers: dict
    body: object
    text: str

    def ok(self, status=None):
        """The body of a success (of exactly `status`, when given)."""
        good = self.status == status if status else 200 <= self.status < 300
        assert good, f"{self.method} {self.url} -> {self.status} (wanted {status or '2xx'}): {self.text[:600]}"
        return self.body

    def refused(self, status, code=None, title=None):
        """Asserts a refusal with exactly this status, and this code and title in its first error."""
        assert self.status == status, f"{self.method} {self.url} -> {self.status} (wanted {status}): {self.text[:600]}"
        first = self.body["errors"][0]
        assert code is None or first["code"] == code, f"{self.method} {self.url}: code {first} (wanted {code})"
        assert title is None or first["title"] == title, f"{self.method} {self.url}: title {first} (wanted {title!r})"
        return self

    @property
    def titles(self):
        """All titles of a refusal."""
        return [error["title"] for error in self.body["errors"]]


class Api:
    """One caller: a server's address, a credential and a kept connection."""

    def __init__(self, server, key=None, bearer=None):
        self.server, self.key, self.bearer = server, key, bearer
        self.session = requests.Session()
        # The machine's proxies and .netrc are none of our business.
        self.session.trust_env = False
        for secret in (bearer, key and key["secret"]):
            secrets.note(secret)

    def with_token(self, **claims):
        """The same caller, by Bearer."""
        return Api(self.server, bearer=tokens.mint(self.key, **claims))

    def send(self, method, path, json=None, data=None, headers=None):
        """Sends one request (path as it is, query included) and returns the answer."""
        headers = dict(headers or {})
        if self.bearer is not None:
            headers.setdefault("Authorization", f"Bearer {self.bearer}")
        auth = (self.key["id"], self.key["secret"]) if self.key and self.bearer is None else None
        secrets.collect(json)
        response = self.session.request(
            method, self.server.url + path, json=json, data=data, headers=headers, auth=auth, timeout=TIMEOUT,
            allow_redirects=False)
        is_json = response.headers.get("content-type", "").startswith("application/json")
        body = response.json() if is_json and response.content else None
        return Answer(method, self.server.url + path, response.status_code, response.headers, body, response.text)

    def get(self, path, **options):
        return self.send("GET", path, **options)

    def post(self, path, json=None, **options):
        return self.send("POST", path, json=json, **options)

    def put(self, path, json=None, **options):
        return self.send("PUT", path, json=json, **options)

    def patch(self, path, json=None, **options):
        return self.send("PATCH", path, json=json, **options)

    def delete(self, path, **options):
        return self.send("DELETE", path, **options)
