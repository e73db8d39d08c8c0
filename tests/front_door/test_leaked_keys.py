"""Leaked secrets: whoever has one may end it; nobody learns from the answer whether they had one."""

import threading

import requests
from lib import tokens
from lib.api import Api
from lib.world import MISSING, new_app

LEAKS, KEYS = "/heliograph/v1/leaked-keys", "/heliograph/v1/keys"


def report(server, *keys, **options):
    return Api(server).post(LEAKS, {"keys": list(keys)}, **options)


def said(key, **more):
    return {"keyId": key["id"], "secret": key["secret"], **more}


def test_whoever_has_the_secret_ends_it(server, app):
    key, beside = app.new_key(), app.new_key()
    assert report(server, said(key, foundAt="https://example.org/commit/1")).ok(200) == {}
    leaked = "The key is disabled, because its secret leaked"
    Api(server, key).get(app.path).refused(401, "unauthorized", leaked)
    Api(server, bearer=tokens.mint(key)).get(app.path).refused(401, "invalid_auth", leaked)
    told = app.account.get(f"{KEYS}/{key['id']}").ok(200)["key"]
    assert told["enabled"] is False and told["disabledReason"] == "leaked"
    Api(server, beside).get(app.path).ok(200)
    # Its owner decides whether it comes back.
    app.account.patch(f"{KEYS}/{key['id']}", {"enabled": True}).ok(200)
    Api(server, key).get(app.path).ok(200)


def test_a_secret_of_the_recognisable_form_is_enough(server, app):
    app.account.patch(f"/heliograph/v1/apps/{app.id}/keyPolicy", {"mode": "hardened"}).ok(200)
    key = app.new_key()
    report(server, {"secret": key["secret"]}).ok(200)
    Api(server, key).get(app.path).refused(401)


def test_no_oracle(server, app):
    """Right or wrong, known or unknown, the answer is the same to the byte."""
    good, kept = app.new_key(), app.new_key()
    answers = [report(server, one) for one in (
        said(good), said(good), {"keyId": kept["id"], "secret": kept["secret"][::-1]},
        {"keyId": f"app_{MISSING}", "secret": kept["secret"]}, {"secret": kept["secret"]}, {"keyId": "nonsense", "secret": "x"})]
    assert {(one.status, one.text) for one in answers} == {(200, "{}")}
    Api(server, kept).get(app.path).ok(200)


def test_the_id_alone_ends_nothing(server, app):
    key = app.key
    hint = app.account.get(f"{KEYS}/{key['id']}").ok(200)["key"]["secretHint"]
    for secret in (hint, "*" * 86, key["secret"][:-1], key["secret"] + "x", " " + key["secret"]):
        report(server, {"keyId": key["id"], "secret": secret}).ok(200)
    Api(server, key).get(app.path).ok(200)


def test_the_secret_before_the_last_rotation(server, app):
    """It ends; the current one, which nobody has reported, goes on."""
    key = app.key
    new = {**key, "secret": app.account.post(f"{KEYS}/{key['id']}/rotate", {}).ok(200)["secret"]}
    Api(server, key).get(app.path).ok(200)
    report(server, said(key)).ok(200)
    Api(server, key).get(app.path).refused(401, "unauthorized", "Authorization is required")
    Api(server, new).get(app.path).ok(200)


def events(app):
    return app.account.get(f"/heliograph/v1/apps/{app.id}/audit-events?filter[operation]=ReportLeakedKeys").ok(200)["auditEvents"]


def test_what_is_reported_again_changes_nothing(server, app):
    """Who knows a dead secret writes nothing with it: not into the audit log, either."""
    key = app.new_key()
    report(server, said(key), said(key)).ok(200)
    assert len(events(app)) == 1 and "leaked" in str(events(app)[0]["after"])
    transactions = lambda: int(requests.get(f"{server.url}/metrics", timeout=60).text.split("\nheliograph_store_transactions_total ")[1].split()[0])
    before = transactions()
    report(server, *[said(key)] * 100).ok(200)
    assert transactions() < before + 50, "it takes nobody's turn to write"
    app.account.patch(f"{KEYS}/{key['id']}", {"enabled": True}).ok(200)
    new = {**key, "secret": app.account.post(f"{KEYS}/{key['id']}/rotate", {}).ok(200)["secret"]}
    report(server, *[said(key)] * 3).ok(200)
    assert len(events(app)) == 2
    Api(server, new).get(app.path).ok(200)
    # A key that its owner disabled stays disabled by its owner.
    app.account.patch(f"{KEYS}/{key['id']}", {"enabled": False}).ok(200)
    report(server, said(new)).ok(200)
    assert app.account.get(f"{KEYS}/{key['id']}").ok(200)["key"]["disabledReason"] == "asked" and len(events(app)) == 2


def test_a_report_beside_a_rotation(server):
    """What an owner's script does: rotate, and report the old secret. The new one is never what leaked."""
    for _ in range(20):
        app = new_app(server)
        key = app.key
        reports = [threading.Thread(target=report, args=(server, said(key))) for _ in range(2)]
        reports[0].start()
        rotated = app.account.post(f"{KEYS}/{key['id']}/rotate", {})
        reports[1].start()
        for one in reports:
            one.join()
        # Reported before it was rotated, the key was disabled, and is not rotated any more.
        told = app.account.get(f"{KEYS}/{key['id']}").ok(200)["key"]
        assert (rotated.status, told["enabled"]) in ((200, True), (400, False)), (rotated.text, told)


def test_many_at_once_and_none(server, app):
    keys = [app.new_key() for _ in range(4)]
    report(server, *[said(key) for key in keys[:3]], {"keyId": keys[3]["id"], "secret": "wrong-wrong-wrong"}).ok(200)
    assert [Api(server, key).get(app.path).status for key in keys] == [401, 401, 401, 200]
    for body in ({}, {"keys": []}, {"keys": [{}]}, {"keys": "x"}, {"keys": [said(keys[3])] * 101}, {"keys": [{"secret": ""}]}):
        Api(server).post(LEAKS, body).refused(400, "bad_request")
    Api(server, keys[3]).get(app.path).ok(200)


def test_the_log_tells(launch):
    server = launch()
    app = new_app(server)
    key = app.key
    report(server, said(key, foundAt="a paste\n2026 INFO forged line")).ok(200)
    assert server.stop() == 0
    (line,) = [line for line in server.stderr.splitlines() if "reported as leaked" in line]
    assert key["id"] in line and "forged line" in line, "a line break does not begin a line of the log"


def test_guessing_tells_nothing_and_is_counted(launch):
    """However often one guesses, the answer is the same; at the door that address is told to wait."""
    server = launch("--failure-limit-address", "10/h")
    app = new_app(server)
    wrong = {"keyId": app.key["id"], "secret": "guessed-and-wrong-secret"}
    answers = [report(server, wrong) for _ in range(15)]
    Api(server, {"id": app.key["id"], "secret": "guessed-and-wrong-secret"}).get(app.path).refused(429, "too_many_requests")
    answers.append(report(server, said(app.key)))
    assert {(one.status, one.text) for one in answers} == {(200, "{}")}
    Api(server, app.key).get(app.path).refused(401)
