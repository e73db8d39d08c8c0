"""RFC 8725 (best current practices for JSON Web Tokens), point by point, by the attack. Tokens are made with PyJWT where
it agrees to, and by hand where it refuses to make them."""

import base64
import hashlib
import hmac
import json

import jwt
import pytest
import requests
from lib import tokens
from lib.api import Api


def part(value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def signed(key, header, claims, digest="sha256", secret=None):
    """A token signed rightly with the key's real secret, whatever its header says."""
    text = f"{part(header)}.{part(claims)}"
    code = hmac.new((secret or key["secret"]).encode(), text.encode(), digest).digest()
    return f"{text}.{part(code)}"


def refused(app, token):
    Api(app.server, bearer=token).get(app.path).refused(401)


CLAIMS = {"scope": "app"}


def test_the_oracle(app):
    """What is refused below is refused for the one thing that is wrong with it."""
    header = {"alg": "HS256", "typ": "JWT", "kid": app.key["id"]}
    Api(app.server, bearer=signed(app.key, header, CLAIMS)).get(app.path).ok(200)
    Api(app.server, bearer=jwt.encode(CLAIMS, app.key["secret"], "HS256", {"kid": app.key["id"]})).get(app.path).ok(200)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "hs256", "HS384", "HS512", "RS256", "ES256", "PS256",
                                 "EdDSA", "HS256 ", None, 256, ["HS256"], {"alg": "HS256"}])
def test_3_1_and_3_2_one_algorithm(app, alg):
    header = {"alg": alg, "kid": app.key["id"]}
    for digest in ("sha256", "sha384", "sha512"):
        refused(app, signed(app.key, header, CLAIMS, digest))
    refused(app, f"{part(header)}.{part(CLAIMS)}.")
    without = {"kid": app.key["id"]}
    refused(app, signed(app.key, without, CLAIMS))


def test_3_3_all_is_validated(app):
    good = signed(app.key, {"alg": "HS256", "kid": app.key["id"]}, CLAIMS)
    head, body, code = good.split(".")
    for token in (f"{head}.{body}", f"{head}.{body}.", f"{head}.{body}.{code[:-4]}", f"{head}.{body}.{code}A",
                  f"{head}.{part({'scope': 'app', 'x': 1})}.{code}", f"{head}.{body}.{code}.", f".{body}.{code}",
                  f"{head}..{code}", f"{head}.{body}.{code}="):
        refused(app, token)


def test_3_4_the_hash_of_the_secret_is_not_the_secret_kept(app):
    """HMAC takes the hash of a long key for the key: the reason why no hash of a secret stands in the database."""
    header = {"alg": "HS256", "kid": app.key["id"]}
    text = f"{part(header)}.{part(CLAIMS)}"
    digest = hashlib.sha256(app.key["secret"].encode()).digest()
    token = f"{text}.{part(hmac.new(digest, text.encode(), 'sha256').digest())}"
    Api(app.server, bearer=token).get(app.path).ok(200)
    dump = app.server.sql("SELECT secret FROM api_key")
    assert digest.hex() not in dump and part(digest) not in dump


def test_3_5_secrets_have_entropy(app):
    secrets = {app.new_key()["secret"] for _ in range(10)}
    assert len(secrets) == 10 and all(len(secret) == 86 for secret in secrets)


def test_3_7_text_is_utf_8(app):
    refused(app, signed(app.key, {"alg": "HS256", "kid": app.key["id"]}, b'{"scope":"app","x":"\xff"}'))
    refused(app, signed(app.key, {"alg": "HS256", "kid": app.key["id"]}, json.dumps(CLAIMS).encode("utf-16")))


def test_3_8_and_3_9_the_issuer_is_the_key_and_the_audience_its_app(app, other):
    for key, path in ((app.key, other.path), (other.key, app.path)):
        token = tokens.mint(key)
        Api(app.server, bearer=token).get(path).refused(403)


@pytest.mark.parametrize("kid", ["", "app_", "app_' OR '1'='1", "../../etc/passwd", "http://127.0.0.1/k", "app_\u0000",
                                 "app_" + "a" * 5000, None, 7, ["app_1"], {"a": 1}])
def test_3_10_a_key_id_is_not_trusted(app, kid):
    refused(app, signed(app.key, {"alg": "HS256", "kid": kid}, CLAIMS))


@pytest.mark.parametrize("extra", ["jwk", "jku", "x5u", "x5c"])
def test_3_10_a_token_does_not_bring_its_key(app, sink, extra):
    target = sink.target()
    brought = {"kty": "oct", "k": part(b"mine")} if extra == "jwk" else target.url
    refused(app, signed(app.key, {"alg": "HS256", "kid": app.key["id"], extra: brought}, CLAIMS, secret="mine"))
    assert target.deliveries == []


def test_3_11_and_3_12_other_kinds_of_token(app):
    for crit in (["exp"], ["b64"], [], "b64", None):
        refused(app, signed(app.key, {"alg": "HS256", "kid": app.key["id"], "crit": crit, "b64": False}, CLAIMS))
    for scope in ("account", "integration", "user", "", None, ["app"]):
        refused(app, signed(app.key, {"alg": "HS256", "kid": app.key["id"]}, {"scope": scope}))


@pytest.mark.parametrize("claim", ["exp", "nbf"])
@pytest.mark.parametrize("value", ["soon", True, [], {}, "1893456000"])
def test_times_of_another_type_are_not_skipped(app, claim, value):
    refused(app, signed(app.key, {"alg": "HS256", "kid": app.key["id"]}, {**CLAIMS, claim: value}))


def test_members_that_stand_twice(app):
    """Two readers could each take another one of them."""
    kid, body = app.key["id"], json.dumps(CLAIMS).encode()
    for header in (f'{{"alg":"HS256","alg":"HS256","kid":"{kid}"}}', f'{{"alg":"HS256","kid":"{kid}","kid":"{kid}"}}',
                   f'{{"alg":"none","alg":"HS256","kid":"{kid}"}}'):
        refused(app, signed(app.key, header.encode(), body))
    for claims in ('{"scope":"app","scope":"app"}', '{"scope":"app","exp":9999999999,"exp":1}'):
        refused(app, signed(app.key, {"alg": "HS256", "kid": kid}, claims.encode()))


def test_base64_is_strict(app):
    """One token has one spelling: no padding, no blanks, no spare bits, no other alphabet."""
    good = signed(app.key, {"alg": "HS256", "kid": app.key["id"]}, {**CLAIMS, "pad": "?>?>"})
    head, body, code = good.split(".")
    Api(app.server, bearer=good).get(app.path).ok(200)
    # The last letter of 32 bytes carries four bits; the next letter of the alphabet has a spare one set.
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = code[:-1] + letters[letters.index(code[-1]) + 1]
    for token in (f"{head}.{body}.{spare}", f"{head}=.{body}.{code}", f"{head}.{body}.{code[:20]} {code[20:]}",
                  f"{head}.{body}.{code.replace('-', '+').replace('_', '/')}=", f"{head}.{body}==.{code}"):
        refused(app, token)


def test_large_tokens(app):
    """A token is no larger than a request's head may be, and what is large and wrong is refused like what is small."""
    for size in (2_000, 20_000, 2_000_000):
        for token in ("A" * size, f"{'A' * size}.{'B' * size}.{'C' * 43}",
                      signed(app.key, {"alg": "HS256", "kid": "x" * size}, CLAIMS)):
            try:
                status = Api(app.server, bearer=token).get(app.path).status
            except requests.ConnectionError:
                continue  # Cut off while it was still being sent.
            assert status in (400, 401, 431), (size, status)
    large = signed(app.key, {"alg": "HS256", "kid": app.key["id"]}, {**CLAIMS, "x": [[[[["y" * 9000]]]]]})
    Api(app.server, bearer=large).get(app.path).ok(200)
