"""Order: the events of one conversation reach a webhook in the order in which they happened, whatever befalls them."""

import concurrent.futures
import threading
import time

import pytest
import requests
from lib.clock import PATIENCE_S
from lib.server import SHORT_GAPS, Server
from lib.world import App, new_app, text_message


def said(target):
    """The texts that arrived for the first time, in their order."""
    seen, texts = set(), []
    for delivery in list(target.deliveries):
        if delivery.status < 300:
            for event in delivery.events:
                if event["type"] == "conversation:message" and event["id"] not in seen:
                    seen.add(event["id"])
                    texts.append(event["payload"]["message"]["content"]["text"])
    return texts


def wait_said(target, count, within=PATIENCE_S):
    until = time.monotonic() + within
    while len(said(target)) < count and time.monotonic() < until:
        time.sleep(0.05)
    assert len(said(target)) == count, f"{len(said(target))} of {count}"
    return said(target)


def of(texts, name):
    return [text for text in texts if text.startswith(f"{name} ")]


def numbered(name, count):
    return [f"{name} {number}" for number in range(count)]


def refuse(server, condition):
    """From now on the store does not take changes of deliveries that fulfil this."""
    if server.store == "sqlite":
        server.sql(f"create trigger refuse before update on delivery when {condition} begin select raise(abort, 'no'); end")
        return
    server.sql("create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$")
    server.sql(f"create trigger refuse before update on delivery for each row when ({condition}) execute function refuse()")


def test_across_retries_without_holding_others_back(app, sink):
    target = sink.target(503, 503)
    app.custom(target)
    first, second = app.group(), app.group()
    for number in range(12):
        app.say(first, f"a {number}")
        app.say(second, f"b {number}")
    texts = wait_said(target, 24)
    assert of(texts, "a") == numbered("a", 12)
    assert of(texts, "b") == numbered("b", 12)


def test_a_conversation_that_waits_holds_back_no_other(launch, sink):
    server = launch("--webhook-retry-gaps", "12,12")
    app = new_app(server)
    target = sink.target(500)
    app.custom(target)
    waits, goes = app.group(), app.group()
    app.say(waits, "a 0")
    target.wait_deliveries(1)
    for number in range(5):
        app.say(waits, f"a {number + 1}")
        app.say(goes, f"b {number}")
    assert wait_said(target, 5, within=10) == numbered("b", 5)
    assert of(wait_said(target, 11), "a") == numbered("a", 6)


def test_events_of_every_kind_keep_their_place(app, sink):
    target = sink.target(500, always=(200, 0.02))
    app.custom(target, ["conversation:create", "conversation:message", "conversation:join", "conversation:remove"])
    group = app.group(app.user())
    for number in range(3):
        app.say(group, f"a {number}")
    app.api.post(f"{app.conversation_path(group)}/join", {"userId": app.user()["id"]}).ok()
    app.api.delete(app.conversation_path(group)).ok(200)
    target.wait_event("conversation:remove")
    kinds = [event["type"].split(":")[1] for one in target.deliveries if one.status < 300 for event in one.events]
    assert kinds == ["create", "message", "message", "message", "join", "remove"]


def test_many_at_once(app, sink):
    """More than a lane holds in memory: what waits in the store keeps its place, too."""
    target = sink.target(always=(200, 0.01))
    app.custom(target)
    groups = {name: app.group() for name in "abcd"}

    def talk(name):
        beside = App(app.server, app.account, app.body)
        beside.key = app.key
        for number in range(60):
            beside.say(groups[name], f"{name} {number}")

    threads = [threading.Thread(target=talk, args=(name,)) for name in groups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    texts = wait_said(target, 240, within=60)
    for name in groups:
        assert of(texts, name) == numbered(name, 60)


def test_what_the_store_does_not_take_keeps_its_place(store, launch, sink):
    """A call failed, and for a while that cannot be written down: what follows in its conversation waits all the same."""
    server = launch(*SHORT_GAPS)
    app = new_app(server)
    target = sink.target((500, 1))
    app.custom(target)
    first, second = app.group(), app.group()
    app.say(first, "a 0")
    target.wait_deliveries(1)
    refuse(server, "new.status = 'pending' and new.attempts = 1")
    until = time.monotonic() + 20
    while "is asked again" not in server.stderr:
        assert time.monotonic() < until
        time.sleep(0.05)
    app.say(second, "b 0")
    assert wait_said(target, 1) == ["b 0"]
    app.say(first, "a 1")
    app.say(second, "b 1")
    assert wait_said(target, 2) == ["b 0", "b 1"]
    target.stays_at(3, 2)
    server.sql("drop trigger refuse" + (" on delivery" if store == "postgres" else ""))
    assert wait_said(target, 4)[2:] == ["a 0", "a 1"]
    # The failure is on record: one attempt, and one that went well.
    assert len(target.deliveries) == 5


def test_order_can_be_given_up(app, sink):
    target = sink.target((500, 60))
    webhook = app.custom(target).webhook
    path = f"/heliograph/v1{app.path[3:]}/webhooks/{webhook['id']}"
    assert app.api.get(path).ok(200)["webhook"]["ordered"] is True
    assert app.api.patch(path, {"ordered": False}).ok(200)["webhook"]["ordered"] is False
    group = app.group()
    app.say(group, "a 0")
    target.wait_deliveries(1)
    app.say(group, "a 1")
    # The first call has not even failed when the second comes.
    target.wait_deliveries(2)
    target.go.set()
    assert wait_said(target, 2) == ["a 1", "a 0"]
    assert app.api.patch(path, {"ordered": None}).ok(200)["webhook"]["ordered"] is True


def test_order_can_be_given_up_for_all(launch, sink):
    """By the server's setting, and taken back for one webhook."""
    app = new_app(launch("--webhook-retry-gaps", "2,2", "--webhook-order=false"))
    loose, strict = sink.target((500, 60)), sink.target((500, 60))
    paths = [f"/heliograph/v1{app.path[3:]}/webhooks/{app.custom(target).webhook['id']}" for target in (loose, strict)]
    assert app.api.get(paths[0]).ok(200)["webhook"]["ordered"] is False
    app.api.patch(paths[1], {"ordered": True}).ok(200)
    group = app.group()
    app.say(group, "a 0")
    for target in (loose, strict):
        target.wait_deliveries(1)
    app.say(group, "a 1")
    loose.wait_deliveries(2)
    for target in (loose, strict):
        target.go.set()
    assert wait_said(loose, 2) == ["a 1", "a 0"] and wait_said(strict, 2) == ["a 0", "a 1"]


def attempts(app, path, within=PATIENCE_S):
    """The attempts of a delivery, once they are written down, which is after they arrived."""
    until = time.monotonic() + within
    while not (found := app.api.get(path).ok(200)["attempts"]) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def test_one_event_in_a_call_unless_asked(app, sink):
    """However many wait: the reference shows no call with more."""
    target = sink.target((200, 1.5))
    app.custom(target)
    group = app.group()
    for number in range(8):
        app.say(group, f"a {number}")
    assert wait_said(target, 8) == numbered("a", 8)
    assert [len(delivery.events) for delivery in target.deliveries] == [1] * 8


def test_several_events_in_one_call(app, sink):
    target = sink.target((200, 60))
    webhook = app.custom(target).webhook
    path = f"/heliograph/v1{app.path[3:]}/webhooks/{webhook['id']}"
    app.api.patch(path, {"eventsPerCall": 0}).refused(400, "bad_request")
    app.api.patch(path, {"eventsPerCall": 5}).ok(200)
    group = app.group()
    for number in range(11):
        app.say(group, f"a {number}")
    target.go.set()
    assert wait_said(target, 11) == numbered("a", 11)
    sizes = [len(delivery.events) for delivery in target.deliveries]
    assert sizes == [1, 5, 5], "the first was under way; the others waited"
    last = target.deliveries[-1].body
    [shown] = attempts(app, f"{path}/deliveries/{last['events'][2]['id']}")
    assert shown["request"]["body"] == last


def post_side_by_side(apps, group, each):
    """So many messages by each of these callers, all at the same time."""
    start = threading.Barrier(len(apps))

    def post(app, name):
        with requests.Session() as session:
            session.trust_env, session.auth = False, (app.key["id"], app.key["secret"])
            address = f"{app.server.url}{app.conversation_path(group)}/messages"
            start.wait(PATIENCE_S)
            for number in range(each):
                answer = session.post(address, json=text_message(f"{name} {number}"), timeout=PATIENCE_S)
                assert answer.status_code == 201, answer.text

    with concurrent.futures.ThreadPoolExecutor(len(apps)) as pool:
        for done in [pool.submit(post, app, name) for name, app in enumerate(apps)]:
            done.result(180)


def as_listed(app, group):
    """The texts of a conversation, in the order in which ListMessages shows them."""
    page = app.messages(group)
    texts = [one["content"]["text"] for one in page["messages"]]
    while page["meta"]["hasMore"]:
        page = app.messages(group, f"?page[before]={page['meta']['beforeCursor']}")
        texts = [one["content"]["text"] for one in page["messages"]] + texts
    return texts


def test_posters_at_the_same_moment(app, sink):
    """Whoever was first: the webhook hears it in the order in which everybody reads it."""
    target = sink.target()
    app.custom(target)
    for _ in range(3):
        group, before = app.group(), len(said(target))
        post_side_by_side([app] * 16, group, 10)
        assert wait_said(target, before + 160, within=60)[before:] == as_listed(app, group)


@pytest.mark.waits
def test_across_kill_9(launch, sink):
    server = launch(*SHORT_GAPS)
    app = new_app(server)
    target = sink.target(always=(200, 0.05))
    app.custom(target)
    groups = {name: app.group() for name in "ab"}
    for number in range(20):
        for name, group in groups.items():
            app.say(group, f"{name} {number}")
    server.kill9()
    server.start()
    for number in range(20, 25):
        for name, group in groups.items():
            app.say(group, f"{name} {number}")
    texts = wait_said(target, 50, within=60)
    for name in groups:
        assert of(texts, name) == numbered(name, 25)


@pytest.mark.waits
def test_across_servers(request, tmp_path, sink):
    """A conversation that is written to by way of two servers in turn."""
    if request.config.getoption("--store") == "sqlite":
        pytest.skip("two servers share PostgreSQL alone")
    first = Server("postgres", tmp_path / "first", *SHORT_GAPS).start()
    second = Server("postgres", tmp_path / "second", *SHORT_GAPS, "--master-key-file",
                    str(tmp_path / "first" / "data-master.key"))
    second.data.mkdir(parents=True)
    (second.data / "first-key.json").write_text((first.data / "first-key.json").read_text())
    second.database_url = first.database_url
    try:
        app = new_app(first)
        target = sink.target(500, always=(200, 0.03))
        app.custom(target)
        group = app.group()
        second.start()
        beside = App(second, second.account, app.body)
        beside.key = app.key
        for number in range(30):
            (app, beside)[number % 2].say(group, f"a {number}")
        assert wait_said(target, 30, within=60) == numbered("a", 30)
        for number in range(30, 40):
            (app, beside)[number % 2].say(group, f"a {number}")
        first.kill9()
        for number in range(40, 50):
            beside.say(group, f"a {number}")
        assert wait_said(target, 50, within=90) == numbered("a", 50)
    finally:
        for one in (first, second):
            one.kill9()
            one.assert_discreet()
