"""The master key: where it comes from, how it is rotated beside running servers, and what the data tells without it."""

import base64
import hashlib
import json
import os
import signal
import subprocess
import threading

import pytest
from lib import secrets, server as servers
from lib.api import Api
from lib.server import BINARY, Server, clean_environment
from lib.world import new_app


def key_file(server):
    return server.folder / "data-master.key"


def master_key(server, *words, **env):
    return servers.run("master-key", *words, *server.place(), env=env)


def usage(server, **env):
    done = master_key(server, "status", "--json", **env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["masterKeys"]


def fresh_key():
    return base64.b64encode(os.urandom(32)).decode()


def test_rotation_beside_a_running_server(launch):
    server = launch()
    apps = [new_app(server) for _ in range(4)]
    keys = [app.new_key() for app in apps]
    old = key_file(server).read_text()
    done = master_key(server, "rotate")
    assert done.returncode == 0, done.stderr
    first, second = usage(server)
    assert (first["inUse"], first["dataKeys"]) == (True, 5) and (second["inUse"], second["dataKeys"]) == (False, 0)
    # The running server goes on, with what it has in memory and with what it makes: without a restart.
    for app, key in zip(apps, keys):
        Api(server, key).get(app.path).ok(200)
        app.custom()
    later = new_app(server)
    Api(server, later.new_key()).get(later.path).ok(200)
    assert usage(server)[0]["dataKeys"] == 6, "what is made since is made under the new key"
    assert master_key(server, "prune").returncode == 0
    assert old.strip() not in key_file(server).read_text() and len(usage(server)) == 1
    server.restart()
    for app, key in zip(apps, keys):
        Api(server, key).get(app.path).ok(200)
    server.stop()
    key_file(server).write_text(old)
    with pytest.raises(AssertionError, match="master key"):
        server.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_rotated_file_is_its_owners_as_before(launch):
    """An operator rotates as root what a server reads as somebody else, perhaps by a link."""
    server = launch()
    real = server.folder / "kept-elsewhere.key"
    key_file(server).rename(real)
    key_file(server).symlink_to(real)
    os.chown(real, 65534, 65533)
    real.chmod(0o640)
    assert master_key(server, "rotate").returncode == 0 and master_key(server, "prune").returncode == 0
    after = real.stat()
    assert (after.st_uid, after.st_gid, after.st_mode & 0o777) == (65534, 65533, 0o640)
    assert key_file(server).is_symlink() and len(usage(server)) == 1
    new_app(server)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_whose_file_it_is_decides_who_rotates(launch):
    """Who cannot leave the file to its owner and those who read it is told so, and has changed nothing."""
    server = launch()
    key, old = key_file(server), key_file(server).read_text()
    rotate = lambda: servers.run("master-key", "rotate", *server.place(), user=65534, group=65534, extra_groups=[])
    for folder in (server.folder, server.data, *server.folder.parents[:4]):
        folder.chmod(folder.stat().st_mode | 0o777)
    for file in server.data.iterdir():
        file.chmod(0o666)
    for owner, mode, good in (((65534, 4), 0o640, False), ((0, 0), 0o604, False), ((65534, 4), 0o600, True)):
        os.chown(key, *owner)
        key.chmod(mode)
        done = rotate()
        assert (done.returncode == 0) is good and (key.read_text() == old) is not good, (owner, oct(mode), done.stderr)
        assert good or "it belongs to" in done.stderr


def test_rotation_under_load(launch):
    """Apps and keys are made and used all the time; none is refused."""
    server = launch()
    stop, wrong, made = threading.Event(), [], []

    def work():
        while not stop.is_set():
            try:
                app = new_app(server)
                Api(server, app.new_key()).get(app.path).ok(200)
                made.append(app)
            except Exception as error:  # noqa: BLE001 (whatever it is, it is a failure)
                wrong.append(error)

    workers = [threading.Thread(target=work) for _ in range(3)]
    [worker.start() for worker in workers]
    rotations = [master_key(server, "rotate") for _ in range(3)]
    stop.set()
    [worker.join() for worker in workers]
    assert not wrong, wrong[:3]
    assert made and all(done.returncode == 0 for done in rotations), rotations
    assert [one["dataKeys"] for one in usage(server)][1:] == [0, 0, 0]


def test_a_rotation_that_was_killed_goes_on(launch):
    server = launch()
    keys = []
    for _ in range(6):
        app = new_app(server)
        keys.append((app, app.new_key()))
    for delay in (0.02, 0.05, 0.08, 0.11):
        process = subprocess.Popen([BINARY, "master-key", "rotate", *server.place()], env=clean_environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        for app, key in keys:
            Api(server, key).get(app.path).ok(200)
    assert master_key(server, "rotate").returncode == 0
    assert usage(server)[0]["dataKeys"] == 7
    server.restart()
    for app, key in keys:
        Api(server, key).get(app.path).ok(200)


def test_two_servers_and_one_rotation(tmp_path):
    one = Server("postgres", tmp_path / "one").start()
    two = Server.beside(one, tmp_path / "two")
    try:
        two.start()
        before = new_app(one)
        assert master_key(one, "rotate").returncode == 0
        assert Api(two, before.key).get(before.path).ok(200)
        after = new_app(two)
        assert Api(one, after.key).get(after.path).ok(200)
        assert usage(one)[0]["dataKeys"] == 3
    finally:
        one.kill9(), two.kill9()


def test_two_servers_under_load(tmp_path):
    """Keys are made and used at both, through three rotations; none is refused, by the one or by the other."""
    one = Server("postgres", tmp_path / "one").start()
    two = Server.beside(one, tmp_path / "two").start()
    stop, wrong, made = threading.Event(), [], []

    def work(here, there):
        while not stop.is_set():
            try:
                app = new_app(here)
                key = app.new_key()
                for server in (here, there):
                    Api(server, key).get(app.path).ok(200)
                made.append(app)
            except Exception as error:  # noqa: BLE001 (whatever it is, it is a failure)
                wrong.append(error)

    workers = [threading.Thread(target=work, args=pair) for pair in ((one, two), (two, one)) * 2]
    try:
        [worker.start() for worker in workers]
        rotations = [master_key(one, "rotate") for _ in range(3)]
        stop.set()
        [worker.join() for worker in workers]
        assert not wrong, wrong[:3]
        assert made and all(done.returncode == 0 for done in rotations), rotations
        assert [key["dataKeys"] for key in usage(one)][1:] == [0, 0, 0]
        assert servers.run("audit", "verify", *one.place()).returncode == 0
    finally:
        stop.set()
        one.kill9(), two.kill9()


def test_a_key_of_the_environment(launch):
    first, second = fresh_key(), fresh_key()
    server = launch(env={"HELIOGRAPH_MASTER_KEY": first})
    assert not key_file(server).exists()
    app = new_app(server)
    key = app.new_key()
    refused = master_key(server, "rotate", HELIOGRAPH_MASTER_KEY=first)
    assert refused.returncode == 1 and "new key" in refused.stderr and first not in refused.stderr
    server.env = {"HELIOGRAPH_MASTER_KEY": f"{second} {first}"}
    server.restart()
    assert master_key(server, "rotate", **server.env).returncode == 0
    server.env = {"HELIOGRAPH_MASTER_KEY": second}
    server.restart()
    Api(server, key).get(app.path).ok(200)
    secrets.note(first), secrets.note(second)


def test_a_key_that_a_command_prints(launch, tmp_path):
    """A running server asks its command again when it meets a key that it does not know."""
    store = tmp_path / "kms"
    first, second = fresh_key(), fresh_key()
    store.write_text(first)
    server = launch("--master-key-command", f"cat {store}")
    app = new_app(server)
    key = app.new_key()
    store.write_text(f"{second}\n{first}\n")
    place = ["--master-key-command", f"cat {store}"]
    assert master_key(server, "rotate", *place).returncode == 0
    later = new_app(server)
    Api(server, later.new_key()).get(later.path).ok(200)
    store.write_text(second)
    server.restart()
    Api(server, key).get(app.path).ok(200)
    for command, words in (("false", "failed"), ("echo short", "32 bytes")):
        done = servers.run("master-key", "status", *server.place(), "--master-key-command", command)
        assert done.returncode == 1 and words in done.stderr, done.stderr
    secrets.note(first), secrets.note(second)


def test_the_data_tells_nothing_without_it(launch):
    """Every secret ever made, in every form it is likely to take: none stands in any file of the data."""
    server = launch()
    app = new_app(server)
    made = [app.key["secret"], server.first_key["secret"]]
    custom = app.custom()
    made += [custom.key["secret"], custom.webhook["secret"]]
    headers = {"Idempotency-Key": "a-retry"}
    made.append(app.account.post(f"{app.path}/keys", {"displayName": "K"}, headers=headers).ok(201)["key"]["secret"])
    client = {"displayName": "Partner", "redirectUris": ["https://a.example/"]}
    made.append(app.account.post("/heliograph/v1/oauthClients", client, headers=headers).ok(201)["secret"])
    made.append("telegram-token-of-this-test")
    app.api.post(f"{app.path}/integrations", {"type": "telegram", "token": made[-1]}).ok(201)
    for secret in made:
        secrets.note(secret)
        # The SHA-256 of a long secret is its signing key; the codings are those in which bytes are kept as text.
        digest = hashlib.sha256(secret.encode()).digest()
        if secret != made[-2]:
            secrets.note(digest.hex())
            secrets.note(base64.b64encode(digest).decode())
        secrets.note(base64.b64encode(secret.encode()).decode().rstrip("="))
    master = key_file(server).read_text().strip()
    secrets.note(master)
    secrets.note(base64.b64decode(master).hex())
    server.assert_discreet()
    assert master_key(server, "rotate").returncode == 0
    server.assert_discreet()
    server.stop()
    server.assert_discreet()
