"""docs/receiving-webhooks.md: each receiver is taken out of the page, started, called by a real server and by forgers."""

import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
import requests
from lib import signing
from lib.clock import PATIENCE_S
from lib.ports import free_port
from lib.server import BINARY, ROOT, clean_environment

PAGE = (ROOT / "docs" / "receiving-webhooks.md").read_text()
START_S = 120

# The language of a block: its file, the program that runs it, and the command.
LANGUAGES = {
    "python": ("receiver.py", "python3", ["python3", "receiver.py"]),
    "js": ("receiver.mjs", "node", ["node", "receiver.mjs"]),
    # javac: the runtime alone cannot start a source file.
    "java": ("Receiver.java", "javac", ["java", "Receiver.java"]),
    "php": ("receiver.php", "php", ["sh", "-c", "exec php -S 127.0.0.1:$PORT receiver.php"]),
    "ruby": ("receiver.rb", "ruby", ["ruby", "receiver.rb"]),
    "rust": ("receiver.rs", "cargo", None),
}
# A usual machine has these, or Debian's packages of them: without them the page would be untested.
ALWAYS = {"python", "js", "php", "ruby", "rust"}


def block(language):
    blocks = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)
    assert len(blocks) == 1, f"{len(blocks)} blocks of {language}"
    return blocks[0]


def command(language, folder):
    """Writes the block down and says how it is started. The one in Rust is built beforehand, as an example of the SDK."""
    file, program, words = LANGUAGES[language]
    if language == "rust":
        example = (ROOT / "crates" / "client" / "examples" / file).read_text()
        assert example.endswith(block(language)), "the example of the SDK is not what the page shows"
        return [str(Path(BINARY).parent / "examples" / "receiver")]
    if shutil.which(program) is None:
        assert language not in ALWAYS or os.environ.get("CI") is None, f"{program} is missing: ./test installs it"
        pytest.skip(f"{program} is not installed")
    (folder / file).write_text(block(language))
    return words


class Receiver:
    """A receiver in its own process."""

    def __init__(self, words, folder, port, secret):
        self.out = folder / "out"
        with open(self.out, "wb") as out:
            self.process = subprocess.Popen(
                words, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                env=clean_environment(PORT=str(port), SIGNING_SECRET=secret))
        self.url = f"http://127.0.0.1:{port}/"
        until = time.monotonic() + START_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            assert self.process.poll() is None and time.monotonic() < until, self.printed
            time.sleep(0.05)

    @property
    def printed(self):
        return self.out.read_text(errors="replace")

    def wait_for(self, line):
        until = time.monotonic() + PATIENCE_S
        while line not in self.printed.splitlines():
            assert time.monotonic() < until, f"'{line}' is not in:\n{self.printed}"
            time.sleep(0.05)

    def post(self, body, headers):
        with requests.Session() as session:
            session.trust_env = False
            sent = {"content-type": "application/json", **headers}
            return session.post(self.url, data=body, headers=sent, timeout=PATIENCE_S).status_code


def without(headers, name):
    return {key: value for key, value in headers.items() if key != name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_takes_the_genuine_and_refuses_the_rest(app, sink, tmp_path, language):
    words, port = command(language, tmp_path), free_port()
    webhook = app.custom(f"http://127.0.0.1:{port}/").webhook
    secret = signing.secret_of(app, webhook)
    receiver = Receiver(words, tmp_path, port, secret)
    try:
        group = app.group()
        # A real call by the real server, with text beyond ASCII in it.
        app.say(group, "Grüße 👋 \"quoted\" \\ back")
        until = time.monotonic() + PATIENCE_S
        while "conversation:message" not in receiver.printed:
            assert time.monotonic() < until, receiver.printed
            time.sleep(0.05)

        # The same by hand, to change what is signed. What the server would send is caught by the sink.
        target = sink.target()
        app.api.patch(f"{app.path}/integrations/{integration_of(app, webhook)}/webhooks/{webhook['id']}",
                      {"target": target.url}).ok(200)
        app.say(group, "Grüße nochmals 👋")
        call = target.wait_deliveries(1)[0]
        body, event = call.raw, call.events[0]["id"]
        good = {name: call.headers[name] for name in signing.HEADERS}
        now, stranger = int(time.time()), "whsec_" + "c3RyYW5nZXI=" * 4
        refused = {
            "no headers at all": (body, {}),
            **{f"without {name}": (body, without(good, name)) for name in signing.HEADERS},
            "another body": (body.replace(b"nochmals", b"niemals!"), good),
            "more after the body": (body + b" ", good),
            "another id": (body, {**good, "webhook-id": "0" * 24}),
            "another time": (body, {**good, "webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)}),
            "a time that is none": (body, {**good, "webhook-timestamp": "now"}),
            "a stranger's signature": (body, signing.headers(stranger, event, now, body)),
            "half a signature": (body, {**good, "webhook-signature": good["webhook-signature"][:20]}),
            "an empty signature": (body, {**good, "webhook-signature": "v1,"}),
            "another scheme": (body, {**good, "webhook-signature": good["webhook-signature"].replace("v1,", "v2,")}),
            "an old call, signed well": (body, signing.headers(secret, event, now - 600, body)),
            "a call from the future": (body, signing.headers(secret, event, now + 600, body)),
        }
        for what, (sent, headers) in refused.items():
            assert receiver.post(sent, headers) == 401, what
        assert event not in receiver.printed
        assert receiver.post(body, good) == 200, receiver.printed
        receiver.wait_for(f"conversation:message {event}")

        # While secrets are replaced, a call has two signatures, and this receiver knows the old secret alone.
        app.api.post(f"{signing.path(app, webhook)}/rotate", {}).ok(200)
        app.say(group, "Twice signed")
        call = target.wait_deliveries(2)[1]
        both = {name: call.headers[name] for name in signing.HEADERS}
        assert both["webhook-signature"].count("v1,") == 2
        assert receiver.post(call.raw, both) == 200
        first = both["webhook-signature"].split(" ")[0]
        assert receiver.post(call.raw, {**both, "webhook-signature": first}) == 401
    finally:
        receiver.process.terminate()
        receiver.process.wait(PATIENCE_S)


def integration_of(app, webhook):
    integrations = app.api.get(f"{app.path}/integrations").ok(200)["integrations"]
    return next(one["id"] for one in integrations if webhook in one.get("webhooks", []))
