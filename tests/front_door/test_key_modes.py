"""Two modes: as the reference has it, and hardened. By server, and by app over it."""

import json
import os
import re
import time

import jwt
import sunshine_conversations_client as sdk
from lib import secrets, server as servers, tokens
from lib.api import Api
from lib.world import new_app

# As docs/keys.md has it.
PATTERN = r"hlg_(act|svc|app|int)_[0-9a-f]{24}_[0-9A-Za-z]{49}"
HINT = r"hlg_{}_\*{{45}}[0-9A-Za-z]{{4}}"
NO_EXP = "Invalid JWT body. This key requires tokens that expire (exp)"


def policy(app, mode):
    return app.account.patch(f"/heliograph/v1/apps/{app.id}/keyPolicy", {"mode": mode}).ok(200)["keyPolicy"]


def everything_shown(app, bot, key):
    """Every answer that tells of a key after it was made."""
    kind = f"{bot.path}/keys" if key["id"].startswith("int_") else f"{app.path}/keys"
    return [app.account.get(f"{kind}/{key['id']}"), app.account.get(kind)]


def test_hardened_server(launch):
    server = launch("--key-mode", "hardened")
    assert re.fullmatch(PATTERN, server.first_key["secret"])
    worker = server.admin_key("--service")
    app = new_app(server)
    bot = app.custom()
    for key in (app.new_key(), bot.new_key()):
        assert re.fullmatch(PATTERN, key["secret"]) and key["id"] in key["secret"]
        for answer in everything_shown(app, bot, key):
            assert key["secret"] not in answer.text
            shown = answer.body.get("key") or next(one for one in answer.body["keys"] if one["id"] == key["id"])
            assert set(shown) == {"id", "displayName", "secret"}, "the contract's shape"
            assert re.fullmatch(HINT.format(key["id"]), shown["secret"])
            Api(server, shown).get(app.path).refused(401, "unauthorized")
        caller, path = Api(server, key), f"{app.path}/users?filter[identities.email]=a@b.c"
        caller.get(path).ok(200)
        Api(server, bearer=tokens.mint(key)).get(path).refused(401, "invalid_auth", NO_EXP)
        Api(server, bearer=tokens.mint(key, exp=int(time.time()) + 60)).get(path).ok(200)
    Api(server, bearer=tokens.mint(server.first_key)).get("/v2/apps").refused(401, "invalid_auth", NO_EXP)
    # `admin` is told the mode as the server is, by the environment.
    made = servers.run("admin", "keys", "create", "--json", *server.place(), env={"HELIOGRAPH_KEY_MODE": "hardened"})
    key = json.loads(made.stdout)
    secrets.note(key["secret"])
    assert re.fullmatch(PATTERN, key["secret"]) and not re.fullmatch(PATTERN, worker["secret"])


def test_the_official_sdks_read_what_is_hinted(launch, node, tmp_path):
    """Both list and get keys of an app and of an integration: the hint has the shape of a secret."""
    server = launch("--key-mode", "hardened")
    app = new_app(server)
    bot = app.custom()
    keys = {"app": app.new_key(), "integration": bot.new_key()}
    account = sdk.ApiClient(sdk.Configuration(
        host=server.relayed, username=server.first_key["id"], password=server.first_key["secret"]))
    of_app, of_integration = sdk.AppKeysApi(account), sdk.CustomIntegrationApiKeysApi(account)
    told = [
        of_app.get_app_key(app.id, keys["app"]["id"]).key,
        *[one for one in of_app.list_app_keys(app.id).keys if one.id == keys["app"]["id"]],
        of_integration.get_custom_integration_key(app.id, bot.id, keys["integration"]["id"]).key,
        *of_integration.list_custom_integration_keys(app.id, bot.id).keys]
    assert len(told) == 4
    for one in told:
        assert re.fullmatch(HINT.format(one.id), one.secret), one.secret
    made = of_app.create_app_key(app.id, sdk.AppKeyCreateBody(display_name="By an SDK")).key
    assert re.fullmatch(PATTERN, made.secret)
    job = {"url": server.relayed, "key": server.first_key, "app": app.id, "integration": bot.id,
           "appKey": keys["app"]["id"], "integrationKey": keys["integration"]["id"]}
    (tmp_path / "job.json").write_text(json.dumps(job))
    done = node("node", "sdk_hardened.js", tmp_path / "job.json")
    assert done.returncode == 0, done.stdout + done.stderr
    for one in json.loads(done.stdout.splitlines()[-1]):
        assert re.fullmatch(HINT.format(one["id"]), one["secret"]), one


def test_an_app_of_its_own_mind(server, app):
    bot = app.custom()
    before = bot.new_key()
    assert app.api.get(f"/heliograph/v1/apps/{app.id}/keyPolicy").ok(200)["keyPolicy"] == {"mode": "compat", "inherited": True}
    assert policy(app, "hardened") == {"mode": "hardened", "inherited": False}
    after = bot.new_key()
    assert not re.fullmatch(PATTERN, before["secret"]) and re.fullmatch(PATTERN, after["secret"])
    for key in (before, after):
        for answer in everything_shown(app, bot, key):
            assert key["secret"] not in answer.text
        Api(server, key).get(f"{app.path}/integrations/me/webhooks").ok(200)
        Api(server, bearer=tokens.mint(key)).get(f"{app.path}/integrations/me/webhooks").refused(401, "invalid_auth", NO_EXP)
    # The secret that replaces one is made as those of new keys are.
    rotated = app.api.post(f"/heliograph/v1/keys/{before['id']}/rotate", {}).ok(200)["secret"]
    assert re.fullmatch(PATTERN, rotated)
    assert policy(app, None) == {"mode": "compat", "inherited": True}
    assert all(after["secret"] in answer.text for answer in everything_shown(app, bot, after))
    Api(server, bearer=tokens.mint(after)).get(f"{app.path}/integrations/me/webhooks").ok(200)
    app.account.patch(f"/heliograph/v1/apps/{app.id}/keyPolicy", {"mode": "soft"}).refused(400, "bad_request")


def test_another_app_is_not_touched(server, app, other):
    policy(app, "hardened")
    key = other.key
    assert other.account.get(f"{other.path}/keys/{key['id']}").ok(200)["key"]["secret"] == key["secret"]
    Api(server, bearer=tokens.mint(key)).get(other.path).ok(200)


def test_a_wrong_checksum_is_not_looked_for(server, app):
    policy(app, "hardened")
    key = app.new_key()
    last = key["secret"][-1]
    wrong = key["secret"][:-1] + ("a" if last != "a" else "b")
    Api(server, {**key, "secret": wrong}).get(app.path).refused(401, "unauthorized")
    second = app.new_key()
    Api(server, {"id": second["id"], "secret": key["secret"]}).get(app.path).refused(401, "unauthorized")
    Api(server, key).get(app.path).ok(200)


def test_scan(server, app, tmp_path):
    policy(app, "hardened")
    key = app.new_key()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "clean.txt").write_text("nothing, or hlg_app_ alone\n")
    clean = servers.run("keys", "scan", tmp_path, "--json")
    assert clean.returncode == 0 and json.loads(clean.stdout) == {"found": []}
    leaky = tmp_path / "deep" / "er" / "config.env"
    leaky.write_bytes(b"\xff\xfe\nA=1\nSECRET=" + key["secret"].encode() + b"\n")
    (tmp_path / "almost.txt").write_text(key["secret"][:-1] + "!\n" + key["secret"][:-1])
    dirty = servers.run("keys", "scan", tmp_path, "--json")
    assert dirty.returncode == 1
    assert json.loads(dirty.stdout) == {"found": [{"file": str(leaky), "line": 3, "keyId": key["id"]}]}
    assert key["secret"] not in dirty.stdout + dirty.stderr, "it is not spread further"
    assert servers.run("keys", "scan", tmp_path / "nowhere").returncode == 1
    assert re.search(PATTERN, leaky.read_text(errors="replace"))


def test_scan_of_odd_files(server, app, tmp_path):
    """Large, binary, linked, forbidden: each is looked at, or said not to be, and none hides another."""
    policy(app, "hardened")
    one, two = app.new_key(), app.new_key()
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        # 30 MB of nothing, with a secret at the end and one across the border of what is read at once.
        file.seek((1 << 20) - 40)
        file.write(one["secret"].encode())
        file.seek(30 << 20)
        file.write(b"\n\xff\x00" + two["secret"].encode() + b"\x00")
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "leaky").write_text(one["secret"])
    (tmp_path / "link").symlink_to(outside / "leaky")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "nowhere").symlink_to(tmp_path / "is not there")
    os.mkfifo(tmp_path / "pipe")
    closed = tmp_path / "closed"
    closed.write_text(one["secret"])
    closed.chmod(0)
    (tmp_path / "z").write_text(two["secret"])
    done = servers.run("keys", "scan", tmp_path, "--json")
    assert done.returncode == 1
    found = {(one["file"].removeprefix(f"{tmp_path}/"), one["keyId"]) for one in json.loads(done.stdout)["found"]}
    wanted = {("large.bin", one["id"]), ("large.bin", two["id"]), ("z", two["id"])}
    if os.geteuid() == 0:
        wanted.add(("closed", one["id"]))  # Nothing is closed to root.
    else:
        assert f"{closed}: Permission denied" in done.stderr
    assert found == wanted
    assert one["secret"] not in done.stdout + done.stderr


def test_access_tokens_of_partners_go_on(server, app):
    """By the contract they never expire: they end with the consent, not with a mode."""
    from test_oauth import Browser, Partner
    partner = Partner(server)
    told = Browser(server).sign_in(partner.query(), app.key).answer(app)
    token = partner.exchange(told["code"]).ok(200)["access_token"]
    assert "exp" not in jwt.decode(token, options={"verify_signature": False})
    policy(app, "hardened")
    Api(server, bearer=token).get("/v2/tokenInfo").ok(200)
