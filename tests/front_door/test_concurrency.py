"""Many callers at once: limits hold, nothing is made twice, and nobody gets a 5xx."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from lib.api import Api
from lib.world import text_message

CALLERS = 16


def at_once(app, calls):
    """Sends (method, path, body) each from a caller of its own, all at once; the answers in the same order."""
    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(lambda call: Api(app.server, app.key).send(call[0], call[1], json=call[2]), calls))


def statuses(answers):
    return Counter(answer.status for answer in answers)


def test_an_external_id_is_given_once(app):
    assert app.key
    for number in range(5):
        calls = [("POST", f"{app.path}/users", {"externalId": f"twin-{number}"})] * CALLERS
        answers = at_once(app, calls)
        assert statuses(answers) == {201: 1, 409: CALLERS - 1}
        for answer in answers:
            if answer.status == 409:
                answer.refused(409, "conflict", "User already exists")


def test_keys_stop_at_ten(app):
    integration = app.custom()
    answers = at_once(app, [("POST", f"{integration.path}/keys", {"displayName": "Key"})] * CALLERS)
    assert statuses(answers) == {201: 10, 400: CALLERS - 10}
    assert len(app.api.get(f"{integration.path}/keys").ok(200)["keys"]) == 10


def test_participants_stop_at_ten(app):
    group = app.group()
    users = [app.user() for _ in range(CALLERS)]
    path = app.conversation_path(group)
    answers = at_once(app, [("POST", f"{path}/join", {"userId": user["id"]}) for user in users])
    assert statuses(answers) == {201: 10, 400: CALLERS - 10}
    assert len(app.api.get(f"{path}/participants").ok(200)["participants"]) == 10


def test_joining_at_once_is_joining_once(app, sink):
    target = sink.target()
    app.custom(target, ["conversation:join"])
    user, group = app.user(), app.group()
    path = app.conversation_path(group)
    answers = at_once(app, [("POST", f"{path}/join", {"userId": user["id"]})] * CALLERS)
    assert statuses(answers) == {201: CALLERS}
    assert len({answer.body["participant"]["id"] for answer in answers}) == 1
    assert len(app.api.get(f"{path}/participants").ok(200)["participants"]) == 1
    target.wait_deliveries(1)
    target.stays_at(1, 0.5)


def test_one_default_conversation(app):
    user = app.user()
    body = {"type": "personal", "participants": [{"userId": user["id"]}]}
    answers = at_once(app, [("POST", f"{app.path}/conversations", body)] * CALLERS)
    assert statuses(answers) == {201: CALLERS}
    assert Counter(answer.body["conversation"]["isDefault"] for answer in answers) == {True: 1, False: CALLERS - 1}


def test_no_change_of_metadata_is_lost(app):
    user = app.user()
    path = f"{app.path}/users/{user['id']}"
    answers = at_once(app, [("PATCH", path, {"metadata": {f"k{number}": number}}) for number in range(CALLERS)])
    assert statuses(answers) == {200: CALLERS}
    assert app.api.get(path).ok(200)["user"]["metadata"] == {f"k{number}": number for number in range(CALLERS)}


def test_messages_of_many_in_one_conversation(app):
    """None is lost, and the unread count is theirs exactly."""
    user = app.user()
    group = app.group(user)
    path = f"{app.conversation_path(group)}/messages"
    answers = at_once(app, [("POST", path, text_message(f"message {number}")) for number in range(64)])
    assert statuses(answers) == {201: 64}
    listed = app.messages(group)["messages"]
    assert {one["id"] for one in listed} == {answer.body["messages"][0]["id"] for answer in answers}
    assert [one["received"] for one in listed] == sorted(one["received"] for one in listed)
    (participant,) = app.api.get(f"{app.conversation_path(group)}/participants").ok(200)["participants"]
    assert participant["unreadCount"] == 64


@pytest.mark.parametrize("action", ["delete", "change"])
def test_the_same_thing_at_once(app, action):
    """A deletion succeeds once; an update as often as it is asked."""
    group = app.group()
    path = app.conversation_path(group)
    call, wanted = {
        "delete": (("DELETE", path, None), {200: 1, 404: CALLERS - 1}),
        "change": (("PATCH", path, {"displayName": "Same"}), {200: CALLERS}),
    }[action]
    assert statuses(at_once(app, [call] * CALLERS)) == wanted


def test_an_app_that_goes_takes_what_is_being_made(app):
    """Creations beside the deletion of their app either happen before it or find no app."""
    account, key = app.account, app.server.first_key
    calls = [("POST", f"{app.path}/users", {}), ("POST", f"{app.path}/conversations", {"type": "sdkGroup"})] * (CALLERS // 2)
    with ThreadPoolExecutor(CALLERS + 1) as pool:
        made = [pool.submit(Api(app.server, key).send, method, path, json=body) for method, path, body in calls]
        account.delete(app.path).ok(200)
        assert set(statuses(each.result() for each in made)) <= {201, 404}
    account.get(app.path).refused(404, "app_not_found")
