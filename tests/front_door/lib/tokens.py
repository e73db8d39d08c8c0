"""JSON Web Tokens: good ones through PyJWT, bad ones made by hand."""

import base64
import hashlib
import hmac
import json

import jwt

SCOPE_OF_PREFIX = {"act": "account", "svc": "account", "app": "app", "int": "integration"}


def scope_of(key):
    """The scope that a key carries, by the prefix of its id."""
    return SCOPE_OF_PREFIX[key["id"].split("_")[0]]


def mint(key, scope=None, headers=None, **claims):
    """A proper token signed with `key` ({"id", "secret"})."""
    payload = {"scope": scope or scope_of(key), **claims}
    return jwt.encode(payload, key["secret"], algorithm="HS256", headers={"kid": key["id"], **(headers or {})})


def b64(raw: bytes) -> str:
    """Base64url without padding, as tokens have it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def part(value) -> str:
    """One part of a token: JSON, or bytes as they are."""
    raw = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return b64(raw)


def forge(header, payload, secret, digest=hashlib.sha256) -> str:
    """A token with any header and payload, signed by HMAC with `secret` (text or bytes)."""
    signed = f"{part(header)}.{part(payload)}"
    key = secret if isinstance(secret, bytes) else secret.encode()
    return f"{signed}.{b64(hmac.new(key, signed.encode(), digest).digest())}"
