"""The server under test: the real binary in its own process, with its own data folder and database."""

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from functools import cached_property
from pathlib import Path

from lib import postgres, secrets, witness
from lib.api import Api
from lib.clock import PATIENCE_S
from lib.contract import Contract
from lib.relay import Relay

ROOT = Path(__file__).resolve().parents[3]
BINARY = os.environ.get("HELIOGRAPH_BIN", str(ROOT / "target" / "debug" / "heliograph"))
# How long a start may take, and any run of the command line; and an end, at which calls, deliveries and files are waited for.
START_S = 120
STOP_S = 60
# Gaps of a few hundred milliseconds instead of minutes, so that retries can be watched.
SHORT_GAPS = ["--webhook-retry-gaps", "0.2,0.2,0.2,0.2"]
# All tests come from one address, and most credentials that they show are wrong on purpose.
MANY_FAILURES = ["--failure-limit-address", "1000000/s", "--failure-limit-key", "1000000/s"]


def clean_environment(**extra):
    """The environment without any setting of ours, so that a developer's shell changes nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HELIOGRAPH_")}
    return {**kept, **extra}


def run(*arguments, env=None, timeout=START_S, **options):
    """Runs the binary to its end."""
    return subprocess.run(
        [BINARY, *map(str, arguments)], env=clean_environment(**(env or {})), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=timeout, check=False, **options)


# A request in the log, in either form.
REQUEST = re.compile(r'method"?[=:]"(\w+)".*?path"?[=:]"(.*?)",? "?status"?[=:].*?request_id"?[=:]"([^"]*)"')


def is_judged(method, path, _):
    """Whether what was answered to this is for lib/witness.py."""
    return method not in ("HEAD", "OPTIONS") and witness.concerns(path)


class Server:
    """One server. Its folder keeps the data, the master key and what it printed."""

    def __init__(self, store, folder, *flags, env=None, listen="127.0.0.1:0"):
        self.store, self.folder, self.flags, self.env, self.listen = store, Path(folder), list(flags), env or {}, listen
        self.data = self.folder / "data"
        self.database_url = postgres.fresh_database() if store == "postgres" else None
        self.process, self.url, self._contract, self.shown_once = None, None, None, None
        # How many answers were judged, by the id of their request; and whether an error of its own is none of a test.
        self.judged, self.may_fail, self.killed = Counter(), False, False
        # What the binary is started by, if it is not started itself.
        self.starter = []

    @classmethod
    def beside(cls, one, folder, *flags):
        """Another server on the same PostgreSQL and with the same master key; it has still to be started."""
        key = ["--master-key-file", str(one.folder / "data-master.key")]
        two = cls(one.store, folder, *flags, *key)
        two.database_url = one.database_url
        two.data.mkdir(parents=True)
        (two.data / "first-key.json").write_text((one.data / "first-key.json").read_text())
        return two

    def place(self):
        """The flags that say where the data is: the same for `serve` and for `admin`."""
        database = ["--database-url", self.database_url] if self.database_url else []
        return ["--data", str(self.data), *database]

    def start(self):
        """Starts the process and waits for its ready line."""
        self.folder.mkdir(parents=True, exist_ok=True)
        out, err = open(self.folder / "stdout", "ab"), open(self.folder / "stderr", "ab")
        offset = out.tell()
        command = [*self.starter, BINARY, "serve", "--listen", self.listen, *self.place(), *self.flags]
        with out, err:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=self.folder,
                env=clean_environment(**self.env))
        self.url = self.wait_ready(offset)
        witness.RUNNING[self.port] = self
        self.shown_once = self.first_key["secret"]
        secrets.note(self.shown_once)
        return self

    def wait_ready(self, offset):
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            for line in (self.folder / "stdout").read_bytes()[offset:].decode().splitlines(keepends=True):
                if line.startswith("ready ") and line.endswith("\n"):
                    return line.split()[1]
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.stderr[-2000:]}")
            time.sleep(0.01)
        self.kill9()
        raise AssertionError(f"no ready line within {START_S} s:\n{self.stderr[-2000:]}")

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])

    @cached_property
    def relayed(self):
        """The address for what is no client of ours: its answers are judged on the way."""
        return Relay(self).url

    @property
    def stdout(self):
        return (self.folder / "stdout").read_text(errors="replace")

    @property
    def stderr(self):
        return (self.folder / "stderr").read_text(errors="replace")

    @property
    def first_key(self):
        """The account key made at the first start, in the shape the API gives keys."""
        kept = json.loads((self.data / "first-key.json").read_text())
        return {"id": kept["keyId"], "secret": kept["secret"]}

    @property
    def account(self):
        """A caller with the first account key."""
        return Api(self, self.first_key)

    @property
    def contract(self):
        """The server's own OpenAPI document (read once)."""
        if self._contract is None:
            self._contract = Contract.of(self.url)
        return self._contract

    def admin_key(self, *flags):
        """`heliograph admin keys create`: a key made beside the running server."""
        made = run("admin", "keys", "create", *flags, "--json", *self.place())
        assert made.returncode == 0, made.stderr
        printed = json.loads(made.stdout)
        secrets.note(printed["secret"])
        return {"id": printed["keyId"], "secret": printed["secret"], "serviceAccountId": printed.get("serviceAccountId")}

    def sql(self, statement):
        """Runs a statement in the server's own database, behind its back; returns what it printed."""
        if self.database_url:
            return postgres.run(self.database_url, statement)
        with contextlib.closing(sqlite3.connect(self.data / "heliograph.db", timeout=PATIENCE_S)) as database, database:
            return "\n".join("|".join(map(str, row)) for row in database.execute(statement))

    def assert_discreet(self):
        """Asserts that no secret seen so far stands in a log or in the database, and that nothing panicked."""
        assert "panicked" not in self.stderr, self.stderr[-2000:]
        places = {"stderr": self.stderr.encode()}
        # The first key is shown on purpose.
        places["stdout"] = self.stdout.replace(self.shown_once or "", "").encode()
        if self.database_url:
            places["the database"] = postgres.dump(self.database_url)
        files = [path for path in self.data.rglob("*") if path.is_file() and path.name != "first-key.json"]
        places.update({path.name: path.read_bytes() for path in files})
        leaks = {name: found for name, content in places.items() if (found := secrets.found_in(content))}
        assert not leaks, f"secrets stand in {leaks}"

    def assert_witnessed(self):
        """Asserts that every answer that its log tells of was judged, whoever had asked. (Of a server that was killed at its
        work, not all were heard.)"""
        told = [line for line in self.stderr.splitlines() if (found := REQUEST.search(line)) and is_judged(*found.groups())]
        missing = Counter(REQUEST.search(line)[3] for line in told) - self.judged
        lines = "\n".join(line for line in told if REQUEST.search(line)[3] in missing)
        assert self.killed or not missing, f"not judged:\n{lines[:4000]}"

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill9(self):
        """Ends the process without any warning."""
        self.killed = self.killed or self.alive()
        self.end()

    def end(self):
        """Ends the process when nobody asks anything of it any more."""
        if self.alive():
            self.process.kill()
            self.process.wait()

    def stop(self):
        """SIGTERM, and the exit status."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired as error:
                self.kill9()
                raise AssertionError(f"still running {STOP_S} s after SIGTERM:\n{self.stderr[-2000:]}") from error
        return self.process.returncode if self.process else 0

    def restart(self, *flags):
        """Starts again on the same data (with other flags, when given)."""
        self.stop()
        self.flags = list(flags) or self.flags
        return self.start()
