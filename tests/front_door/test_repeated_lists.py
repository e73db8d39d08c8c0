"""Lists of messages that are asked for again: they come from memory, and are never older than the store."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from lib import postgres
from lib.api import Api
from lib.server import Server
from lib.world import App, new_app
from test_channel_messages import ENTERED, answer, deliver, form, whatsapp

NAMES = itertools.count()


def listed(app, conversation, query=""):
    """What is listed now, and what somebody is told who asks under a name that nobody asked under before."""
    path = f"{app.conversation_path(conversation)}/messages{query}"
    again = app.api.get(path).ok(200)
    fresh = app.api.get(path, headers={"Host": f"name-{next(NAMES)}.example"}).ok(200)
    # Links name the host that was asked.
    assert {**again, "links": None} == {**fresh, "links": None}
    return again["messages"]


class Place:
    """A conversation of one user, who is in reach by a channel, with some messages that were listed twice."""

    def __init__(self, server):
        self.app = new_app(server, multiConvoEnabled=False)
        self.user = self.app.user(zendeskId=f"{self.app.id}-stays")
        self.conversation = self.app.personal(self.user)
        self.named = {"userId": self.user["id"], "integrationId": whatsapp(self.app)}
        self.asked = form(self.app, self.conversation)
        self.said = self.app.say(self.conversation, "Good morning", self.user)
        self.quoting = deliver(self.app, quotedMessage={"messageId": self.said["id"]}, **self.named).ok(201)["message"]
        self.path = f"{self.app.conversation_path(self.conversation)}/messages"
        assert self.list() == self.list() and len(self.list()) == 3

    def list(self, query=""):
        return listed(self.app, self.conversation, query)


def post(place):
    place.app.say(place.conversation, "More")


def delete(place):
    place.app.api.delete(f"{place.path}/{place.asked['id']}").ok(200)


def delete_what_is_quoted(place):
    place.app.api.delete(f"{place.path}/{place.said['id']}").ok(200)


def delete_all(place):
    place.app.api.delete(place.path).ok(200)


def fill_in_a_form(place):
    deliver(place.app, answer(place.asked, ENTERED), **place.named).ok(201)


def become_another_user(place):
    """Of two users with a conversation each, one; of two conversations, too."""
    other = place.app.user(zendeskId=f"{place.app.id}-goes")
    place.app.say(place.app.personal(other), "From elsewhere", other)
    merging = f"{place.app.path}/users/{other['zendeskId']}/sync"
    place.app.api.post(merging, {"survivingZendeskId": place.user["zendeskId"]}).ok(200)


CHANGES = [post, delete, delete_what_is_quoted, delete_all, fill_in_a_form, become_another_user]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_whatever_changes_messages_is_listed_at_once(server, change):
    place = Place(server)
    before = place.list()
    change(place)
    assert place.list() != before
    assert place.list() == place.list()


def test_who_speaks_changes_where_two_users_become_one(server):
    """In a group nothing comes or goes with them: only who is said to have spoken."""
    app = new_app(server)
    stays, goes = (app.user(zendeskId=f"{app.id}-{number}") for number in range(2))
    group = app.group(goes, app.user())
    app.say(group, "It was me", goes)
    assert listed(app, group)[0]["author"]["userId"] == goes["id"]
    app.api.post(f"{app.path}/users/{goes['zendeskId']}/sync", {"survivingZendeskId": stays["zendeskId"]}).ok(200)
    assert listed(app, group)[0]["author"]["userId"] == stays["id"]


def test_what_is_gone_is_not_listed(server):
    """A conversation, its app: and a caller who may not see it any more."""
    app = new_app(server)
    group = app.group(app.user())
    app.say(group, "Here today")
    path = f"{app.conversation_path(group)}/messages"
    assert listed(app, group) == listed(app, group)
    other = new_app(server)
    other.api.get(path).refused(403)
    other.api.get(f"{other.path}/conversations/{group['id']}/messages").refused(404)
    Api(server).get(path).refused(401)
    app.api.delete(app.conversation_path(group)).ok(200)
    app.api.get(path).refused(404, "not_found")
    kept = app.group(app.user())
    app.say(kept, "Here today")
    assert listed(app, kept) == listed(app, kept)
    server.account.delete(app.path).ok(200)
    server.account.get(f"{app.conversation_path(kept)}/messages").refused(404)


def test_every_page_has_its_own(server):
    app = new_app(server)
    group = app.group(app.user())
    ids = [app.say(group, str(number))["id"] for number in range(5)]

    def found(query):
        return [one["id"] for one in listed(app, group, query)]

    for _ in range(3):
        assert found("") == ids
        assert found(f"?page[after]={ids[1]}") == ids[2:]
        assert found(f"?page[before]={ids[3]}") == ids[:3]
        app.api.get(f"{app.conversation_path(group)}/messages?page[after]=x&page[before]=y").refused(400)
    app.api.delete(f"{app.conversation_path(group)}/messages/{ids[4]}").ok(200)
    assert found(f"?page[after]={ids[1]}") == ids[2:4]
    assert found(f"?page[before]={ids[3]}") == ids[:3]


def test_who_posts_finds_it_whatever_others_list(server):
    """Eight post and list in turn, to one conversation: everyone finds what they were answered, each time."""
    app = new_app(server)
    group = app.group(app.user())

    def turns(number):
        caller = Api(server, app.key)
        for turn in range(20):
            said = app.say(group, f"{number} {turn}", caller=caller)
            page = caller.get(f"{app.conversation_path(group)}/messages").ok(200)["messages"]
            assert said in page[-60:], "what was acknowledged is listed"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(turns, range(8)))
    assert len(listed(app, group)) == 100


def test_what_another_server_writes_is_listed_at_once(request, tmp_path):
    if request.config.getoption("--store") == "sqlite":
        pytest.skip("two servers share PostgreSQL alone")
    first = Server("postgres", tmp_path / "first").start()
    second = Server.beside(first, tmp_path / "second").start()
    try:
        here = new_app(first)
        there = App(second, second.account, here.body)
        there.key = here.key
        group = here.group(here.user())
        for turn in range(20):
            said = (here, there)[turn % 2].say(group, str(turn))
            for app in (here, there):
                assert listed(app, group)[-1] == said
    finally:
        for one in (first, second):
            one.end()
            one.assert_witnessed()
