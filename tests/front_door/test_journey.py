"""The one job from end to end: a key, a token, a message on behalf of the integration, its webhook."""

from lib import tokens
from lib.api import Api


def test_from_key_to_webhook(server, app, sink):
    target = sink.target()
    integration = app.custom(target, ["conversation:message"])
    path = f"{app.path}/integrations/{integration.id}/keys"
    key = server.account.post(path, {"displayName": "My custom key"}).ok(201)["key"]

    caller = Api(server, bearer=tokens.mint(key, scope="integration"))
    user = caller.post(f"{app.path}/users", {"externalId": "jane@example.org"}).ok(201)["user"]
    opened = {"type": "personal", "participants": [{"userExternalId": "jane@example.org"}]}
    conversation = caller.post(f"{app.path}/conversations", opened).ok(201)["conversation"]
    posted = {"author": {"type": "business", "displayName": "Ada"}, "content": {"type": "text", "text": "Hello, Jane"}}
    answer = caller.post(f"{app.path}/conversations/{conversation['id']}/messages", posted).ok(201)
    message = answer["messages"][0]
    assert len(answer["messages"]) == 1
    assert message["source"] == {"type": "api:conversations"}
    assert user["externalId"] == "jane@example.org"

    (delivery,) = target.wait_deliveries(1)
    assert delivery.headers["x-api-key"] == integration.webhook["secret"]
    assert delivery.headers["content-type"].startswith("application/json")
    assert delivery.body["app"] == {"id": app.id}
    assert delivery.body["webhook"] == {"id": integration.webhook["id"], "version": "v2"}
    (event,) = delivery.events
    assert event["type"] == "conversation:message"
    assert event["payload"]["conversation"] == {"id": conversation["id"], "type": "personal"}
    delivered = event["payload"]["message"]
    assert {"id": delivered["id"], "received": delivered["received"]} == {"id": message["id"], "received": message["received"]}
    assert delivered["content"] == {"type": "text", "text": "Hello, Jane"}
    assert delivered["source"]["type"] == "api:conversations"
    assert (delivered["author"]["type"], delivered["author"]["displayName"]) == ("business", "Ada")


def test_the_same_under_the_sc_prefix(server, app):
    integration = app.custom()
    caller = integration.bearer
    user = caller.post(f"/sc{app.path}/users", {"externalId": "prefixed"}).ok(201)["user"]
    assert caller.get(f"{app.path}/users/{user['id']}").ok(200)["user"]["id"] == user["id"]
    assert caller.get(f"/sc{app.path}/users/prefixed").ok(200)["user"]["id"] == user["id"]
    assert caller.get(f"/sc{app.path}/users/nobody").refused(404, "user_not_found", "User not found")


def test_token_info(app, server):
    """An integration's or an app's credential tells which app it belongs to; an account belongs to none."""
    for key in (app.key, app.custom().key):
        for caller in (Api(server, key), Api(server, bearer=tokens.mint(key))):
            info = caller.get("/v2/tokenInfo").ok(200)
            assert info["app"]["id"] == app.id
            assert info["app"]["displayName"] == app.body["displayName"]
            assert caller.get("/sc/v2/tokenInfo").ok(200) == info
    for key in (server.first_key, server.admin_key("--service", "--grant", app.id)):
        assert Api(server, bearer=tokens.mint(key)).get("/v2/tokenInfo").ok(200) == {}
    Api(server).get("/v2/tokenInfo").refused(401, "unauthorized", "Authorization is required")
