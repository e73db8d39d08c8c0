"""Idempotency-Key where the body is no JSON: an upload, whose file is compared, and the exchange of a code."""

import threading
import time

import pytest
from lib.api import Api
from lib.clock import PATIENCE_S
from lib.server import Server
from lib.world import new_app, unique
from test_attachments import fetch, form, png
from test_oauth import Partner, code_for

REUSED = (422, "idempotency_key_reused")


def upload(app, content, idempotency, name="cat.png", query="access=public", caller=None):
    """Each with a boundary of its own, as clients make one for every attempt."""
    sent = form(content, name)
    sent["headers"]["Idempotency-Key"] = idempotency
    return (caller or app.api).post(f"{app.path}/attachments?{query}", **sent)


def files(server):
    return [path for path in (server.data / "attachments").rglob("*") if path.is_file()]


def rows(server, app):
    return int(server.sql(f"SELECT COUNT(*) FROM attachment WHERE app_id = '{app.id}'"))


def test_a_file_is_stored_once(launch):
    server = launch()
    app, name = new_app(server), unique("upload")
    first = upload(app, png(200_000), name)
    stored = files(server)
    for _ in range(2):
        again = upload(app, png(200_000), name)
        assert again.ok(201) == first.ok(201) and again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert rows(server, app) == 1 and files(server) == stored and len(stored) == 1
    # What is stored is whole, also when it was sent again.
    assert fetch(first.body["attachment"]["mediaUrl"]).content == png(200_000)
    server.kill9()
    server.start()
    app = type(app)(server, server.account, app.body)
    # The server answers on another port now; what was answered then is answered again.
    assert upload(app, png(200_000), name, caller=server.account).ok(201) != first.body, "another caller has names of its own"


def test_another_file_under_the_same_name_is_refused(launch):
    server = launch()
    app, name = new_app(server), unique("upload")
    upload(app, png(), name).ok(201)
    stored = files(server)
    for changed in (
        {"content": png(5000)}, {"content": png(), "name": "dog.png"}, {"content": png(), "query": "access=public&for=message"}):
        upload(app, **{"idempotency": name, **changed}).refused(*REUSED)
    app.api.post(f"{app.path}/users", {}, headers={"Idempotency-Key": name}).refused(*REUSED)
    assert rows(server, app) == 1 and files(server) == stored
    # Another caller's names are others, and so are another app's.
    upload(app, png(5000), name, caller=app.account).ok(201)
    upload(new_app(server), png(5000), name).ok(201)


def test_a_refused_upload_is_not_kept(server, app):
    name = unique("upload")
    upload(app, b"MZ\x90\0", name, name="virus.exe").refused(415)
    upload(app, png(), name, query="access=public&for=message&conversationId=65f1c0ffee65f1c0ffee65f1").refused(404)
    upload(app, png(), name).ok(201)


def test_many_uploads_at_the_same_time(launch):
    server = launch()
    app, name, answers = new_app(server), unique("race"), []
    callers = [Api(server, app.key) for _ in range(8)]
    threads = [threading.Thread(target=lambda one=one: answers.append(upload(app, png(300_000), name, caller=one))) for one in callers]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert {one.status for one in answers} == {201} and len({one.text for one in answers}) == 1
    assert len([one for one in answers if "idempotent-replayed" not in one.headers]) == 1
    assert rows(server, app) == 1
    until = time.monotonic() + PATIENCE_S
    while len(files(server)) > 1:
        assert time.monotonic() < until, "files that nobody was told of are still there"
        time.sleep(0.05)
    assert fetch(answers[0].body["attachment"]["mediaUrl"]).content == png(300_000)


def exchange(partner, code, name, form=False, **changes):
    body = {"grant_type": "authorization_code", "code": code, "client_id": partner.id, "client_secret": partner.secret, **changes}
    options = {"headers": {"Idempotency-Key": name}}
    return Api(partner.server).post("/oauth/token", **({"data": body} if form else {"json": body}), **options)


@pytest.mark.parametrize("as_form", [False, True])
def test_a_code_is_exchanged_once_and_answered_twice(launch, as_form):
    server = launch()
    app, partner, name = new_app(server), Partner(server), unique("code")
    code = code_for(server, app, partner)
    first = exchange(partner, code, name, as_form)
    again = exchange(partner, code, name, as_form)
    assert again.ok(200) == first.ok(200) and again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    # However it is written, it is the same question.
    assert exchange(partner, code, name, not as_form).ok(200) == first.body
    token = first.body["access_token"]
    assert Api(server, bearer=token).get("/v2/tokenInfo").ok(200)["app"]["id"] == app.id
    assert token not in server.sql("SELECT answer FROM idempotency")
    exchange(partner, code, unique("other")).refused(401, "unauthorized")
    partner.exchange(code).refused(401, "unauthorized")
    events = app.account.get(f"/heliograph/v1/apps/{app.id}/audit-events?filter[operation]=GetToken").ok(200)["auditEvents"]
    assert len(events) == 1
    server.kill9()
    server.start()
    partner.server = server
    assert exchange(partner, code, name, as_form).ok(200) == first.body


def test_the_name_of_an_exchange_is_its_partners(server, app):
    partner, other, name = Partner(server), Partner(server), unique("code")
    first = exchange(partner, code_for(server, app, partner), name).ok(200)
    exchange(partner, code_for(server, app, partner), name).refused(*REUSED)
    # Whoever has not the secret learns nothing of the name.
    exchange(partner, "x.y", name, client_secret="wrong").refused(401, "unauthorized")
    mine = exchange(other, code_for(server, app, other), name).ok(200)
    assert mine["access_token"] != first["access_token"]
    failed = unique("code")
    exchange(partner, "x.y", failed).refused(401, "unauthorized")
    exchange(partner, code_for(server, app, partner), failed).ok(200)
    exchange(partner, "x.y", "n" * 256).refused(400, "bad_request")


def test_two_servers_at_once(tmp_path):
    """The same request to both at the same moment: one makes the key, both answer it. Another one is refused by both."""
    one = Server("postgres", tmp_path / "one").start()
    two = Server.beside(one, tmp_path / "two")
    try:
        two.start()
        app, answers = new_app(one), []

        def ask(server, display, name):
            path = f"{app.path}/keys"
            caller = Api(server, one.first_key)
            answers.append(caller.post(path, {"displayName": display}, headers={"Idempotency-Key": name}))

        def together(*calls):
            answers.clear()
            threads = [threading.Thread(target=ask, args=call) for call in calls]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            return answers

        same = together(*[(server, "Same", "same") for server in (one, two) * 4])
        assert {answer.status for answer in same} == {201} and len({answer.text for answer in same}) == 1
        mixed = together(*[(server, display, "mixed") for server in (one, two) for display in ("A", "B") for _ in range(2)])
        assert sorted({answer.status for answer in mixed}) == [201, 422]
        assert len({answer.text for answer in mixed if answer.status == 201}) == 1
        assert len(app.account.get(f"{app.path}/keys").ok(200)["keys"]) == 2
    finally:
        one.kill9(), two.kill9()
