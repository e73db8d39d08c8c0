"""The contract's maxima (and minima), each to the unit: what is just allowed is taken, one more is refused and named."""

import pytest
from lib.world import NOWHERE, unique

LINK = {"type": "link", "text": "More", "uri": "https://example.org"}
IMAGE = "https://127.0.0.1:9/"


def item(**fields):
    return {"type": "carousel", "items": [{"title": "One", "actions": [LINK], **fields}]}


def field(kind="text", **fields):
    return {"type": "form", "fields": [{"type": kind, "name": "n", "label": "N", **fields}]}


def fields(count):
    return {"type": "form", "fields": [{"type": "text", "name": str(n), "label": "N"} for n in range(count)]}


def options(count):
    return field("select", options=[{"name": str(n), "label": "N"} for n in range(count)])


# (what, the content of a message for a size, the largest size, the place that is named)
CONTENTS = [
    ("text", lambda n: {"type": "text", "text": "x" * n}, 4096, "content.text"),
    ("htmlText", lambda n: {"type": "text", "htmlText": "x" * n}, 4096, "content.htmlText"),
    ("markdownText", lambda n: {"type": "text", "text": "x", "markdownText": "x" * n}, 4089, "content.markdownText"),
    ("altText", lambda n: {"type": "file", "mediaUrl": IMAGE, "altText": "x" * n}, 128, "content.altText"),
    ("text of a file", lambda n: {"type": "file", "mediaUrl": IMAGE, "text": "x" * n}, 4096, "content.text"),
    ("items", lambda n: {"type": "carousel", "items": [{"title": "One", "actions": [LINK]}] * n}, 10, "content.items"),
    ("items of a list", lambda n: {"type": "list", "items": [{"title": "One", "actions": [LINK]}] * n}, 10, "content.items"),
    ("actions of a list", lambda n: {"type": "list", "items": item()["items"], "actions": [LINK] * n}, 10, "content.actions"),
    ("actions of an item", lambda n: item(actions=[LINK] * n), 3, "content.items[0].actions"),
    ("title of an item", lambda n: item(title="x" * n), 128, "content.items[0].title"),
    ("description of an item", lambda n: item(description="x" * n), 128, "content.items[0].description"),
    ("mediaUrl of an item", lambda n: item(mediaUrl=IMAGE + "x" * (n - len(IMAGE))), 2048, "content.items[0].mediaUrl"),
    ("mediaType of an item", lambda n: item(mediaType="x" * n), 128, "content.items[0].mediaType"),
    ("altText of an item", lambda n: item(altText="x" * n), 128, "content.items[0].altText"),
    ("fields", fields, 20, "content.fields"),
    ("options", options, 200, "content.fields[0].options"),
    ("name of a field", lambda n: field(name="x" * n), 128, "content.fields[0].name"),
    ("label of a field", lambda n: field(label="x" * n), 128, "content.fields[0].label"),
    ("placeholder", lambda n: field(placeholder="x" * n), 128, "content.fields[0].placeholder"),
    ("text of a field", lambda n: field(text="x" * n), 256, "content.fields[0].text"),
    ("email of a field", lambda n: field("email", email="x" * n), 128, "content.fields[0].email"),
    ("maxSize", lambda n: field(maxSize=n), 256, "content.fields[0].maxSize"),
    ("minSize", lambda n: field(minSize=n, maxSize=256), 256, "content.fields[0].minSize"),
    ("name of an option", lambda n: field("select", options=[{"name": "x" * n, "label": "N"}]), 128, "content.fields[0].options[0].name"),
    ("label of an option", lambda n: field("select", options=[{"name": "n", "label": "x" * n}]), 128, "content.fields[0].options[0].label"),
]


def reference(**one):
    return {"references": [{"uri": "https://example.org", **one}]}


# (what, what stands beside the content for a size, the largest size, the place that is named)
BESIDE = [
    ("references", lambda n: {"references": [{"uri": "https://example.org"}] * n}, 10, "references"),
    ("uri of a reference", lambda n: reference(uri=IMAGE + "x" * (n - len(IMAGE))), 2048, "references[0].uri"),
    ("title of a reference", lambda n: reference(title="x" * n), 128, "references[0].title"),
    ("description of a reference", lambda n: reference(description="x" * n), 256, "references[0].description"),
    ("avatarUrl", lambda n: {"author": {"type": "business", "avatarUrl": IMAGE + "x" * (n - len(IMAGE))}}, 2048, "author.avatarUrl"),
]


def hook():
    return [{"target": NOWHERE, "triggers": ["conversation:message"]}]


# (what, path, the body for a size, the largest size, the place that is named)
BODIES = [
    ("externalId", "users", lambda n: {"externalId": unique("x").ljust(n, "x")}, 1024, "externalId"),
    ("givenName", "users", lambda n: {"profile": {"givenName": "x" * n}}, 128, "profile.givenName"),
    ("surname", "users", lambda n: {"profile": {"surname": "x" * n}}, 128, "profile.surname"),
    ("email", "users", lambda n: {"profile": {"email": "x" * (n - 4) + "@b.c"}}, 128, "profile.email"),
    ("avatarUrl", "users", lambda n: {"profile": {"avatarUrl": IMAGE + "x" * (n - len(IMAGE))}}, 2048, "profile.avatarUrl"),
    ("locale", "users", lambda n: {"profile": {"locale": "x" * n}}, 64, "profile.locale"),
    ("brandId", "users", lambda n: {"brandId": "x" * n}, 24, "brandId"),
    ("displayName of a conversation", "conversations", lambda n: {"type": "sdkGroup", "displayName": "x" * n}, 100, "displayName"),
    ("description", "conversations", lambda n: {"type": "sdkGroup", "description": "x" * n}, 100, "description"),
    ("iconUrl", "conversations", lambda n: {"type": "sdkGroup", "iconUrl": IMAGE + "x" * (n - len(IMAGE))}, 2048, "iconUrl"),
    ("displayName of an integration", "integrations", lambda n: {"type": "custom", "displayName": "x" * n, "webhooks": hook()}, 100, "displayName"),
    ("webhooks of an integration", "integrations", lambda n: {"type": "custom", "webhooks": hook() * n}, 1, "webhooks"),
]


def held(post, make, most, place):
    post(make(most)).ok(201)
    refused = post(make(most + 1)).refused(400, "bad_request")
    assert refused.titles[0].startswith(f"{place} should "), refused.titles
    assert str(most) in refused.titles[0] or "when it is HTML" in refused.titles[0], refused.titles


@pytest.mark.parametrize("what, make, most, place", CONTENTS, ids=[row[0] for row in CONTENTS])
def test_in_a_message(app, what, make, most, place):
    path = f"{app.conversation_path(app.personal())}/messages"
    held(lambda content: app.api.post(path, {"author": {"type": "business"}, "content": content}), make, most, place)


@pytest.mark.parametrize("what, make, most, place", BESIDE, ids=[row[0] for row in BESIDE])
def test_beside_the_content(app, what, make, most, place):
    path = f"{app.conversation_path(app.personal())}/messages"
    plain = {"author": {"type": "business"}, "content": {"type": "text", "text": "Hello"}}
    held(lambda more: app.api.post(path, {**plain, **more}), make, most, place)


@pytest.mark.parametrize("what, path, make, most, place", BODIES, ids=[row[0] for row in BODIES])
def test_in_a_body(app, what, path, make, most, place):
    held(lambda body: app.api.post(f"{app.path}/{path}", body), make, most, place)


def test_participants(app):
    users = [app.user() for _ in range(11)]
    body = {"type": "sdkGroup", "participants": [{"userId": user["id"]} for user in users]}
    app.api.post(f"{app.path}/conversations", body).refused(400, "bad_request", "participants should NOT have more than 10 items")
    group = app.api.post(f"{app.path}/conversations", {**body, "participants": body["participants"][:10]}).ok(201)["conversation"]
    join = f"{app.conversation_path(group)}/join"
    app.api.post(join, {"userId": users[10]["id"]}).refused(400, "bad_request", "Too many participants")
    app.api.post(f"{app.conversation_path(group)}/leave", {"userId": users[0]["id"]}).ok(200)
    app.api.post(join, {"userId": users[10]["id"]}).ok(201)


@pytest.mark.parametrize("content", [
    {"type": "carousel", "items": []}, {"type": "list", "items": []}, item(actions=[]), item(title=""),
    {"type": "list", "items": item()["items"], "actions": []}, {"type": "form", "fields": []}, field(name=""), field(label=""),
    field(placeholder=""), field(minSize=0), field(maxSize=0),
])
def test_what_is_there_holds_something(app, content):
    path = f"{app.conversation_path(app.personal())}/messages"
    app.api.post(path, {"author": {"type": "business"}, "content": content}).refused(400, "bad_request")
