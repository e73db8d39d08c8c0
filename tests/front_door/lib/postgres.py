"""Fresh databases in the throw-away PostgreSQL cluster that `./test` starts."""

import itertools
import os
import secrets
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

ADMIN = "HELIOGRAPH_TEST_POSTGRES"
RUN = secrets.token_hex(6)
numbers = itertools.count(1)


def tool(name):
    """The path of a PostgreSQL program: on PATH, or where Debian keeps it."""
    found = shutil.which(name)
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    assert found or versions, f"{name} is not installed"
    return found or str(versions[-1])


def admin_url():
    """The address of the cluster; the tests are not to be skipped, so its absence is an error."""
    url = os.environ.get(ADMIN)
    assert url, f"{ADMIN} is not set: run ./test front, or choose one store with --store sqlite"
    return url


def fresh_database():
    """Creates an empty database and returns its URL."""
    # Not the process's id: in a cluster that lives long, ids come round again.
    name = f"front_door_{RUN}_{next(numbers)}"
    run(admin_url(), f"create database {name}")
    return urlunsplit(urlsplit(admin_url())._replace(path=f"/{name}"))


def run(url, statement, timeout=60):
    """Runs a statement; returns what it printed."""
    command = [tool("psql"), "-qXAt", url, "-v", "ON_ERROR_STOP=1", "-c", statement]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=timeout).stdout.strip()


def dump(url):
    """Everything a database holds, as text."""
    return subprocess.run([tool("pg_dump"), url], check=True, capture_output=True, timeout=60).stdout
