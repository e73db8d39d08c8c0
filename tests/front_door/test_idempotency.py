"""Idempotency-Key: a POST that names itself has its effect once, and the same answer every time."""

import threading
import time

import pytest
from lib import postgres
from lib.api import Api
from lib.clock import PATIENCE_S
from lib.operations import OPERATIONS
from lib.server import Server
from lib.world import MISSING, NOWHERE, new_app, text_message, unique


def named(caller, path, body, name, **options):
    return caller.post(path, body, headers={"Idempotency-Key": name}, **options)


def test_a_key_is_made_once(server, app):
    name = unique("once")
    first = named(app.account, f"{app.path}/keys", {"displayName": "Mine"}, name)
    again = named(app.account, f"{app.path}/keys", {"displayName": "Mine"}, name)
    assert again.ok(201) == first.ok(201), "the secret too"
    assert "idempotent-replayed" not in first.headers and again.headers["idempotent-replayed"] == "true"
    keys = app.account.get(f"{app.path}/keys").ok(200)["keys"]
    assert [key["id"] for key in keys].count(first.body["key"]["id"]) == 1
    assert len([key for key in keys if key["displayName"] == "Mine"]) == 1
    Api(server, again.body["key"]).get(app.path).ok(200)


def test_without_a_name_nothing_is_kept(server, app):
    first, second = app.new_key(), app.new_key()
    assert first["id"] != second["id"]
    assert server.sql(f"SELECT COUNT(*) FROM idempotency WHERE app_id = '{app.id}'") == "0"


def test_another_body_path_or_operation_is_refused(app):
    name = unique("taken")
    named(app.account, f"{app.path}/keys", {"displayName": "One"}, name).ok(201)
    named(app.account, f"{app.path}/keys", {"displayName": "Two"}, name).refused(422, "idempotency_key_reused")
    conversation, other = app.group(), app.group()
    name = unique("taken")
    body = text_message("Once")
    named(app.api, f"{app.conversation_path(conversation)}/messages", body, name).ok(201)
    named(app.api, f"{app.conversation_path(other)}/messages", body, name).refused(422, "idempotency_key_reused")
    named(app.api, f"{app.path}/users", {"externalId": unique("u")}, name).refused(422, "idempotency_key_reused")
    assert app.messages(other)["messages"] == []


def test_a_name_belongs_to_its_caller_and_app(server, app, other):
    name, body = unique("mine"), {"displayName": "Same words"}
    ids = [named(one.account, f"{one.path}/keys", body, name).ok(201)["key"]["id"] for one in (app, other)]
    second = server.admin_key()
    ids.append(named(Api(server, second), f"{app.path}/keys", body, name).ok(201)["key"]["id"])
    assert len(set(ids)) == 3


def test_a_refusal_is_not_kept(app):
    name = unique("later")
    named(app.api, f"{app.path}/users", {"externalId": ["wrong"]}, name).refused(400)
    named(app.api, f"{app.path}/users", {"externalId": unique("u")}, name).ok(201)


@pytest.mark.parametrize("name", ["", "x" * 256, "ä"])
def test_a_name_that_is_none(app, name):
    answer = app.api.post(f"{app.path}/users", {"externalId": unique("u")}, headers={"Idempotency-Key": name.encode()})
    answer.refused(400, "bad_request")


def test_messages_and_their_webhooks_are_not_repeated(app, sink):
    target = sink.target()
    app.custom(target)
    conversation, name = app.group(), unique("message")
    path = f"{app.conversation_path(conversation)}/messages"
    answers = [named(app.api, path, text_message("Only once"), name).ok(201) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    app.say(conversation, "The end")
    assert len(app.messages(conversation)["messages"]) == 2
    target.wait_event("conversation:message", where=lambda event: event["payload"]["message"]["content"]["text"] == "The end")
    texts = [event["payload"]["message"]["content"]["text"] for event in target.events()]
    assert texts.count("Only once") == 1


def test_many_at_the_same_time(app):
    name, bodies, lock = unique("race"), [], threading.Lock()

    def ask():
        answer = named(Api(app.server, app.account.key), f"{app.path}/keys", {"displayName": "Raced"}, name)
        with lock:
            bodies.append((answer.status, answer.text))

    threads = [threading.Thread(target=ask) for _ in range(12)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert {status for status, _ in bodies} == {201} and len({text for _, text in bodies}) == 1, bodies
    assert len(app.account.get(f"{app.path}/keys").ok(200)["keys"]) == 1


def test_across_kill_and_restart(launch):
    """What was answered, or might have been, is answered again by the next server."""
    server = launch()
    app = new_app(server)
    first = named(app.account, f"{app.path}/keys", {"displayName": "Kept"}, "kept").ok(201)
    server.kill9()
    server.start()
    account = server.account
    assert named(account, f"{app.path}/keys", {"displayName": "Kept"}, "kept").ok(201) == first
    assert server.sql("SELECT COUNT(*) FROM api_key WHERE display_name = 'Kept'") == "1"


def test_a_client_that_repeats_through_kills(launch):
    """Each request is repeated under its name until it is answered, while the server dies again and again."""
    server = launch()
    app = new_app(server)
    conversation = app.group()
    path = f"{app.conversation_path(conversation)}/messages"
    key, listen = app.key, server.listen
    done = []

    def post(n):
        while True:
            try:
                answer = named(Api(server, key), path, text_message(f"Message {n}"), f"message-{n}")
                if answer.status == 201:
                    return done.append(n)
            except OSError:
                pass

    threads = [threading.Thread(target=post, args=(n,)) for n in range(24)]
    [thread.start() for thread in threads]
    for _ in range(3):
        server.kill9()
        server.start()
    [thread.join(60) for thread in threads]
    assert sorted(done) == list(range(24)) and listen
    texts = [m["content"]["text"] for m in Api(server, key).get(path).ok(200)["messages"]]
    assert sorted(texts) == sorted(f"Message {n}" for n in range(24))


def test_across_two_servers(tmp_path):
    one = Server("postgres", tmp_path / "one").start()
    two = Server.beside(one, tmp_path / "two")
    try:
        two.start()
        app = new_app(one)
        first = named(app.account, f"{app.path}/keys", {"displayName": "Shared"}, "shared").ok(201)
        again = named(two.account, f"{app.path}/keys", {"displayName": "Shared"}, "shared")
        assert again.ok(201) == first and again.headers["idempotent-replayed"] == "true"
    finally:
        one.kill9(), two.kill9()


def test_answers_are_sealed_and_have_their_time(launch):
    server = launch()
    app = new_app(server)
    key = named(app.account, f"{app.path}/keys", {"displayName": "Sealed"}, "sealed").ok(201)["key"]
    kept = server.sql("SELECT answer FROM idempotency")
    assert kept and key["secret"] not in kept and "Sealed" not in kept
    server.sql("UPDATE idempotency SET expires_at = 1")
    fresh = named(app.account, f"{app.path}/keys", {"displayName": "Sealed"}, "sealed").ok(201)["key"]
    assert fresh["id"] != key["id"], "after a day a name is free again"
    # More than are cleared away at a time.
    number = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1700) "
    server.sql(f"INSERT INTO idempotency (app_id, caller, name, fingerprint, answer, expires_at) {number}"
               "SELECT '', 'c', 'n' || i, '', '', i FROM n")
    server.sql("UPDATE idempotency SET expires_at = 1 WHERE caller <> 'c'")
    server.restart()
    server.account.get("/v2/apps").ok(200)
    until = time.monotonic() + PATIENCE_S
    while server.sql("SELECT COUNT(*) FROM idempotency") != "0":
        assert time.monotonic() < until, "answers that have had their time are still there"
        time.sleep(0.1)


CREATING = [o for o in OPERATIONS if o.method == "POST" and o.probe in (200, 201) and o.scopes]


@pytest.mark.parametrize("operation", CREATING, ids=lambda o: o.id)
def test_every_creating_operation(server, app, operation):
    """Twice the same answer, whatever is made."""
    if operation.id == "UploadAttachment":
        pytest.skip("its body is no JSON: test_idempotency_elsewhere.py")
    user = app.user()
    ids = {"appId": app.id, "integrationId": app.custom(NOWHERE).id, "userId": user["id"],
           "conversationId": app.group(user)["id"], "missing": MISSING}
    caller = app.account if "account" in operation.scopes else app.api
    path, name = operation.url(ids), unique("every")
    first, again = (named(caller, path, operation.body, name) for _ in range(2))
    assert again.ok() == first.ok() and again.headers.get("idempotent-replayed") == "true"


