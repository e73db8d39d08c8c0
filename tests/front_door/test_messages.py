"""Messages with text: post, list, delete one and all."""

import re

import pytest
from lib.world import MISSING, text_message

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
NO_CONVERSATION = (404, "conversation_not_found", "Conversation not found")
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


@pytest.mark.parametrize("text", ["x" * 4096, "é" * 4096, "🛰️", "line\nbreak", "\u202eright to left", "null \\u0000 written out", " "])
def test_text_comes_back_as_sent(app, text):
    conversation = app.personal()
    assert app.say(conversation, text)["content"]["text"] == text
    assert app.messages(conversation)["messages"][0]["content"]["text"] == text


TEXT = {"type": "text", "text": "x"}
BUSINESS = {"type": "business"}


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
    app.api.post(path, text_message("?")).refused(404)
    app.api.get(path).refused(404)
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


def test_order_is_the_order_of_posting(app):
    conversation = app.personal()
    sent = [app.say(conversation, f"{number}")["id"] for number in range(20)]
    listed = app.messages(conversation)["messages"]
    assert [one["id"] for one in listed] == sent, "oldest to newest inside a page"
    assert [one["received"] for one in listed] == sorted(one["received"] for one in listed)
