"""Custom properties: whatever has some has the same limit, to the byte, and the same rules."""

import pytest
from lib.world import NOWHERE

# `{"k":"…"}` takes 8 bytes beside the value.
ROOM = 4096 - len('{"k":""}')
HOLDERS = ["app", "user", "conversation", "message", "item", "action", "confirmation", "channel message", "control"]
OURS = ("/v2/", "/heliograph/v1/")


def holder(app, kind):
    """A call that gives something custom properties, and answers them."""
    user = app.user()
    conversation, business = app.personal(user), {"type": "business"}
    path = app.conversation_path(conversation)
    link = {"type": "link", "text": "More", "uri": "https://example.org"}

    def post(content, find, **more):
        answer = app.api.post(f"{path}/messages", {"author": business, "content": content, **more})
        return answer, lambda body: find(body["messages"][0])

    def carousel(metadata):
        item = {"title": "One", "actions": [link], "metadata": metadata}
        return post({"type": "carousel", "items": [item]}, lambda message: message["content"]["items"][0].get("metadata"))

    def action(metadata):
        return post({"type": "text", "actions": [{**link, "metadata": metadata}]},
                    lambda message: message["content"]["actions"][0].get("metadata"))

    def confirmation(metadata):
        whatsapp = app.api.post(f"{app.path}/integrations", {"type": "whatsapp"}).ok(201)["integration"]["id"]
        message = {"author": business, "content": {"type": "text", "text": "?"}, "metadata": metadata}
        body = {"matchCriteria": {"type": "whatsapp", "integrationId": whatsapp, "phoneNumber": "+12125552368"},
                "confirmation": {"type": "prompt", "message": message}, "target": {"conversationId": conversation["id"]}}
        clients = f"{app.path}/users/{user['id']}/clients"

        def shown(body):
            link = app.api.get(f"{clients.replace(*OURS)}/{body['client']['id']}/link").ok(200)["link"]
            return link["confirmation"]["message"].get("metadata")
        return app.api.post(clients, body), shown

    def delivered(metadata):
        body = {"integrationId": app.custom().id, "userId": user["id"], "metadata": metadata, "content": {"type": "text", "text": "?"}}
        answer = app.api.post(f"{app.path}/channelMessages".replace(*OURS), body)
        return answer, lambda body: body["message"].get("metadata")

    def control(metadata):
        boards = f"{app.path}/switchboards"
        board = app.api.get(boards).ok(200)["switchboards"] or [app.api.post(boards).ok(201)["switchboard"]]
        parts = f"{boards}/{board[0]['id']}/switchboardIntegrations"
        if not app.api.get(parts).ok(200)["switchboardIntegrations"]:
            part = app.api.post(parts, {"name": "bot", "integrationId": app.custom(NOWHERE).id}).ok(201)["switchboardIntegration"]
            app.api.patch(f"{boards}/{board[0]['id']}", {"enabled": True, "defaultSwitchboardIntegrationId": part["id"]}).ok(200)
        answer = app.api.post(f"{path}/passControl", {"switchboardIntegration": "bot", "metadata": metadata})
        return answer, lambda body: metadata

    return {
        "app": lambda metadata: (app.api.patch(app.path, {"metadata": metadata}), lambda body: body["app"].get("metadata")),
        "user": lambda metadata: (app.api.post(f"{app.path}/users", {"metadata": metadata}), lambda body: body["user"]["metadata"]),
        "conversation": lambda metadata: (app.api.post(f"{app.path}/conversations", {"type": "sdkGroup", "metadata": metadata}),
                                          lambda body: body["conversation"].get("metadata")),
        "message": lambda metadata: post({"type": "text", "text": "?"}, lambda message: message.get("metadata"), metadata=metadata),
        "item": carousel, "action": action, "confirmation": confirmation, "channel message": delivered, "control": control,
    }[kind]


@pytest.mark.parametrize("kind", HOLDERS)
def test_four_kilobytes_to_the_byte(app, kind):
    give = holder(app, kind)
    for metadata in ({"k": "x" * ROOM}, {"k": "é" * (ROOM // 2)}, {"k" * 4000: True, "n": 1.5}):
        answer, shown = give(metadata)
        assert shown(answer.ok()) == metadata if kind != "app" else shown(answer.ok()).items() >= metadata.items()
        if kind == "app":
            app.api.patch(app.path, {"metadata": None}).ok(200)
    for metadata in ({"k": "x" * (ROOM + 1)}, {"k": "é" * (ROOM // 2 + 1)}, {"k" * 4095: 1}):
        give(metadata)[0].refused(400, "bad_request")


@pytest.mark.parametrize("kind", HOLDERS)
@pytest.mark.parametrize("value", [{"a": 1}, [1], [], {}])
def test_values_are_flat(app, kind, value):
    answer = holder(app, kind)({"k": value})[0].refused(400, "bad_request")
    assert answer.titles[0].endswith("metadata.k should be string,number,boolean,null"), answer.titles
