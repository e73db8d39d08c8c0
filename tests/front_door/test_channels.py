"""What only some channels know: data that is referred to, and conversion events."""

import pytest
from lib.catalogue import KINDS
from lib.world import MISSING

REF = {"url": "https://p61-content.icloud.com/M", "bid": "com.apple.messages", "key": "00c0", "signature": "81a6", "owner": "M58C"}
EVENTS = {"payload": {"data": [{"event_name": "Purchase", "event_time": 1752161233}]}}


def channel_events(path):
    return path.replace("/v2/", "/heliograph/v1/").replace("/download", "/channelEvents")


def test_download_of_what_nobody_reported(app):
    user = app.user()
    path = f"{app.conversation_path(app.personal(user))}/download"
    body = {"userId": user["id"], "apple": {"interactiveDataRef": REF}}
    app.api.post(path, body).refused(400, "bad_request", "No data was reported for this interactiveDataRef in the conversation")
    app.api.post(path, {"userId": user["id"]}).refused(400, "bad_request", "should have required property 'apple'")
    app.api.post(path, {}).refused(400, "bad_request", "should have required property 'userId'")
    broken = {"userId": user["id"], "apple": {"interactiveDataRef": {**REF, "key": 5}}}
    app.api.post(path, broken).refused(400, "bad_request", "apple.interactiveDataRef.key should be string")
    app.api.post(path, {**body, "userId": MISSING}).refused(404, "user_not_found")
    app.api.post(path, {**body, "userId": app.user()["id"]}).refused(404, "not_found")
    app.api.post(f"{app.path}/conversations/{MISSING}/download", body).refused(404, "conversation_not_found")


def test_download_of_what_was_reported(app):
    """Whoever runs Apple's channel fetches the data that a message refers to, and reports it with the message."""
    user = app.user()
    conversation, elsewhere = app.personal(user), app.personal(user)
    path, data = f"{app.conversation_path(conversation)}/download", {"replyMessage": {"title": "Two tickets"}, "list": [1, None]}
    body = {"userId": user["id"], "apple": {"interactiveDataRef": REF}}
    apple, whatsapp = (app.api.post(f"{app.path}/integrations", {"type": kind, **KINDS[kind].body}).ok(201)["integration"]["id"]
                       for kind in ("apple", "whatsapp"))
    event = {"type": "passthrough", "payload": {"interactiveDataRef": REF}, "download": {"interactiveDataRef": REF, "data": data}}
    title = "event.download should only be given for an integration of type apple"
    app.api.post(channel_events(path), {"integrationId": whatsapp, "event": event}).refused(400, "bad_request", title)
    app.api.post(channel_events(path), {"integrationId": apple, "event": event}).ok(200)
    assert app.api.post(path, body).ok(200) == data
    other = {**body, "apple": {"interactiveDataRef": {**REF, "signature": "forged"}}}
    app.api.post(path, other).refused(400, "bad_request", "No data was reported for this interactiveDataRef in the conversation")
    app.api.post(f"{app.conversation_path(elsewhere)}/download", body).refused(400, "bad_request")
    again = {**event, "download": {"interactiveDataRef": REF, "data": {}}}
    app.api.post(channel_events(path), {"integrationId": apple, "event": again}).ok(200)
    assert app.api.post(path, body).ok(200) == {}
    kept = app.server.sql(f"SELECT digest FROM message_ref WHERE conversation_id = '{conversation['id']}'")
    assert REF["key"] not in kept and kept.strip(), "what a reference is unlocked with is not kept"


@pytest.mark.parametrize("channel", ["messenger", "instagram", "whatsapp"])
def test_conversion_events(app, channel):
    path = f"{app.conversation_path(app.personal())}/conversionEvents"
    app.api.post(path, {channel: EVENTS}).refused(400, "bad_request", f"The app has no integration of type {channel}")
    made = app.api.post(f"{app.path}/integrations", {"type": channel, **KINDS[channel].body}).ok(201)["integration"]
    assert app.api.post(path, {channel: EVENTS}).ok(200) == {"conversionEvents": {"datasetId": made["id"], "eventsReceived": 1}}


@pytest.mark.parametrize("body, title", [
    ({}, "should have exactly one of messenger, instagram and whatsapp"),
    ({"messenger": EVENTS, "whatsapp": EVENTS}, "should have exactly one of messenger, instagram and whatsapp"),
    ({"messenger": {}}, "messenger should have required property 'payload'"),
    ({"messenger": {"payload": {}}}, "messenger.payload should have required property 'data'"),
    ({"messenger": {"payload": {"data": [5]}}}, "messenger.payload.data[0] should be object"),
])
def test_bad_conversion_events(app, body, title):
    app.api.post(f"{app.conversation_path(app.personal())}/conversionEvents", body).refused(400, "bad_request", title)
    app.api.post(f"{app.path}/conversations/{MISSING}/conversionEvents", {"messenger": EVENTS}).refused(404, "conversation_not_found")
