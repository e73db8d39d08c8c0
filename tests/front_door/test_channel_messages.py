"""What users write on channels, delivered by whoever runs the channel (`DeliverChannelMessage`): real messages, with
their source, what they quote, forms that were filled in; users, clients and conversations that come to be by it."""

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from lib.reference import reference
from lib.server import ROOT
from lib.world import MISSING, new_app
from test_channel_events import report, web

HEARD = ["conversation:message", "conversation:create", "conversation:read", "client:add", "client:update"]
PHONE = "+12125552368"
TEXT = {"type": "text", "text": "Hello"}
FORM = {"type": "form", "fields": [
    {"type": "text", "name": "name", "label": "Your name?", "minSize": 2, "maxSize": 5},
    {"type": "email", "name": "mail", "label": "Your mail?"},
    {"type": "select", "name": "size", "label": "Your size?", "options": [{"name": "s", "label": "Small"}, {"name": "l", "label": "Large"}]}]}
ENTERED = [{"type": "text", "name": "name", "label": "?", "text": "Jane"},
           {"type": "email", "name": "mail", "label": "?", "email": "jane@example.org"},
           {"type": "select", "name": "size", "label": "?", "select": [{"name": "l"}]}]


def deliver(app, content=None, caller=None, **more):
    path = f"{app.path}/channelMessages".replace("/v2/", "/heliograph/v1/")
    return (caller or app.api).post(path, {"content": content or TEXT, **more})


def whatsapp(app, **fields):
    return app.api.post(f"{app.path}/integrations", {"type": "whatsapp", **fields}).ok(201)["integration"]["id"]


def form(app, conversation, content=None):
    body = {"author": {"type": "business"}, "content": content or FORM}
    return app.api.post(f"{app.conversation_path(conversation)}/messages", body).ok(201)["messages"][0]


def answer(form, fields=ENTERED, **more):
    return {"type": "formResponse", "fields": [{**one, "quotedMessageId": form["id"], **more} for one in fields]}


def clients(app, user):
    return app.api.get(f"{app.path}/users/{user['id']}/clients").ok(200)["clients"]


def participant(app, conversation, user):
    found = app.api.get(f"{app.conversation_path(conversation)}/participants").ok(200)["participants"]
    return next(one for one in found if one["userId"] == user["id"])


def told(target, message):
    event = target.wait_event("conversation:message", where=lambda one: one["payload"]["message"]["id"] == message["id"])
    if reference():
        reference().check(event)
    return event["payload"]


def test_a_stranger_writes(app, sink):
    """A user, a client and a conversation come to be by one message; the next one finds them."""
    target = sink.target()
    app.custom(target, HEARD, includeFullUser=True, includeFullSource=True)
    channel = whatsapp(app)
    jane = {"externalId": PHONE, "displayName": "Jane", "avatarUrl": "https://example.org/jane.png", "raw": {"From": PHONE}}
    made = deliver(app, integrationId=channel, client=jane, originalMessageId="wamid.1",
                   originalMessageTimestamp="2026-01-02T03:04:05.678Z", metadata={"lang": "en"}).ok(201)
    message, user, client = made["message"], made["user"], made["client"]
    assert user == {"id": user["id"], "authenticated": False}
    shown = app.api.get(f"{app.path}/users/{user['id']}").ok(200)["user"]
    assert shown["profile"]["givenName"] == "Jane" and shown["profile"]["avatarUrl"] == jane["avatarUrl"]
    assert (client["type"], client["status"], client["externalId"]) == ("whatsapp", "active", PHONE)
    assert client.items() >= {"displayName": "Jane", "raw": {"From": PHONE}, "integrationId": channel}.items()
    assert clients(app, user) == [client]
    assert message["source"] == {"type": "whatsapp", "integrationId": channel, "originalMessageId": "wamid.1",
                                 "originalMessageTimestamp": "2026-01-02T03:04:05.678Z"}
    assert (message["author"]["userId"], message["author"]["displayName"]) == (user["id"], "Jane")
    assert message["metadata"] == {"lang": "en"} and message["content"] == TEXT
    assert app.messages(made["conversation"])["messages"] == [message]
    created = target.wait_event("conversation:create")["payload"]
    assert created["creationReason"] == "message" and created["conversation"]["id"] == made["conversation"]["id"]
    assert created["source"]["type"] == "whatsapp" and created["source"]["client"]["id"] == client["id"]
    assert created["user"]["profile"]["givenName"] == "Jane"
    whole = app.api.get(app.conversation_path(made["conversation"])).ok(200)["conversation"]
    assert whole["isDefault"] is True and whole["type"] == "personal"
    payload = told(target, message)
    assert payload["message"]["source"] == {**message["source"], "client": client}
    # The trigger is for links and for the SDKs' client.
    assert not [one for one in target.events() if one["type"] == "client:add"]

    again = deliver(app, integrationId=channel, client={"externalId": PHONE, "displayName": "Jane Doe"}).ok(201)
    assert (again["user"], again["conversation"]["id"]) == (user, made["conversation"]["id"])
    assert again["client"]["id"] == client["id"] and again["client"]["displayName"] == "Jane Doe"
    assert again["client"]["raw"] == {"From": PHONE}, "what the channel does not speak of stays"
    assert participant(app, made["conversation"], user)["clientAssociations"] == [{"type": "whatsapp", "clientId": client["id"]}]


def test_a_source_in_short_and_in_full(app, sink):
    brief, full = sink.target(), sink.target()
    app.custom(brief, HEARD)
    app.custom(full, HEARD, includeFullUser=True, includeFullSource=True)
    user, channel = app.user(profile={"givenName": "Jane"}), web(app)
    devices = f"{app.path}/users/{user['id']}/devices".replace("/v2/", "/heliograph/v1/")
    first, second = (app.api.post(devices, {"type": "web", "guid": guid, "integrationId": channel}).ok(201)["device"]
                     for guid in ("g-1", "g-2"))
    made = deliver(app, integrationId=channel, userId=user["id"]).ok(201)
    source = {"type": "web", "integrationId": channel}
    assert made["message"]["source"] == source, "not in the API's own answers"
    assert told(brief, made["message"])["message"]["source"] == source
    assert set(told(brief, made["message"])["message"]["author"]["user"]) == {"id", "authenticated", "externalId"}
    shown = told(full, made["message"])["message"]
    assert shown["source"]["client"] == made["client"] and shown["source"]["client"]["type"] == "sdk"
    assert shown["source"]["device"]["id"] == second["id"] and shown["source"]["device"]["lastSeen"] >= second["lastSeen"]
    assert shown["author"]["user"]["profile"]["givenName"] == "Jane"
    other = deliver(app, integrationId=channel, userExternalId=user["externalId"], deviceId=first["id"]).ok(201)["message"]
    assert told(full, other)["message"]["source"]["device"]["guid"] == "g-1"
    listed = app.api.get(f"{app.path}/users/{user['id']}/devices").ok(200)["devices"]
    assert [one["id"] for one in listed] == [first["id"], second["id"]], "the one in hand comes first"
    assert app.messages(made["conversation"])["messages"] == [made["message"], other]


def test_a_user_of_an_sdk_gets_its_client(app, sink):
    target = sink.target()
    app.custom(target, HEARD)
    user = app.user()
    made = deliver(app, integrationId=web(app), userId=user["id"]).ok(201)
    assert made["client"]["type"] == "sdk"
    assert target.wait_event("client:add")["payload"]["reason"] == "sdkLogin"


@pytest.mark.parametrize("kind, label", [("whatsapp", "WhatsApp "), ("web", "Web "), ("custom", "")])
def test_the_name_of_a_user_who_told_none(app, kind, label):
    user = app.user()
    channel = app.custom().id if kind == "custom" else app.api.post(f"{app.path}/integrations", {"type": kind}).ok(201)["integration"]["id"]
    made = deliver(app, integrationId=channel, userId=user["id"], metadata=None).ok(201)["message"]
    assert made["author"]["displayName"] == f"{label}User {user['id']}"


@pytest.mark.parametrize("content", [
    {"type": "text", "text": "Yes", "payload": "YES"},
    {"type": "image", "mediaUrl": "http://127.0.0.1:9/a.png", "text": "Look", "altText": "A cat"},
    {"type": "file", "mediaUrl": "http://127.0.0.1:9/a.pdf", "altText": "A list"},
    {"type": "location", "coordinates": {"lat": 45.5, "long": -73.5}},
])
def test_what_users_write(app, content):
    made = deliver(app, content, integrationId=whatsapp(app), client={"externalId": PHONE}).ok(201)
    assert made["message"]["content"].items() >= content.items()
    if content["type"] == "location":
        assert made["message"]["content"]["text"].startswith("Location shared:\n")


@pytest.mark.parametrize("content", [
    {"type": "carousel", "items": [{"title": "One", "actions": [{"type": "link", "text": "More", "uri": "https://example.org"}]}]},
    {"type": "list", "items": [{"title": "One", "actions": [{"type": "link", "text": "More", "uri": "https://example.org"}]}]},
    FORM,
    {"type": "template", "template": {"name": "hello"}},
])
def test_what_users_do_not_write(app, content):
    title = f"content.type {content['type']} can only be sent by author.type business"
    deliver(app, content, integrationId=whatsapp(app), client={"externalId": PHONE}).refused(400, "bad_request", title)


def test_a_file_goes_with_its_message(app):
    upload = app.api.session.post(
        f"{app.server.url}{app.path}/attachments?access=public&for=message", auth=(app.key["id"], app.key["secret"]),
        files={"source": ("a.txt", b"Some notes")}, timeout=60).json()["attachment"]
    made = deliver(app, {"type": "file", "mediaUrl": upload["mediaUrl"]}, integrationId=whatsapp(app),
                   client={"externalId": PHONE}).ok(201)
    assert made["message"]["content"]["mediaSize"] == 10 and made["message"]["content"]["mediaType"].startswith("text/plain")
    assert app.api.session.get(upload["mediaUrl"], timeout=60).status_code == 200
    app.api.delete(f"{app.conversation_path(made['conversation'])}/messages/{made['message']['id']}").ok(200)
    assert app.api.session.get(upload["mediaUrl"], timeout=60).status_code == 404


def test_unread_counts_and_times(app):
    jane, joe = app.user(), app.user()
    group, channel = app.group(jane, joe), web(app)
    app.say(group, "Hello, both")
    made = deliver(app, integrationId=channel, userId=jane["id"], conversationId=group["id"]).ok(201)
    assert participant(app, group, jane)["unreadCount"] == 0 and participant(app, group, joe)["unreadCount"] == 2
    assert participant(app, group, jane)["lastRead"] == made["message"]["received"]
    shown = app.api.get(app.conversation_path(group)).ok(200)["conversation"]
    assert shown["lastUpdatedAt"] == made["message"]["received"]
    (client,) = clients(app, jane)
    assert client["lastSeen"] == made["client"]["lastSeen"] >= client["linkedAt"]
    report(app, group, {"type": "conversation:read"}, integrationId=channel, userId=joe["id"]).ok(200)
    assert participant(app, group, joe)["unreadCount"] == 0


def test_reading_on_a_channel(app, sink):
    target = sink.target()
    app.custom(target, HEARD)
    conversation, channel = app.personal(), web(app)
    report(app, conversation, {"type": "conversation:read"}, integrationId=channel).ok(200)
    event = target.wait_event("conversation:read")
    assert event["payload"]["activity"]["source"] == {"type": "web", "integrationId": channel}
    if reference():
        reference().check(event)


def test_the_conversation_that_is_meant(app):
    """The one that is named; else, of those that the client is in, the one with the latest message; else the default one."""
    user, channel, other = app.user(), whatsapp(app), whatsapp(app)
    first, second = app.personal(user), app.personal(user)

    def written(**more):
        return deliver(app, **{"integrationId": channel, "userId": user["id"], **more}).ok(201)["conversation"]["id"]

    assert written(client={"externalId": PHONE}) == first["id"]
    assert written(conversationId=second["id"]) == second["id"]
    assert written() == second["id"]
    assert written(integrationId=other, client={"externalId": "+12125552369"}) == first["id"]
    # In a personal conversation there is only one who can have written it.
    alone = deliver(app, integrationId=channel, conversationId=first["id"]).ok(201)
    assert alone["user"]["id"] == user["id"]


def test_a_channel_of_ones_own(app):
    """A custom integration delivers with its own key; its users have no client."""
    bot, user = app.custom(), app.user()
    made = deliver(app, caller=bot.api, userId=user["id"]).ok(201)
    assert made["message"]["source"] == {"type": "custom", "integrationId": bot.id} and "client" not in made
    title = "client should NOT be given for an integration of type custom"
    deliver(app, caller=bot.api, client={"externalId": PHONE}).refused(400, "bad_request", title)
    title = "client should NOT be given for an integration of type web"
    deliver(app, integrationId=web(app), client={"externalId": PHONE}).refused(400, "bad_request", title)


def test_who_is_not_there(app):
    user, channel = app.user(), whatsapp(app)
    title = "should have exactly one of userId, userExternalId and client"
    deliver(app, integrationId=channel).refused(400, "bad_request", title)
    deliver(app, integrationId=channel, conversationId=app.group(user)["id"]).refused(400, "bad_request", title)
    deliver(app, userId=user["id"]).refused(400, "bad_request", "should have required property 'integrationId'")
    deliver(app, userId=user["id"], integrationId=MISSING).refused(404, "integration_not_found")
    deliver(app, userId=user["id"], integrationId=new_app(app.server).custom().id).refused(404, "integration_not_found")
    deliver(app, userId=MISSING, integrationId=channel).refused(404, "user_not_found")
    deliver(app, userId=user["id"], integrationId=channel, deviceId=MISSING).refused(404, "device_not_found")
    named = {"userId": user["id"], "integrationId": channel}
    deliver(app, conversationId=MISSING, **named).refused(404, "conversation_not_found")
    deliver(app, conversationId=app.personal()["id"], **named).refused(404, "not_found", "User is not a member of the conversation")
    deliver(app, quotedMessage={"messageId": MISSING}, **named).refused(404, "not_found")
    deliver(app, quotedMessage={}, **named).refused(400, "bad_request")
    theirs = deliver(app, integrationId=channel, client={"externalId": PHONE}).ok(201)["user"]
    title = "client.externalId should NOT be that of another user"
    deliver(app, client={"externalId": PHONE}, **named).refused(400, "bad_request", title)
    assert clients(app, user) == [] and theirs["id"] != user["id"]
    listed = app.api.get(f"{app.path}/conversations?filter[userId]={user['id']}").ok(200)["conversations"]
    assert [one["type"] for one in listed] == ["sdkGroup"], "what is refused leaves nothing behind"
    deliver(app, metadata={"a": "x" * 4096}, **named).refused(400, "bad_request", "Message metadata is limited to 4096 bytes in size.")


def test_a_full_conversation(app):
    user = app.user()
    conversation, named = app.personal(user), {"userId": user["id"], "integrationId": web(app)}
    app.server.sql(f"UPDATE conversation SET message_count = 29999 WHERE id = '{conversation['id']}'")
    deliver(app, **named).ok(201)
    deliver(app, **named).refused(423, "locked", "Message limit of 30000 per conversation reached.")


def test_card_numbers_are_masked(server):
    for masks, shown in ((True, "************4242"), (False, "4242424242424242")):
        app = new_app(server, maskCreditCardNumbers=masks)
        channel = whatsapp(app)
        made = deliver(app, {"type": "text", "text": "4242424242424242"}, integrationId=channel, client={"externalId": PHONE}).ok(201)
        assert made["message"]["content"]["text"] == shown
        asked = form(app, made["conversation"], {"type": "form", "fields": [{"type": "text", "name": "card", "label": "Card?"}]})
        given = answer(asked, [{"type": "text", "name": "card", "label": "?", "text": "4242424242424242"}])
        filled = deliver(app, given, integrationId=channel, client={"externalId": PHONE}).ok(201)["message"]["content"]
        assert filled["fields"][0]["text"] == shown and filled["textFallback"] == f"Card?: {shown}"


def test_a_message_is_delivered_once(app):
    """A channel that is not sure whether it was heard says the same again, under the same name."""
    channel, name = whatsapp(app), {"Idempotency-Key": "wamid.1"}
    path = f"{app.path}/channelMessages".replace("/v2/", "/heliograph/v1/")
    body = {"integrationId": channel, "client": {"externalId": PHONE}, "content": TEXT}
    first, second = (app.api.post(path, body, headers=name).ok(201) for _ in range(2))
    assert first == second and app.messages(first["conversation"])["messages"] == [first["message"]]


def test_a_stranger_who_writes_a_lot_at_once_is_one(app):
    channel = whatsapp(app)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: deliver(app, {"type": "text", "text": str(n)}, caller=app.account, integrationId=channel,
                                               client={"externalId": PHONE}).ok(201), range(16)))
    for name in ("user", "conversation", "client"):
        assert len({one[name]["id"] for one in made}) == 1, name
    assert len(app.messages(made[0]["conversation"])["messages"]) == 16


# ---- Quotes


def test_quotes(app, sink):
    target = sink.target()
    app.custom(target, HEARD)
    user, channel = app.user(), whatsapp(app)
    conversation, named = app.personal(user), {"userId": user["id"], "integrationId": channel}
    asked = app.say(conversation, "Which one?")
    reply = deliver(app, quotedMessage={"messageId": asked["id"]}, originalMessageId="wamid.2", **named).ok(201)["message"]
    assert reply["quotedMessage"] == {"type": "message", "message": asked}
    assert told(target, reply)["message"]["quotedMessage"] == reply["quotedMessage"]
    # By the ids that the channel gave: of what users wrote, and of what it has taken.
    again = deliver(app, quotedMessage={"externalMessageId": "wamid.2"}, **named).ok(201)["message"]
    inner = {name: value for name, value in reply.items() if name != "quotedMessage"}
    assert again["quotedMessage"] == {"type": "message", "message": inner}, "a quote within a quote is left out"
    taken = {"type": "delivery:channel", "messageId": asked["id"], "externalMessages": [{"id": "wamid.3"}]}
    report(app, conversation, taken, integrationId=channel).ok(200)
    third = deliver(app, quotedMessage={"externalMessageId": "wamid.3"}, **named).ok(201)["message"]
    assert third["quotedMessage"]["message"]["id"] == asked["id"]
    unknown = deliver(app, quotedMessage={"externalMessageId": "wamid.9"}, **named).ok(201)["message"]
    assert unknown["quotedMessage"] == {"type": "externalMessageId", "externalMessageId": "wamid.9"}
    assert told(target, unknown)["message"]["quotedMessage"] == unknown["quotedMessage"]
    elsewhere = app.say(app.personal(user), "Elsewhere")
    deliver(app, quotedMessage={"messageId": elsewhere["id"]}, conversationId=conversation["id"], **named).refused(404, "not_found")
    listed = app.messages(conversation)["messages"]
    assert listed == [asked, reply, again, third, unknown]


def test_what_is_deleted_is_quoted_no_more(app):
    user, channel = app.user(), whatsapp(app)
    conversation, named = app.personal(user), {"userId": user["id"], "integrationId": channel}
    secret = form(app, conversation, {"type": "text", "text": "The word is sesame", "actions": [
        {"type": "link", "text": "More", "uri": "https://example.org"}]})
    deliver(app, quotedMessage={"messageId": secret["id"]}, **named).ok(201)
    app.api.delete(f"{app.conversation_path(conversation)}/messages/{secret['id']}").ok(200)
    (left,) = app.messages(conversation)["messages"]
    quoted = left["quotedMessage"]["message"]
    assert (quoted["id"], quoted["deleted"], quoted["content"]) == (secret["id"], True, {"type": "text", "text": ""})
    assert left["content"] == TEXT
    assert "sesame" not in app.server.sql(f"SELECT body FROM message WHERE conversation_id = '{conversation['id']}'")
    app.api.delete(f"{app.conversation_path(conversation)}/messages").ok(200)
    for table in ("message_quote", "message_external_id", "message_ref"):
        assert app.server.sql(f"SELECT * FROM {table} WHERE conversation_id = '{conversation['id']}'").strip() == ""


def test_a_conversation_that_becomes_part_of_another(server):
    """Where users have one conversation, merging them makes one of two: quotes, the channel's ids and data go along."""
    app = new_app(server, multiConvoEnabled=False)
    stays, goes = (app.user(zendeskId=f"{app.id}-{number}") for number in range(2))
    kept, absorbed = app.personal(stays), app.personal(goes)
    channel = whatsapp(app)
    apple = {"type": "apple", "businessId": "9ef4e7a5", "apiSecret": "apple-api-secret-1", "mspId": "f8c3"}
    apple = app.api.post(f"{app.path}/integrations", apple).ok(201)["integration"]["id"]
    asked = app.say(absorbed, "Which one?")
    first = deliver(app, integrationId=channel, userId=goes["id"], client={"externalId": PHONE}, originalMessageId="wamid.1",
                    quotedMessage={"messageId": asked["id"]}).ok(201)["message"]
    ref = {name: name for name in ("url", "bid", "key", "signature", "owner")}
    event = {"type": "passthrough", "payload": {}, "download": {"interactiveDataRef": ref, "data": {"title": "Two"}}}
    report(app, absorbed, event, integrationId=apple).ok(200)
    app.api.post(f"{app.path}/users/{goes['zendeskId']}/sync", {"survivingZendeskId": stays["zendeskId"]}).ok(200)

    again = deliver(app, integrationId=channel, client={"externalId": PHONE}, quotedMessage={"externalMessageId": "wamid.1"}).ok(201)
    assert (again["user"]["id"], again["conversation"]["id"]) == (stays["id"], kept["id"])
    quoted = again["message"]["quotedMessage"]["message"]
    assert quoted["id"] == first["id"] and quoted["author"]["userId"] == stays["id"]
    body = {"userId": stays["id"], "apple": {"interactiveDataRef": ref}}
    assert app.api.post(f"{app.conversation_path(kept)}/download", body).ok(200) == {"title": "Two"}
    app.api.delete(f"{app.conversation_path(kept)}/messages/{asked['id']}").ok(200)
    left = next(one for one in app.messages(kept)["messages"] if one["id"] == first["id"])
    assert left["quotedMessage"]["message"]["deleted"] is True


# ---- Forms


@pytest.fixture
def talk(app):
    """(conversation, form, who writes where)"""
    user = app.user()
    conversation = app.personal(user)
    return conversation, form(app, conversation), {"userId": user["id"], "integrationId": web(app)}


def test_a_form_comes_back_filled_in(app, sink, talk):
    conversation, asked, named = talk
    target = sink.target()
    app.custom(target, HEARD)
    made = deliver(app, answer(asked), **named).ok(201)["message"]
    assert made["content"]["textFallback"] == "Your name?: Jane\nYour mail?: jane@example.org\nYour size?: Large"
    assert [one["label"] for one in made["content"]["fields"]] == ["Your name?", "Your mail?", "Your size?"]
    assert made["content"]["fields"][2]["select"] == [{"name": "l", "label": "Large"}]
    assert not any("quotedMessageId" in one for one in made["content"]["fields"]), "it is only written"
    assert made["quotedMessage"]["message"]["id"] == asked["id"] and made["source"]["type"] == "web"
    assert told(target, made)["message"]["content"] == made["content"]
    shown = app.messages(conversation)["messages"]
    assert shown[0]["content"]["submitted"] is True and shown[0] == made["quotedMessage"]["message"]
    deliver(app, answer(asked), **named).refused(400, "bad_request", "The form was submitted before")


def test_the_form_may_be_quoted_instead(app, talk):
    _, asked, named = talk
    bare = {"type": "formResponse", "fields": ENTERED[:1]}
    deliver(app, bare, **named).refused(400, "bad_request", "content.fields[0] should have required property 'quotedMessageId'")
    deliver(app, bare, quotedMessage={"externalMessageId": "wamid.9"}, **named).refused(404, "not_found")
    made = deliver(app, bare, quotedMessage={"messageId": asked["id"]}, **named).ok(201)["message"]
    assert made["content"]["textFallback"] == "Your name?: Jane" and made["quotedMessage"]["message"]["id"] == asked["id"]


@pytest.mark.parametrize("fields, title", [
    ([{**ENTERED[0], "name": "age"}], "content.fields[0].name should be that of a field of the form"),
    ([ENTERED[0], ENTERED[0]], "content.fields[1].name should be unique in the response"),
    ([{**ENTERED[0], "text": "J"}], "content.fields[0].text should NOT be shorter than 2 characters"),
    ([{**ENTERED[0], "text": "Jane D"}], "content.fields[0].text should NOT be longer than 5 characters"),
    ([{**ENTERED[1], "email": "jane"}], "content.fields[0].email should match format \"email\""),
    ([{**ENTERED[1], "type": "text", "text": "jane"}], "content.fields[0].type should be that of the field of the form"),
    ([{**ENTERED[2], "select": [{"name": "xl"}]}], "content.fields[0].select[0].name should be that of an option of the field"),
    ([{**ENTERED[2], "select": []}], "content.fields[0] should have required property 'select'"),
])
def test_what_does_not_fit_the_form(app, talk, fields, title):
    conversation, asked, named = talk
    deliver(app, answer(asked, fields), **named).refused(400, "bad_request", title)
    (left,) = app.messages(conversation)["messages"]
    assert left == asked, "the form is still to be filled in"


def test_only_forms_are_filled_in(app, talk):
    conversation, asked, named = talk
    text = app.say(conversation, "No form")
    deliver(app, answer(text), **named).refused(400, "bad_request", "quotedMessageId should be the id of a message of type form")
    deliver(app, answer({"id": MISSING}), **named).refused(404, "not_found")
    second = form(app, conversation)
    mixed = {"type": "formResponse", "fields": [{**one, "quotedMessageId": of["id"]} for one, of in zip(ENTERED, (asked, second))]}
    title = "content.fields[1].quotedMessageId should be the same everywhere"
    deliver(app, mixed, **named).refused(400, "bad_request", title)
    body = {"author": {"type": "user", "userId": named["userId"]}, "content": answer(asked)}
    refused = app.api.post(f"{app.conversation_path(conversation)}/messages", body)
    refused.refused(400, "bad_request", "content.type formResponse cannot be sent by this API")


# ---- Control


def part(app, board, name, **fields):
    body = {"name": name, "integrationId": app.custom().id, **fields}
    return app.api.post(f"{board}/switchboardIntegrations", body).ok(201)["switchboardIntegration"]["id"]


@pytest.mark.parametrize("kind", ["whatsapp", "web"])
def test_who_answers(app, kind):
    """The channel's default responder comes first, in a new conversation and in one that nobody controls."""
    path = f"{app.path}/switchboards"
    board = f"{path}/{app.api.post(path).ok(201)['switchboard']['id']}"
    default, desk = part(app, board, "bot"), part(app, board, "desk")
    app.api.patch(board, {"enabled": True, "defaultSwitchboardIntegrationId": default}).ok(200)
    body = {"type": kind, "defaultResponderId": desk}
    channel, plain = (app.api.post(f"{app.path}/integrations", one).ok(201)["integration"]["id"] for one in (body, {"type": kind}))
    for integration, name in ((channel, "desk"), (plain, "bot")):
        user = app.user()
        named = {"integrationId": integration, "userId": user["id"]}
        made = deliver(app, **named).ok(201)["conversation"]
        assert made["activeSwitchboardIntegration"]["name"] == name
        app.api.post(f"{app.conversation_path(made)}/releaseControl").ok(200)
        assert "activeSwitchboardIntegration" not in app.api.get(app.conversation_path(made)).ok(200)["conversation"]
        assert deliver(app, **named).ok(201)["conversation"]["activeSwitchboardIntegration"]["name"] == name


# ---- Links that wait for a sign of life


def linking(app, user, conversation, channel, kind):
    body = {"matchCriteria": {"type": "whatsapp", "integrationId": channel, "phoneNumber": "+1 212-555-2368"},
            "confirmation": {"type": kind, "message": {"author": {"type": "business"}, "content": {"type": "text", "text": "Is it you?"}}},
            "target": {"conversationId": conversation["id"]}}
    return app.api.post(f"{app.path}/users/{user['id']}/clients", body).ok(201)["client"]


@pytest.mark.parametrize("kind, is_theirs", [("userActivity", True), ("immediate", True), ("prompt", False)])
def test_a_message_confirms_a_link(app, sink, kind, is_theirs):
    """Not where a yes or a no was asked for: what was written is neither."""
    target = sink.target()
    app.custom(target, HEARD)
    user, channel = app.user(), whatsapp(app)
    app.personal(user)
    conversation = app.personal(user)
    pending = linking(app, user, conversation, channel, kind)
    made = deliver(app, integrationId=channel, client={"externalId": PHONE}).ok(201)
    if is_theirs:
        assert (made["user"]["id"], made["conversation"]["id"]) == (user["id"], conversation["id"])
        assert made["client"]["id"] == pending["id"] and made["client"]["status"] == "active"
        event = target.wait_event("client:update")
        assert event["payload"]["reason"] == "confirmed" and event["payload"]["client"]["externalId"] == PHONE
    else:
        assert made["user"]["id"] != user["id"] and clients(app, user) == [pending]


# ---- The guide


def test_the_guide_works_line_by_line(app):
    """docs/channels.md, typed into a shell."""
    user, channel = app.user(), whatsapp(app)
    conversation = app.personal(user)
    message, client = app.say(conversation, "Hello"), linking(app, user, conversation, channel, "prompt")
    text = (ROOT / "docs" / "channels.md").read_text().replace("http://127.0.0.1:8080", app.server.relayed)
    blocks = re.findall("^```sh\n(.*?)^```", text, re.S | re.M)
    lines = 'post() { curl -sS -u "$AUTH" -H \'Content-Type: application/json\' "$1" -d "$2"; }'
    assert len(blocks) == 6 and lines in blocks[0]
    # Each answer on a line of its own.
    script = "set -eu\n" + "\n".join(blocks).replace(lines, lines.replace("; }", "; echo; }"))
    named = {"KEY_ID": app.key["id"], "SECRET": app.key["secret"], "APP": app.id, "CHANNEL": channel, "WEB": web(app),
             "CONVERSATION": conversation["id"], "MESSAGE": message["id"], "USER": user["id"], "CLIENT": client["id"]}
    done = subprocess.run(["bash", "-c", script], env={**os.environ, **named}, capture_output=True, text=True, timeout=60, check=False)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and len(answers) == 6, done.stdout + done.stderr
    integration, delivered, started, event, linked, device = answers
    assert integration["integration"]["type"] == "whatsapp" and delivered["message"]["source"]["originalMessageId"] == "wamid.1"
    assert started["client"]["displayName"] == "Joe" and started["conversation"]["type"] == "personal"
    assert event == {} and linked["client"]["status"] == "active" and device["device"]["guid"] == "a-browser-of-janes"
