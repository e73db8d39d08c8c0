"""Every paginated list, in both directions, with every form of query that clients send."""

import json
from urllib.parse import quote, urlsplit

import pytest
from lib.api import Api
from lib.world import MISSING, new_app, unique

TOTAL = 7


class Apps:
    """The apps of a service account of its own, so that other tests do not disturb the list."""

    name, rest, title = "apps", "", "Invalid page query parameters"

    def __init__(self, app):
        key = app.server.admin_key("--service")
        self.api, self.path = Api(app.server, key), "/v2/apps"
        self.ids = [new_app(app.server, self.api).id for _ in range(TOTAL)]


class Integrations:
    name, rest, title = "integrations", "filter[types]=custom", "Invalid query parameters"

    def __init__(self, app):
        self.api, self.path = app.api, f"{app.path}/integrations"
        self.ids = [app.custom().id for _ in range(TOTAL)]


class Conversations:
    name, title = "conversations", "Invalid page query parameters"

    def __init__(self, app):
        user = app.user()
        self.api, self.path = app.api, f"{app.path}/conversations"
        self.rest = f"filter[userId]={user['id']}"
        for _ in range(TOTAL):
            app.group(user)
        # Their order is the server's choice; the pages must agree with the whole.
        whole = app.api.get(f"{self.path}?{self.rest}").ok(200)["conversations"]
        self.ids = [one["id"] for one in whole]


class Participants:
    name, rest, title = "participants", "", "Invalid page query parameters"

    def __init__(self, app):
        group = app.group(*[app.user() for _ in range(TOTAL)])
        self.api, self.path = app.api, f"{app.conversation_path(group)}/participants"
        whole = app.api.get(self.path).ok(200)["participants"]
        self.ids = [one["id"] for one in whole]


class Clients:
    name, rest, title = "clients", "", "Invalid page query parameters"

    def __init__(self, app):
        user = app.user()
        conversation, channel = app.personal(user), app.api.post(f"{app.path}/integrations", {"type": "whatsapp"}).ok(201)["integration"]
        self.api, self.path = app.api, f"{app.path}/users/{user['id']}/clients"
        criteria = {"type": "whatsapp", "integrationId": channel["id"]}
        rest = {"confirmation": {"type": "immediate"}, "target": {"conversationId": conversation["id"]}}
        bodies = [{**rest, "matchCriteria": {**criteria, "phoneNumber": f"+1212555000{number}"}} for number in range(TOTAL)]
        self.ids = [app.api.post(self.path, body).ok(201)["client"]["id"] for body in bodies]


LISTS = [Apps, Integrations, Conversations, Participants, Clients]


@pytest.fixture(params=LISTS, ids=lambda each: each.name)
def pages(request, app):
    made = request.param(app)
    assert len(made.ids) == TOTAL
    return made


def get(pages, query):
    both = "&".join(part for part in (query, pages.rest) if part)
    answer = pages.api.get(f"{pages.path}?{both}").ok(200)
    return [one["id"] for one in answer[pages.name]], answer


def bracketed(**page):
    return "&".join(f"page[{name}]={value}" for name, value in page.items())


def encoded(**page):
    return "&".join(f"page%5B{name}%5D={value}" for name, value in page.items())


def as_json(**page):
    return "page=" + quote(json.dumps(page))


@pytest.mark.parametrize("form", [bracketed, encoded, as_json])
def test_forward_and_back(pages, form):
    ids, first = get(pages, form(size=3))
    assert ids == pages.ids[:3]
    assert first["meta"] == {"hasMore": True, "afterCursor": ids[-1]}
    assert set(first["links"]) == {"next"}

    ids, second = get(pages, form(size=3, after=first["meta"]["afterCursor"]))
    assert ids == pages.ids[3:6]
    assert second["meta"] == {"hasMore": True, "afterCursor": ids[-1], "beforeCursor": ids[0]}
    assert set(second["links"]) == {"next", "prev"}

    ids, last = get(pages, form(size=3, after=second["meta"]["afterCursor"]))
    assert ids == pages.ids[6:]
    assert last["meta"] == {"hasMore": False, "beforeCursor": ids[0]}

    ids, back = get(pages, form(size=3, before=last["meta"]["beforeCursor"]))
    assert ids == pages.ids[3:6]
    assert back["meta"]["hasMore"] is True, "hasMore speaks of the direction that is paged"
    ids, start = get(pages, form(size=3, before=back["meta"]["beforeCursor"]))
    assert ids == pages.ids[:3]
    assert start["meta"]["hasMore"] is False and "beforeCursor" not in start["meta"]


def test_links_lead_through_everything(pages, app):
    _, answer = get(pages, bracketed(size=2))
    seen = [one["id"] for one in answer[pages.name]]
    while "next" in answer.get("links", {}):
        link = answer["links"]["next"]
        assert link.startswith(app.server.url), "links are absolute"
        assert "page[after]=" in link, "with literal brackets"
        parts = urlsplit(link)
        answer = pages.api.get(f"{parts.path}?{parts.query}").ok(200)
        seen += [one["id"] for one in answer[pages.name]]
    assert seen == pages.ids


def test_links_keep_the_prefix_of_the_call(pages, app):
    both = "&".join(part for part in (bracketed(size=2), pages.rest) if part)
    link = pages.api.get(f"/sc{pages.path}?{both}").ok(200)["links"]["next"]
    assert link.startswith(f"{app.server.url}/sc/v2/") and "page[size]=2" in link
    assert pages.rest.split("=")[0] in link, "what else was asked is kept"


def test_single_page(pages):
    ids, answer = get(pages, "")
    assert ids == pages.ids
    assert answer["meta"] == {"hasMore": False}
    assert "links" not in answer
    assert get(pages, bracketed(size=TOTAL))[1]["meta"] == {"hasMore": False}


@pytest.mark.parametrize("query", [
    "page[size]=0", "page[size]=101", "page[size]=-1", "page[size]=ten", "page[size]=1.5", "page[size]=", "page[after]=short",
    f"page[after]={MISSING}0", f"page[after]={MISSING}&page[before]={MISSING}", "page[after]=", "page=7", "page={bad json",
])
def test_bad_queries(pages, query):
    both = "&".join(part for part in (query, pages.rest) if part)
    pages.api.get(f"{pages.path}?{both}").refused(400, "bad_request", pages.title)


def test_cursor_of_nothing(pages):
    """A cursor that is well formed but names no record is no server error."""
    both = "&".join(part for part in (f"page[after]={MISSING}", pages.rest) if part)
    assert pages.api.get(f"{pages.path}?{both}").status in (200, 400, 404)


def test_size_defaults_to_25(app):
    user = app.user()
    for _ in range(26):
        app.group(user)
    path = f"{app.path}/conversations?filter[userId]={user['id']}"
    first = app.api.get(path).ok(200)
    assert len(first["conversations"]) == 25 and first["meta"]["hasMore"] is True
    assert len(app.api.get(f"{path}&page[size]=100").ok(200)["conversations"]) == 26


def test_messages_come_in_hundreds(app):
    """Newest page first, oldest to newest inside it, and the size is not for the caller to choose."""
    conversation = app.personal()
    sent = [app.say(conversation, unique("text"))["id"] for _ in range(230)]

    def page(query=""):
        answer = app.messages(conversation, query)
        return [one["id"] for one in answer["messages"]], answer

    ids, newest = page()
    assert ids == sent[130:]
    assert newest["meta"] == {"hasMore": True, "beforeCursor": ids[0]}
    assert set(newest["links"]) == {"prev"} and "page[before]=" in newest["links"]["prev"]
    assert page("?page[size]=5")[0] == sent[130:], "page[size] is ignored"

    ids, middle = page(f"?page[before]={ids[0]}")
    assert ids == sent[30:130]
    assert middle["meta"] == {"hasMore": True, "beforeCursor": ids[0], "afterCursor": ids[-1]}
    ids, oldest = page(f"?page%5Bbefore%5D={ids[0]}")
    assert ids == sent[:30]
    assert oldest["meta"] == {"hasMore": False, "afterCursor": ids[-1]}
    ids, again = page("?page=" + quote(json.dumps({"after": ids[-1]})))
    assert ids == sent[30:130]
    assert again["meta"]["hasMore"] is True
    link = urlsplit(newest["links"]["prev"])
    followed = app.api.get(f"{link.path}?{link.query}").ok(200)
    assert [one["id"] for one in followed["messages"]] == sent[30:130]
    app.api.get(f"{app.conversation_path(conversation)}/messages?page[before]=short").refused(400, "bad_request")
