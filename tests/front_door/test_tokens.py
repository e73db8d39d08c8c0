"""Every defect of a credential, each with its own precise title."""

import base64
import hashlib
import time

import pytest
from lib import raw, tokens
from lib.api import Api
from lib.clock import LEAD_S
from lib.world import MISSING, new_app

HEADER, BODY = "Invalid JWT header. ", "Invalid JWT body. "
BAD_SIGNATURE = "Invalid JWT signature. It does not match the secret of the key"
NO_SIGNATURE = "Invalid JWT signature. It is not 32 bytes in base64url without padding"
BAD_ALG = HEADER + "Algorithm (alg) should be HS256"
NO_KID = HEADER + "Missing key id (kid)"
UNKNOWN_KID = HEADER + "Unknown key id (kid)"
THREE_PARTS = "Invalid JWT. Expected three parts separated by dots"
REQUIRED = "Authorization is required"
GOOD = {"alg": "HS256", "typ": "JWT"}


def head(key, **changes):
    return {**GOOD, "kid": key["id"], **changes}


def tampered(token, index):
    """The token with one character changed in one of its parts (not the last one, which holds spare bits)."""
    parts = token.split(".")
    middle = len(parts[index]) // 2
    letter = "A" if parts[index][middle] != "A" else "B"
    parts[index] = parts[index][:middle] + letter + parts[index][middle + 1:]
    return ".".join(parts)


def other_payload(key):
    """A signature that belongs to another payload."""
    good = tokens.mint(key).split(".")
    good[1] = tokens.part({"scope": "app", "iat": 1, "extra": "claim"})
    return ".".join(good)


HOUR = 3600
SCOPED = {"scope": "app"}
# name -> (a token made with an app key, the title it gets)
DEFECTS = {
    "alg none, unsigned": (lambda k: f"{tokens.part(head(k, alg='none'))}.{tokens.part(SCOPED)}.", BAD_ALG),
    "alg None, signed": (lambda k: tokens.forge(head(k, alg="None"), SCOPED, k["secret"]), BAD_ALG),
    "alg HS512": (lambda k: tokens.forge(head(k, alg="HS512"), SCOPED, k["secret"], hashlib.sha512), BAD_ALG),
    "alg RS256 with an HMAC": (lambda k: tokens.forge(head(k, alg="RS256"), SCOPED, k["secret"]), BAD_ALG),
    "alg hs256": (lambda k: tokens.forge(head(k, alg="hs256"), SCOPED, k["secret"]), BAD_ALG),
    "alg missing": (lambda k: tokens.forge({"typ": "JWT", "kid": k["id"]}, SCOPED, k["secret"]), BAD_ALG),
    "kid missing": (lambda k: tokens.forge(GOOD, SCOPED, k["secret"]), NO_KID),
    "kid in the payload": (lambda k: tokens.forge(GOOD, {**SCOPED, "kid": k["id"]}, k["secret"]), NO_KID),
    "kid unknown": (lambda k: tokens.forge(head(k, kid=f"app_{MISSING}"), SCOPED, k["secret"]), UNKNOWN_KID),
    "kid without its prefix": (lambda k: tokens.forge(head(k, kid=k["id"][4:]), SCOPED, k["secret"]), UNKNOWN_KID),
    "kid of nonsense": (lambda k: tokens.forge(head(k, kid="../../etc/passwd"), SCOPED, k["secret"]), UNKNOWN_KID),
    "expired": (lambda k: tokens.mint(k, exp=int(time.time()) - HOUR), BODY + "Token expired (exp)"),
    "expired long ago": (lambda k: tokens.mint(k, exp=0), BODY + "Token expired (exp)"),
    "not valid yet": (lambda k: tokens.mint(k, nbf=int(time.time()) + HOUR), BODY + "Token is not valid yet (nbf)"),
    "payload exchanged": (other_payload, BAD_SIGNATURE),
    "signature changed": (lambda k: tampered(tokens.mint(k), 2), BAD_SIGNATURE),
    "signature missing": (lambda k: tokens.mint(k).rsplit(".", 1)[0] + ".", NO_SIGNATURE),
    "signature too short": (lambda k: tokens.mint(k)[:-2], NO_SIGNATURE),
    "other secret": (lambda k: tokens.mint({**k, "secret": k["secret"][::-1]}), BAD_SIGNATURE),
    "secret decoded first": (
        lambda k: tokens.forge(head(k), SCOPED, base64.urlsafe_b64decode(k["secret"] + "==")),
        BAD_SIGNATURE),
    "scope missing": (lambda k: tokens.forge(head(k), {"iat": 1}, k["secret"]), BODY + "Missing scope"),
    "two parts": (lambda k: tokens.mint(k).rsplit(".", 1)[0], THREE_PARTS),
    "four parts": (lambda k: tokens.mint(k) + ".more", THREE_PARTS),
    "not a token": (lambda k: "abracadabra", THREE_PARTS),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_defect(server, app, name):
    make, title = DEFECTS[name]
    Api(server, bearer=make(app.key)).get(app.path).refused(401, "invalid_auth", title)


# Malformed in ways whose wording is free; the family of the title is not.
MALFORMED = {
    "header not base64": lambda k: "?.e30.x",
    "header not JSON": lambda k: tokens.forge(b"kid", SCOPED, k["secret"]),
    "header an array": lambda k: tokens.forge([], SCOPED, k["secret"]),
    "kid a number": lambda k: tokens.forge(head(k, kid=7), SCOPED, k["secret"]),
    "header padded": lambda k: tokens.part(head(k)) + "==." + tokens.mint(k).split(".", 1)[1],
    "signature padded": lambda k: tokens.mint(k) + "=",
    "payload not JSON": lambda k: tokens.forge(head(k), b"scope=app", k["secret"]),
    "payload an array": lambda k: tokens.forge(head(k), ["app"], k["secret"]),
    "scope a list": lambda k: tokens.forge(head(k), {"scope": ["app"]}, k["secret"]),
    "scope unknown": lambda k: tokens.forge(head(k), {"scope": "root"}, k["secret"]),
    "exp a word": lambda k: tokens.forge(head(k), {**SCOPED, "exp": "never"}, k["secret"]),
    "invalid UTF-8": lambda k: tokens.forge(head(k), b'{"scope":"\xff"}', k["secret"]),
    "huge": lambda k: tokens.forge(head(k), {**SCOPED, "pad": "x" * 3000}, k["secret"][::-1]),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(server, app, name):
    answer = Api(server, bearer=MALFORMED[name](app.key)).get(app.path).refused(401, "invalid_auth")
    assert answer.titles[0].startswith("Invalid JWT"), answer.titles


@pytest.mark.parametrize("key_kind", ["account", "service account", "app", "integration"])
def test_scope_that_does_not_fit_the_key(server, app, key_kind):
    key = {
        "account": lambda: server.first_key,
        "service account": lambda: server.admin_key("--service", "--grant", app.id),
        "app": lambda: app.key,
        "integration": lambda: app.custom().key,
    }[key_kind]()
    own = tokens.scope_of(key)
    for scope in {"account", "app", "integration", "user"} - {own}:
        Api(server, bearer=tokens.mint(key, scope=scope)).get(app.path).refused(
            401, "invalid_auth", f"Invalid JWT body. Cannot use {scope} scope with {key_kind} secret key")


def test_good_tokens(server, app):
    """What must be accepted: no exp, a later exp, an earlier nbf, unknown claims and headers."""
    now = int(time.time())
    for claims in ({}, {"exp": now + HOUR}, {"nbf": now - HOUR, "iat": now}, {"iss": "me", "aud": "you", "sub": "it"}):
        Api(server, bearer=tokens.mint(app.key, **claims)).get(app.path).ok(200)
    Api(server, bearer=tokens.mint(app.key, headers={"cty": "whatever"})).get(app.path).ok(200)
    without_typ = tokens.forge({"alg": "HS256", "kid": app.key["id"]}, SCOPED, app.key["secret"])
    Api(server, bearer=without_typ).get(app.path).ok(200)


def test_no_usable_header(server, app):
    basic = base64.b64encode(f"{app.key['id']}:{app.key['secret']}".encode()).decode()
    bad = {
        "none": {},
        "empty": {"Authorization": ""},
        "another scheme": {"Authorization": "Digest username=x"},
        "scheme alone": {"Authorization": "Basic"},
        "not base64": {"Authorization": "Basic %%%"},
        "no colon": {"Authorization": "Basic " + base64.b64encode(b"name").decode()},
        "wrong secret": {"Authorization": "Basic " + base64.b64encode(f"{app.key['id']}:wrong".encode()).decode()},
        "unknown key": {"Authorization": "Basic " + base64.b64encode(f"app_{MISSING}:{app.key['secret']}".encode()).decode()},
        "empty pair": {"Authorization": "Basic " + base64.b64encode(b":").decode()},
    }
    for headers in bad.values():
        Api(server).get(app.path, headers=headers).refused(401, "unauthorized", REQUIRED)
    Api(server).get(app.path, headers={"Authorization": "Bearer "}).refused(401)
    Api(server).get(app.path, headers={"Authorization": "Bearer"}).refused(401)
    for scheme in ("basic", "BASIC"):
        Api(server).get(app.path, headers={"Authorization": f"{scheme} {basic}"}).ok(200)
    Api(server).get(app.path, headers={"Authorization": f"bearer {tokens.mint(app.key)}"}).ok(200)


def test_two_headers_are_none(server, app):
    """Of two, a proxy before this server may have looked at the one, and this server at the other."""
    good = raw.basic(app.key)
    for both in ((good, good), (good, "Bearer x"), ("Bearer x", good), (f"Bearer {tokens.mint(app.key)}", good)):
        lines = "".join(f"Authorization: {one}\r\n" for one in both)
        with raw.Wire(server) as wire:
            wire.send(f"GET {app.path} HTTP/1.1\r\nHost: h\r\n{lines}\r\n".encode())
            refused = wire.read()
        assert refused.status == 401 and refused.json()["errors"] == [{"code": "unauthorized", "title": REQUIRED}]
    Api(server, app.key).get(app.path).ok(200)


def test_deleted_app_key_is_refused_at_once(server, app):
    key = app.new_key()
    callers = [Api(server, key), Api(server, bearer=tokens.mint(key))]
    for caller in callers:
        caller.get(app.path).ok(200)
    app.account.delete(f"{app.path}/keys/{key['id']}").ok(200)
    callers[0].get(app.path).refused(401, "unauthorized", REQUIRED)
    callers[1].get(app.path).refused(401, "invalid_auth", UNKNOWN_KID)
    app.api.get(app.path).ok(200)


def test_deleted_integration_key_is_refused_at_once(server, app):
    integration = app.custom()
    key, spare = integration.new_key("first"), integration.new_key("second")
    caller = Api(server, bearer=tokens.mint(key))
    path = f"{app.path}/integrations/me/webhooks"
    caller.get(path).ok(200)
    app.api.delete(f"{integration.path}/keys/{key['id']}").ok(200)
    caller.get(path).refused(401, "invalid_auth", UNKNOWN_KID)
    Api(server, bearer=tokens.mint(spare)).get(path).ok(200)
    app.api.delete(integration.path).ok(200)
    Api(server, bearer=tokens.mint(spare)).get(path).refused(401, "invalid_auth", UNKNOWN_KID)


def test_keys_of_a_deleted_app_are_refused(server, app):
    key, custom = app.key, app.custom().key
    app.account.delete(app.path).ok(200)
    for dead in (key, custom):
        Api(server, bearer=tokens.mint(dead)).get(app.path).refused(401, "invalid_auth", UNKNOWN_KID)


def test_a_remembered_token_is_checked_all_the_same(server):
    """A server remembers for a moment which tokens are genuine. What changes with time or by its owner counts at once."""
    app = new_app(server)
    token = tokens.mint(app.key, exp=int(time.time()) + 600)
    for _ in range(3):
        Api(server, bearer=token).get(app.path).ok(200)
        Api(server, bearer=tampered(token, 2)).get(app.path).refused(401, "invalid_auth", BAD_SIGNATURE)
        Api(server, bearer=tampered(token, 1)).get(app.path).refused(401, "invalid_auth", BAD_SIGNATURE)
    life = f"/heliograph/v1/keys/{app.key['id']}"
    app.account.patch(life, {"enabled": False}).ok(200)
    Api(server, bearer=token).get(app.path).refused(401, "invalid_auth")
    app.account.patch(life, {"enabled": True}).ok(200)
    end = int(time.time()) + LEAD_S
    token, let_in = tokens.mint(app.key, exp=end), 0
    while True:
        answer = Api(server, bearer=token).get(app.path)
        # What was answered after its end says nothing: it may have been asked before.
        if time.time() >= end:
            break
        answer.ok(200)
        let_in += 1
    assert let_in >= 3
    time.sleep(max(0, end - time.time()) + 0.1)
    Api(server, bearer=token).get(app.path).refused(401, "invalid_auth", BODY + "Token expired (exp)")
