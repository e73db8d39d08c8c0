"""What bad input gets: the error form, the right status, nothing changed, the connection kept; never a 5xx."""

import gzip
import json
from urllib.parse import quote

import pytest
from lib.api import segment
from lib.raw import Wire, basic
from lib.world import MISSING, text_message, unique

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("text", [
    "", "{", "{]", "nonsense", '{"displayName": "x"', '{"displayName": "x"} trailing', "\x00", '{"a": 1,}', "'single'",
    '{"displayName": "\\ud800"}', "[" * 200 + "]" * 200, "[" * 50000, '{"a":' * 10000, "﻿{}",
])
def test_malformed_json(account, text):
    answer = account.post("/v2/apps", data=text.encode("utf-8", "surrogatepass"), headers=JSON)
    answer.refused(400, "bad_request")


def nested(levels, inner=1):
    for _ in range(levels):
        inner = {"a": inner}
    return inner


def test_nested_deeply(app, sink):
    """What is taken in can be told of, listed and deleted, however deep it is."""
    target = sink.target()
    bot = app.custom(target)
    group = app.group()
    path = f"{app.conversation_path(group)}/messages"
    body = lambda levels: {"author": {"type": "business"}, "content": {
        "type": "template", "template": nested(levels)}, "schema": "whatsapp"}
    app.api.post(path, body(63)).refused(400, "bad_request", "Invalid JSON: it should not be nested more than 64 levels deep")
    message = app.api.post(path, body(62)).ok(201)["messages"][0]
    target.wait_deliveries(1)
    health = f"/heliograph/v1/apps/{app.id}/webhooks/{bot.webhook['id']}"
    assert len(bot.api.get(f"{health}/deliveries").ok(200)["deliveries"]) == 1
    assert len(bot.api.get(f"{health}/events?since=2020-01-01T00:00:00.000Z").ok(200)["events"]) == 1
    assert app.messages(group)["messages"] == [message]
    app.api.delete(f"{path}/{message['id']}").ok(200)


@pytest.mark.parametrize("number", [-114.02625419875149, 1.7976931348623157e308, 5e-324, 0.1, 123456789.12345679])
def test_numbers_come_back_as_they_were(app, number):
    user = app.api.post(f"{app.path}/users", {"externalId": unique("exact"), "metadata": {"n": number}}).ok(201)["user"]
    assert user["metadata"]["n"] == number
    for round_number in range(3):
        changed = {"metadata": {"other": round_number}}
        assert app.api.patch(f"{app.path}/users/{user['id']}", changed).ok(200)["user"]["metadata"]["n"] == number
    group = app.group()
    place = {"type": "location", "coordinates": {"lat": -33.86881234567891, "long": 151.20929512345678}}
    app.api.post(f"{app.conversation_path(group)}/messages", {"author": {"type": "business"}, "content": place}).ok(201)
    assert app.messages(group)["messages"][0]["content"]["coordinates"] == place["coordinates"]


def test_ids_as_long_as_the_contract_has_them(app, server):
    """Of letters that take three bytes, an index of PostgreSQL does not hold that many: it says so."""
    for letters, fits in (("x", True), ("\u00e9", True), ("".join(map(chr, range(0x4e00, 0x9fff, 19))), server.store == "sqlite")):
        name = (unique("") + letters * 1024)[:1024]
        made = app.api.post(f"{app.path}/users", {"externalId": name})
        if fits:
            assert app.api.get(f"{app.path}/users/{segment(name)}").ok(200)["user"]["externalId"] == name == made.ok(201)["user"]["externalId"]
        else:
            made.refused(400, "bad_request")
            assert "too long" in made.titles[0]
            app.api.get(f"{app.path}/users/{segment(name)}").refused(404, "user_not_found")


def test_invalid_utf8(account):
    account.post("/v2/apps", data=b'{"displayName": "\xff\xfe"}', headers=JSON).refused(400, "bad_request")


@pytest.mark.parametrize("body", [[], "text", 5, True, None, [{"displayName": "x"}]])
def test_json_that_is_no_object(account, body):
    account.post("/v2/apps", data=json.dumps(body), headers=JSON).refused(400, "bad_request")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "rubbish"])
def test_wrong_content_type(account, kind):
    answer = account.post("/v2/apps", data=b'{"displayName": "x"}', headers={"Content-Type": kind})
    assert answer.status in (400, 415), answer.text
    answer.refused(answer.status)


def test_compressed_bodies(account):
    """Nobody said that they could be: the refusal names what is wrong, not the bytes of it."""
    body = b'{"displayName": "x"}'
    title = "Content-Encoding should be identity"
    for coding in ("gzip", "br", "gzip, identity"):
        answer = account.post("/v2/apps", data=gzip.compress(body), headers={**JSON, "Content-Encoding": coding})
        answer.refused(415, "unsupported_media_type", title)
    account.post("/v2/apps", data=body, headers={**JSON, "Content-Encoding": "identity"}).ok(201)


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON;charset=UTF-8"])
def test_right_content_types(account, kind):
    account.post("/v2/apps", data=b'{"displayName": "x"}', headers={"Content-Type": kind}).ok(201)


def test_too_large(app):
    conversation = app.personal()
    path = f"{app.conversation_path(conversation)}/messages"
    body = json.dumps({**text_message("x"), "ignored": "y" * 110_000})
    app.api.post(path, data=body, headers=JSON).refused(413, "request_entity_too_large")
    # The same without a length: sent in chunks.
    chunks = (body[start:start + 8192].encode() for start in range(0, len(body), 8192))
    app.api.post(path, data=chunks, headers=JSON).refused(413, "request_entity_too_large")
    assert app.messages(conversation)["messages"] == []
    fits = json.dumps({**text_message("x"), "ignored": "y" * 90_000})
    app.api.post(path, data=fits, headers=JSON).ok(201)


def test_numbers_beyond_all_bounds(app):
    for number in ("1e999", "9" * 400, "-0", "1e-999"):
        body = '{"metadata": {"n": %s}}' % number
        assert app.api.post(f"{app.path}/users", data=body, headers=JSON).status in (201, 400)


def test_duplicate_keys_and_odd_strings(app):
    body = '{"externalId": "one", "externalId": "two"}'
    assert app.api.post(f"{app.path}/users", data=body, headers=JSON).status in (201, 400)
    for name in ("\u0000", "a\u0000b", "\ufffe", "\u202e"):
        answer = app.api.post(f"{app.path}/users", {"externalId": name, "metadata": {name: name}})
        assert answer.status in (201, 400), answer.text


UNKNOWN = {
    "": ("app_not_found", "App not found"),
    "/integrations/{id}": ("integration_not_found", "Integration not found"),
    "/users/{id}": ("user_not_found", "User not found"),
    "/conversations/{id}": ("conversation_not_found", "Conversation not found"),
    "/keys/app_{id}": ("not_found", "Resource not found"),
}


@pytest.mark.parametrize("rest", UNKNOWN)
def test_unknown_ids(app, rest):
    base = app.path if rest else f"/v2/apps/{MISSING}"
    app.account.get(base + rest.format(id=MISSING)).refused(404, *UNKNOWN[rest])


def test_integers_however_they_are_written(app):
    conversation = app.personal()

    def buy(amount):
        body = '{"author":{"type":"business"},"content":{"type":"text","actions":[{"type":"buy","text":"Buy","amount":%s}]}}'
        return app.api.post(f"{app.conversation_path(conversation)}/messages", data=body % amount, headers=JSON)

    for written, kept in [("1e16", 10 ** 16), ("9007199254740993", 2 ** 53 + 1), ("-5.0", -5), (str(2 ** 63 - 1), 2 ** 63 - 1)]:
        [message] = buy(written).ok(201)["messages"]
        assert message["content"]["actions"][0]["amount"] == kept, written
    for written, sentence in [(str(2 ** 63), f"<= {2 ** 63 - 1}"), ("1e300", f"<= {2 ** 63 - 1}"), ("-1e19", f">= -{2 ** 63}")]:
        buy(written).refused(400, "bad_request", f"content.actions[0].amount should be {sentence}")
    hook = app.custom().webhook["id"]
    path = f"{app.path}/webhooks/{hook}".replace("/v2/", "/heliograph/v1/")
    app.api.patch(path, {"eventsPerCall": 5 * 10 ** 9}).refused(400, "bad_request", "eventsPerCall should be <= 100")


def test_null_characters(app):
    """In texts and in names, also where anything may stand."""
    def refused(place, **body):
        app.api.post(f"{app.path}/users", body).refused(400, "bad_request", f"{place}should NOT contain the character U+0000")

    refused("externalId ", externalId="a\0")
    refused("metadata ", metadata={"a\0": 1})
    refused("profile ", profile={"\0": "x"})
    refused("beside.of[1].it ", beside={"of": [1, {"it": "\0"}]})
    conversation = app.group()
    template = {"author": {"type": "business"}, "schema": "whatsapp", "content": {"type": "template", "template": {"a": [{"\0": 1}]}}}
    title = "content.template.a[0] should NOT contain the character U+0000"
    app.api.post(f"{app.conversation_path(conversation)}/messages", template).refused(400, "bad_request", title)
    assert app.messages(conversation)["messages"] == []


def test_paths_that_are_not_utf8(app):
    """They name nobody, not even who is called by the character that stands for what cannot be read."""
    strange = app.user(externalId="\ufffd")
    assert app.api.get(f"{app.path}/users/%EF%BF%BD").ok(200)["user"] == strange
    with Wire(app.server) as wire:
        for name in ("%FF", "%C3%28", "%ED%A0%80"):
            reply = wire.request("GET", f"{app.path}/users/{name}", {"Authorization": basic(app.key)})
            assert (reply.status, reply.json()["errors"][0]["code"]) == (404, "user_not_found"), name


# Anything may stand in the place of an id.
WEIRD = [
    "%2F", "a%2Fb", "..%2F..%2Fetc%2Fpasswd", "%2e%2e", "%00", "a%00b", "%FF", "%C3%28", "%ED%A0%80", "%", "%zz", "%2", "'", "%22",
    "';DROP%20TABLE%20apps;--", "{id}", "%7B%7D", "%3Cscript%3E", "x" * 10_000, "%F0%9F%9B%B0", "0", "-1", "null", "me", "*",
    MISSING.upper(), MISSING + "0", MISSING[:-1], "int_" + MISSING, "app_", ";", "@", ":", "~", "+", "%0d%0aX-Evil:%201", "%25", "$ne",
]


@pytest.mark.parametrize("weird", WEIRD, ids=[one[:30] for one in WEIRD])
def test_weird_ids_are_never_a_server_error(app, weird):
    """On one connection, as raw bytes: clients would tidy these up."""
    group = app.group()
    places = [
        "/v2/apps/{}", f"{app.path}/integrations/{{}}", f"{app.path}/integrations/{{}}/keys",
        f"{app.path}/integrations/{app.custom().id}/keys/{{}}", f"{app.path}/keys/{{}}", f"{app.path}/users/{{}}",
        f"{app.path}/conversations/{{}}", f"{app.path}/conversations/{{}}/messages",
        f"{app.conversation_path(group)}/messages/{{}}", f"{app.path}/conversations?filter[userId]={{}}",
        f"{app.path}/integrations?page[after]={{}}", f"{app.path}/integrations?filter={{}}", "/{}", "/v2/{}",
    ]
    headers = {"Authorization": basic(app.server.first_key)}
    with Wire(app.server) as wire:
        for place in places:
            for method in ("GET", "DELETE"):
                if method == "DELETE" and place.endswith(("/messages", "/keys")):
                    continue
                reply = wire.request(method, place.format(weird), headers)
                assert reply is not None, f"{method} {place}: connection closed"
                assert reply.status < 500, f"{method} {place}: {reply.status} {reply.body[:300]}"
                assert "x-evil" not in reply.headers
                if reply.status >= 400:
                    assert reply.json()["errors"][0]["code"], f"{method} {place}"
    app.api.get(app.path).ok(200)


def test_raw_bytes_in_the_path(app):
    """Bytes that may not stand in a URL: an error answer or a closed connection, and the server lives."""
    for target in (b"/v2/apps/\xff\xfe", b"/v2/apps/caf\xc3\xa9", b"/v2/apps/\x00", b"/v2/apps/a b", b"/v2/<script>", b"*", b"http://[::1/"):
        with Wire(app.server) as wire:
            reply = wire.request("GET", target, {"Authorization": basic(app.server.first_key)})
            assert reply is None or 400 <= reply.status < 500, (target, reply.status)
    app.api.get(app.path).ok(200)


def test_weird_strings_in_bodies(app):
    conversation = app.group()
    for weird in ("'; DROP TABLE users; --", "$1", "?1", "%s", "\\", "\"", "{{7*7}}", "${jndi:x}", "x" * 1024):
        user = app.user(externalId=weird, metadata={"k": weird})
        assert app.api.get(f"{app.path}/users/{segment(weird)}").ok(200)["user"] == user
        assert app.say(conversation, weird)["content"]["text"] == weird


def test_connection_is_kept_after_errors(app):
    """One connection, error after error, and a success at the end."""
    headers = {"Authorization": basic(app.key)}
    typed = {**headers, **JSON}
    with Wire(app.server) as wire:
        assert wire.request("GET", app.path).status == 401
        assert wire.request("GET", app.path, {"Authorization": "Bearer x"}).status == 401
        assert wire.request("GET", "/v2/apps", headers).status == 403
        assert wire.request("GET", "/v2/nowhere", headers).status == 404
        assert wire.request("PUT", app.path, typed, b"{}").status == 405
        assert wire.request("POST", f"{app.path}/users", typed, b"{bad").status == 400
        assert wire.request("POST", f"{app.path}/users", typed, b'{"externalId": 5}').status == 400
        assert wire.request("GET", f"{app.path}/users/nobody", headers).status == 404
        assert wire.request("GET", app.path, headers).status == 200


def test_unknown_paths_and_methods(app, server):
    for path in ("/v2", "/v2/", "/v3/apps", "/v2/nowhere", f"{app.path}/nowhere", "/sc", "/sc/v2/nowhere",
                 f"{app.path}/users/x/y/z", "//v2/apps", "/v2/apps/../apps"):
        with Wire(server) as wire:
            reply = wire.request("GET", path, {"Authorization": basic(server.first_key)})
            assert reply.status == 404, f"{path}: {reply.status}"
            assert reply.json()["errors"][0]["title"]
    for method, path in [("PUT", app.path), ("POST", app.path), ("PATCH", "/v2/apps"), ("DELETE", "/v2/apps"),
                         ("PATCH", f"{app.path}/keys"), ("TRACE", app.path)]:
        answer = app.api.send(method, path, json={})
        assert answer.status == 405, f"{method} {path}: {answer.status}"
        answer.refused(405)
        assert answer.headers.get("allow"), "a 405 says what is allowed"


def test_head(app):
    answer = app.api.send("HEAD", app.path)
    assert answer.status in (200, 404, 405)
    assert answer.text == ""
    app.api.get(app.path).ok(200)


def test_unknown_query_parameters_are_ignored(app):
    app.api.get(f"{app.path}?colour=blue&{quote('[]')}=1").ok(200)
    app.api.get(f"{app.path}/integrations?page[colour]=blue&filter[unknown]=x")


@pytest.mark.parametrize("query", ["%FF=1", "page[size", "page[]=1", "=", "&&&", "page[size]=1&page[size]=2", "%5B%5D", "filter[%00]=x"])
def test_weird_queries(app, query):
    with Wire(app.server) as wire:
        reply = wire.request("GET", f"{app.path}/integrations?{query}", {"Authorization": basic(app.key)})
        assert reply.status in (200, 400)
