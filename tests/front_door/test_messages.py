"""Messages with text: post, list, delete one and all."""

import itertools
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from lib import long
from lib.api import Api
from lib.world import MISSING, new_app, text_message

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
NO_CONVERSATION = (404, "conversation_not_found", "Conversation not found")
TEXT = {"type": "text", "text": "x"}
BUSINESS = {"type": "business"}
GRAVATAR = "https://www.gravatar.com/avatar/00000000000000000000000000000000.png?s=200&d=mm"


def test_of_the_business(app):
    conversation = app.personal()
    body = {"author": {"type": "business"}, "content": {"type": "text", "text": "Hello"}, "metadata": {"campaign": 7}}
    made = app.api.post(f"{app.conversation_path(conversation)}/messages", body).ok(201)
    assert list(made) == ["messages"] and len(made["messages"]) == 1
    message = made["messages"][0]
    assert re.fullmatch("[0-9a-f]{24}", message["id"])
    assert re.fullmatch(TIME, message["received"])
    assert message["author"] == {"type": "business", "avatarUrl": GRAVATAR}
    assert message["content"] == {"type": "text", "text": "Hello"}
    assert message["source"] == {"type": "api:conversations"}
    assert message["metadata"] == {"campaign": 7}
    assert app.messages(conversation)["messages"] == [message]
    after = app.api.get(app.conversation_path(conversation)).ok()["conversation"]
    assert after["lastUpdatedAt"] == message["received"]


def test_business_with_a_name(app):
    author = {"type": "business", "displayName": "Ada", "avatarUrl": "https://example.org/ada.png"}
    body = {"author": author, "content": {"type": "text", "text": "Hello"}}
    made = app.api.post(f"{app.conversation_path(app.personal())}/messages", body).ok(201)
    assert made["messages"][0]["author"] == author


def test_of_a_user(app):
    user = app.user(externalId="jane", profile={"givenName": "Jane", "surname": "Doe"})
    conversation = app.personal(user)
    for who in ({"userId": user["id"]}, {"userExternalId": "jane"}):
        body = {"author": {"type": "user", **who}, "content": {"type": "text", "text": "Hello"}}
        made = app.api.post(f"{app.conversation_path(conversation)}/messages", body).ok(201)
        author = made["messages"][0]["author"]
        assert (author["type"], author["userId"], author["displayName"]) == ("user", user["id"], "Jane Doe")
        assert "userExternalId" not in author, "write-only"


def test_what_an_author_may_tell(app):
    user = app.user(profile={"givenName": "Jane", "avatarUrl": "https://example.org/jane.png"})
    conversation = app.personal(user)
    path = f"{app.conversation_path(conversation)}/messages"

    def author(**given):
        body = {"author": given, "content": {"type": "text", "text": "Hello"}}
        return app.api.post(path, body).ok(201)["messages"][0]["author"]

    named = {"type": "user", "userId": user["id"]}
    assert author(**named) == {**named, "displayName": "Jane", "avatarUrl": "https://example.org/jane.png"}
    told = {"displayName": "J.", "avatarUrl": "https://example.org/j.png"}
    assert author(**named, **told) == {**named, **told}
    assert author(type="business", userId=user["id"], userExternalId="x", brandId="y") == {"type": "business", "avatarUrl": GRAVATAR}
    assert author(type="business", subtypes=[]) == {"type": "business", "subtypes": [], "avatarUrl": GRAVATAR}
    for wrong in ({"avatarUrl": None}, {"avatarUrl": "nowhere"}, {"avatarUrl": ""}, {"subtypes": ["AI", "AI"]}, {"subtypes": "AI"}):
        app.api.post(path, {"author": {"type": "business", **wrong}, "content": TEXT}).refused(400, "bad_request")


@pytest.mark.parametrize("subtype", ["activity", "agent", "bot"])
def test_subtypes_that_only_answers_have(app, subtype):
    body = {"author": {"type": "business", "subtypes": [subtype]}, "content": TEXT}
    title = "author.subtypes[0] should be equal to one of the allowed values"
    app.api.post(f"{app.conversation_path(app.personal())}/messages", body).refused(400, "bad_request", title)


def test_of_a_brands_user(app):
    """An external id that two brands know names the user of the brand that is given."""
    plain, branded = app.user(externalId="jane"), app.user(externalId="jane", brandId="b1")
    conversation = app.personal(branded)
    path = f"{app.conversation_path(conversation)}/messages"
    author = {"type": "user", "userExternalId": "jane"}
    app.api.post(path, {"author": author, "content": TEXT}).refused(404, "not_found", "User is not a member of the conversation")
    app.api.post(path, {"author": {**author, "brandId": "b2"}, "content": TEXT}).refused(404, "user_not_found")
    message = app.api.post(path, {"author": {**author, "brandId": "b1"}, "content": TEXT}).ok(201)["messages"][0]
    assert message["author"]["userId"] == branded["id"] != plain["id"] and "brandId" not in message["author"], "write-only"
    read = {"author": {**author, "brandId": "b1"}, "type": "conversation:read"}
    app.api.post(f"{app.conversation_path(conversation)}/activity", read).ok(200)
    app.api.post(f"{app.conversation_path(conversation)}/activity", {**read, "author": author}).refused(404, "not_found")


@pytest.mark.parametrize("text", ["x" * 4096, "é" * 4096, "🛰️", "line\nbreak", "\u202eright to left", "null \\u0000 written out", " "])
def test_text_comes_back_as_sent(app, text):
    conversation = app.personal()
    assert app.say(conversation, text)["content"]["text"] == text
    assert app.messages(conversation)["messages"][0]["content"]["text"] == text


@pytest.mark.parametrize("body, title", [
    ({}, "should have required property 'author'"),
    ({"author": BUSINESS}, "should have required property 'content'"),
    ({"author": {}, "content": TEXT}, "author should have required property 'type'"),
    ({"author": {"type": "ghost"}, "content": TEXT}, "author.type should be equal to one of the allowed values"),
    ({"author": "business", "content": TEXT}, "author should be object"),
    ({"author": BUSINESS, "content": {}}, "content should have required property 'type'"),
    ({"author": BUSINESS, "content": {"type": "text", "text": "x" * 4097}},
     "content.text should NOT be longer than 4096 characters"),
    ({"author": BUSINESS, "content": {"type": "text", "text": 5}}, "content.text should be string"),
    ({"author": BUSINESS, "content": {"type": "hologram"}}, None),
    ({"author": BUSINESS, "content": {"type": "text"}}, None),
    ({"author": BUSINESS, "content": {"type": "text", "htmlText": "<b>x</b>", "markdownText": "**x**"}}, None),
    ({"author": {"type": "user"}, "content": TEXT}, None),
    ({"author": {"type": "user", "userId": MISSING, "userExternalId": "both"}, "content": TEXT}, None),
    ({"author": BUSINESS, "content": TEXT, "metadata": {"k": "x" * 4097}}, None),
])
def test_bad_bodies(app, body, title):
    conversation = app.personal()
    answer = app.api.post(f"{app.conversation_path(conversation)}/messages", body).refused(400, "bad_request")
    assert title is None or title in answer.titles, answer.titles
    assert app.messages(conversation)["messages"] == []


def test_authors_who_are_not_there(app):
    conversation, outsider = app.personal(), app.user()
    path = f"{app.conversation_path(conversation)}/messages"
    app.api.post(path, text_message("?", {"id": MISSING})).refused(404)
    app.api.post(path, text_message("?", outsider)).refused(404)
    assert app.messages(conversation)["messages"] == []


def test_unknown_conversation(app):
    path = f"{app.path}/conversations/{MISSING}/messages"
    app.api.post(path, text_message("?")).refused(*NO_CONVERSATION)
    app.api.get(path).refused(404, "not_found", "Resource not found")
    app.api.delete(path).refused(*NO_CONVERSATION)
    app.api.delete(f"{path}/{MISSING}").refused(*NO_CONVERSATION)


def test_delete_one(app):
    conversation = app.personal()
    first, second = app.say(conversation, "first"), app.say(conversation, "second")
    path = f"{app.conversation_path(conversation)}/messages"
    assert app.api.delete(f"{path}/{first['id']}").ok(200) == {}
    left = [one for one in app.messages(conversation)["messages"] if not one.get("deleted")]
    assert [one["id"] for one in left] == [second["id"]]
    app.api.delete(f"{path}/{MISSING}").refused(404, "not_found", "Resource not found")
    app.api.delete(f"{app.conversation_path(app.personal())}/messages/{second['id']}").refused(404, "not_found")


def test_deleting_leaves_the_conversation_as_it_was(app):
    """`lastUpdatedAt` is the time of the latest message, also when that is gone."""
    conversation = app.personal()
    path = app.conversation_path(conversation)
    app.say(conversation, "first")
    latest = app.say(conversation, "second")
    before = app.api.get(path).ok(200)
    assert before["conversation"]["lastUpdatedAt"] == latest["received"]
    app.api.delete(f"{path}/messages/{latest['id']}").ok(200)
    assert app.api.get(path).ok(200) == before
    app.api.delete(f"{path}/messages").ok(200)
    assert app.api.get(path).ok(200) == before


def test_delete_all(app):
    conversation = app.personal()
    for number in range(3):
        app.say(conversation, f"message {number}")
    path = f"{app.conversation_path(conversation)}/messages"
    assert app.api.delete(path).ok(200) == {}
    assert app.messages(conversation) == {"messages": [], "meta": {"hasMore": False}}
    assert app.api.delete(path).ok(200) == {}
    app.say(conversation, "a new start")
    assert len(app.messages(conversation)["messages"]) == 1


def test_thirty_thousand_are_enough(app, server):
    """Counted by the conversation; the count is set here, for posting that many takes too long."""
    conversation = app.personal()
    path = f"{app.conversation_path(conversation)}/messages"
    server.sql(f"update conversation set message_count = 29999 where id = '{conversation['id']}'")
    app.say(conversation, "the last")
    title = "Message limit of 30000 per conversation reached."
    app.api.post(path, text_message("one too many")).refused(423, "locked", title)
    assert app.api.delete(path).ok(200) == {}
    app.say(conversation, "room again")


def holds(app, *conversations):
    """How many messages each holds: its own count, which the limit goes by, is what there is."""
    ids = ", ".join(f"'{one['id']}'" for one in conversations)
    rows = app.server.sql(
        "SELECT c.id, c.message_count, (SELECT COUNT(*) FROM message m WHERE m.app_id = c.app_id AND m.conversation_id = c.id)"
        f" FROM conversation c WHERE c.id IN ({ids})").split()
    counts = {id: (int(counted), int(there)) for id, counted, there in (row.split("|") for row in rows)}
    assert all(counted == there for counted, there in counts.values()), counts
    return [counts[one["id"]][0] for one in conversations]


def test_the_count_is_what_there_is(server):
    """Whoever posts, and however messages go."""
    app = new_app(server, echoPostback=True)
    user, bot = app.user(), app.custom()
    conversation, other = app.personal(user), app.personal(user)
    path = app.conversation_path(conversation)
    ours = app.path.replace("/v2/", "/heliograph/v1/")
    first, second = app.say(conversation, "Of the business"), app.say(conversation, "Of the user", user)
    content = {"type": "text", "text": "Choose", "actions": [{"type": "postback", "text": "This", "payload": "P"}]}
    offer = app.api.post(f"{path}/messages", {"author": BUSINESS, "content": content}).ok(201)["messages"][0]
    delivered = {"userId": user["id"], "conversationId": conversation["id"], "content": TEXT}
    bot.api.post(f"{ours}/channelMessages", delivered).ok(201)
    chosen = {"type": "postback", "messageId": offer["id"], "payload": "P"}
    bot.api.post(f"{ours}/conversations/{conversation['id']}/channelEvents", {"event": chosen}).ok(200)
    assert holds(app, conversation, other) == [5, 0], "the echo of what was chosen is a message too"
    app.api.post(f"{path}/messages", {"author": BUSINESS, "content": {}}).refused(400)
    app.api.post(f"{path}/messages", text_message("?", app.user())).refused(404)
    app.api.delete(f"{path}/messages/{first['id']}").ok(200)
    app.api.delete(f"{path}/messages/{first['id']}").refused(404)
    app.api.delete(f"{app.conversation_path(other)}/messages/{second['id']}").refused(404)
    assert holds(app, conversation, other) == [4, 0]
    app.api.delete(f"{path}/messages").ok(200)
    app.api.delete(f"{path}/messages").ok(200)
    app.api.delete(f"{path}/messages/{second['id']}").refused(404)
    assert holds(app, conversation) == [0]
    app.say(conversation, "Anew")
    assert holds(app, conversation) == [1]


def test_the_count_of_two_that_become_one(server):
    app = new_app(server, multiConvoEnabled=False)
    stays, goes = (app.user(zendeskId=f"{app.id}-{number}") for number in range(2))
    kept, absorbed = app.personal(stays), app.personal(goes)
    for conversation, count in ((kept, 3), (absorbed, 4)):
        for number in range(count):
            last = app.say(conversation, f"{number}")
    app.api.delete(f"{app.conversation_path(absorbed)}/messages/{last['id']}").ok(200)
    app.api.post(f"{app.path}/users/{goes['zendeskId']}/sync", {"survivingZendeskId": stays["zendeskId"]}).ok(200)
    assert holds(app, kept) == [6]
    app.say(kept, "One more")
    assert holds(app, kept) == [7]


# As many rows as are wanted of the one message of a conversation.
COPIES = {
    "sqlite": """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
        INSERT INTO message SELECT m.app_id, m.conversation_id, printf('%024x', i), replace(m.body, m.id, printf('%024x', i))
        FROM message m, n WHERE m.conversation_id = '{id}'""",
    "postgres": """
        INSERT INTO message SELECT m.app_id, m.conversation_id, lpad(to_hex(i), 24, '0'), replace(m.body, m.id, lpad(to_hex(i), 24, '0'))
        FROM message m, generate_series(1, {count}) i WHERE m.conversation_id = '{id}'""",
}


@pytest.mark.long
def test_no_more_than_thirty_thousand(launch):
    """However many post at once. All of them are posted in `./test long`; otherwise most are rows that were written behind
    the server's back."""
    app = new_app(launch())
    conversation, most, tries = app.personal(), 30_000, 30_050
    path = f"{app.conversation_path(conversation)}/messages"
    app.say(conversation, "first")
    there = 1
    if not long.SECONDS:
        app.server.sql(COPIES[app.server.store].format(count=29_500, id=conversation["id"]))
        there += 29_500
        app.server.sql(f"UPDATE conversation SET message_count = {there} WHERE id = '{conversation['id']}'")
    assert holds(app, conversation) == [there]
    tickets = itertools.count(there)

    def post_some(_):
        caller, answers = Api(app.server, app.key), Counter()
        while next(tickets) < tries:
            answers[caller.post(path, text_message("Hello")).status] += 1
        return answers

    with ThreadPoolExecutor(8) as pool:
        answers = sum(pool.map(post_some, range(8)), Counter())
    assert answers == {201: most - there, 423: tries - most}
    assert holds(app, conversation) == [most]
    full = (423, "locked", "Message limit of 30000 per conversation reached.")
    app.api.post(path, text_message("one too many")).refused(*full)
    page, seen = app.messages(conversation), []
    while True:
        seen += [one["id"] for one in page["messages"]]
        if "prev" not in page.get("links", {}):
            break
        page = app.api.get(page["links"]["prev"].removeprefix(app.server.url)).ok(200)
    assert len(seen) == len(set(seen)) == most, "the pages show them all"
    app.api.delete(f"{path}/{seen[0]}").ok(200)
    app.say(conversation, "one leaves, one comes")
    app.api.post(path, text_message("one too many")).refused(*full)
    app.api.delete(path).ok(200)
    app.say(conversation, "room again")
    assert holds(app, conversation) == [1]


def test_order_is_the_order_of_posting(app):
    conversation = app.personal()
    sent = [app.say(conversation, f"{number}")["id"] for number in range(20)]
    listed = app.messages(conversation)["messages"]
    assert [one["id"] for one in listed] == sent, "oldest to newest inside a page"
    assert [one["received"] for one in listed] == sorted(one["received"] for one in listed)
