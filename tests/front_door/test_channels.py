"""What only some channels know: data that is referred to, and conversion events."""

import pytest
from lib.catalogue import KINDS
from lib.world import MISSING

REF = {"url": "https://p61-content.icloud.com/M", "bid": "com.apple.messages", "key": "00c0", "signature": "81a6", "owner": "M58C"}
EVENTS = {"payload": {"data": [{"event_name": "Purchase", "event_time": 1752161233}]}}


def test_download_needs_a_client_of_the_channel(app):
    user = app.user()
    path = f"{app.conversation_path(app.personal(user))}/download"
    body = {"userId": user["id"], "apple": {"interactiveDataRef": REF}}
    app.api.post(path, body).refused(400, "bad_request", "The user has no client of type apple in the conversation")
    app.api.post(path, {"userId": user["id"]}).refused(400, "bad_request", "should have required property 'apple'")
    app.api.post(path, {}).refused(400, "bad_request", "should have required property 'userId'")
    broken = {"userId": user["id"], "apple": {"interactiveDataRef": {**REF, "key": 5}}}
    app.api.post(path, broken).refused(400, "bad_request", "apple.interactiveDataRef.key should be string")
    app.api.post(path, {**body, "userId": MISSING}).refused(404, "user_not_found")
    app.api.post(path, {**body, "userId": app.user()["id"]}).refused(404, "not_found")
    app.api.post(f"{app.path}/conversations/{MISSING}/download", body).refused(404, "conversation_not_found")


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
