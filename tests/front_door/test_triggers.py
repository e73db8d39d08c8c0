"""Each of the 26 triggers, pulled by the action that causes it. Two integrations hear of it: one that asks for users and
sources in full, and one that does not. Both get what our document says, and what the reference says where it is at hand."""

import json

import pytest
from lib.contract import triggers
from lib.reference import fields, reference
from lib.server import run
from lib.world import unique

WHATSAPP = {"type": "whatsapp"}
BUTTON = {"type": "postback", "text": "Say hello", "payload": "Greet", "metadata": {"button": 1}}
CAUSES = {}


def causes(*triggers):
    """Marks what pulls a trigger."""
    def mark(action):
        CAUSES.update(dict.fromkeys(triggers, action))
        return action
    return mark


class Stage:
    """An app with a user on a channel, and the two who hear of everything."""

    def __init__(self, app, sink):
        self.app, self.api = app, app.api
        self.brief, self.full = sink.target(), sink.target()
        self.bot = app.custom(self.brief, TRIGGERS)
        app.custom(self.full, TRIGGERS, includeFullUser=True, includeFullSource=True)
        self.web = app.api.post(f"{app.path}/integrations", {"type": "web"}).ok(201)["integration"]
        self.user = app.user(profile={"givenName": "Jane"})
        body = {"type": "personal", "participants": [{"userId": self.user["id"], "subscribeSDKClient": True}]}
        self.conversation = self.api.post(f"{app.path}/conversations", body).ok(201)["conversation"]
        self.path = app.conversation_path(self.conversation)
        device = {"type": "web", "guid": unique("guid"), "integrationId": self.web["id"]}
        self.device = self.api.post(f"{self.ours(app.path)}/users/{self.user['id']}/devices", device).ok(201)["device"]

    @staticmethod
    def ours(path):
        return path.replace("/v2/", "/heliograph/v1/")

    def report(self, **event):
        """What the channel tells."""
        body = {"integrationId": self.web["id"], "event": event}
        self.api.post(f"{self.ours(self.path)}/channelEvents", body).ok(200)

    def link(self):
        """A pending client on a second channel."""
        integration = self.api.post(f"{self.app.path}/integrations", WHATSAPP).ok(201)["integration"]
        body = {"matchCriteria": {**WHATSAPP, "integrationId": integration["id"], "phoneNumber": "+12125552368"},
                "confirmation": {"type": "immediate"}, "target": {"conversationId": self.conversation["id"]}}
        path = f"{self.app.path}/users/{self.user['id']}/clients"
        return f"{path}/{self.api.post(path, body).ok(201)['client']['id']}"

    def switchboard(self):
        """An enabled switchboard of a bot, who has control of what is new, and a desk."""
        path = f"{self.app.path}/switchboards"
        path += "/" + self.api.post(path).ok(201)["switchboard"]["id"]
        parts = {"bot": self.bot, "desk": self.app.custom()}
        made = [self.api.post(f"{path}/switchboardIntegrations", {"name": name, "integrationId": one.id}).ok(201)
                for name, one in parts.items()]
        default = made[0]["switchboardIntegration"]["id"]
        self.api.patch(path, {"enabled": True, "defaultSwitchboardIntegrationId": default}).ok(200)
        self.act("pass", "bot")

    def act(self, action, to=None):
        body = {"metadata": {"why": "test"}, **({"switchboardIntegration": to} if to else {})}
        return self.api.post(f"{self.path}/{action}Control", body)


@causes("client:add")
def link(stage):
    stage.link()


@causes("client:update")
def match(stage):
    stage.api.post(f"{stage.ours(stage.link())}/report", {"outcome": "confirmed", "displayName": "Jane"}).ok(200)


@causes("client:remove")
def unlink(stage):
    stage.api.delete(stage.link()).ok(200)


@causes("conversation:create")
def begin(stage):
    stage.app.personal(stage.user, metadata={"order": 7})


@causes("conversation:join", "conversation:leave", "conversation:remove")
def come_and_go(stage):
    group = stage.app.conversation_path(stage.app.group())
    for action in ("join", "leave"):
        stage.api.post(f"{group}/{action}", {"userId": stage.user["id"]}).ok()
    stage.api.delete(group).ok(200)


@causes("conversation:message")
def speak(stage):
    stage.app.say(stage.conversation, "Hello", stage.user)


@causes("conversation:message:delivery:channel", "conversation:message:delivery:user")
def deliver(stage):
    message = stage.app.say(stage.conversation, "Hello")["id"]
    stage.report(type="delivery:channel", messageId=message, externalMessages=[{"id": "371"}])
    stage.report(type="delivery:user", messageId=message)


@causes("conversation:message:delivery:failure")
def lose(stage):
    message = stage.app.say(stage.conversation, "Hello")["id"]
    stage.report(type="delivery:failure", messageId=message, error={"message": "Unsupported message type `form`"})


@causes("conversation:postback")
def press(stage):
    content = {"type": "text", "text": "Press", "actions": [BUTTON]}
    body = {"author": {"type": "business"}, "content": content}
    message = stage.api.post(f"{stage.path}/messages", body).ok(201)["messages"][0]
    stage.report(type="postback", messageId=message["id"], payload="Greet")


@causes("conversation:read")
def read(stage):
    body = {"author": {"type": "user", "userId": stage.user["id"]}, "type": "conversation:read"}
    stage.api.post(f"{stage.path}/activity", body).ok(200)


@causes("conversation:referral")
def refer(stage):
    stage.report(type="referral", code="summer", details={"source": "ADS", "type": "OPEN-THREAD", "adId": "42"})


@causes("conversation:typing")
def type_something(stage):
    stage.report(type="typing:start")


@causes("passthrough:messaging")
def pass_through(stage):
    stage.report(type="passthrough", payload={"apple": {"interactiveDataRef": {"bid": "com.apple.messages"}}})


@causes("switchboard:passControl", "switchboard:offerControl", "switchboard:acceptControl", "switchboard:releaseControl")
def hand_over(stage):
    stage.switchboard()
    stage.act("offer", "desk").ok(200)
    for action in ("accept", "release"):
        stage.act(action).ok(200)


@causes("switchboard:passControl:failure", "switchboard:offerControl:failure", "switchboard:acceptControl:failure")
def fail_to_hand_over(stage):
    stage.switchboard()
    for action, to in (("pass", "nobody"), ("offer", "bot"), ("accept", None)):
        stage.act(action, to).refused(400)


@causes("user:update")
def sign_in(stage):
    found = stage.api.post(f"{stage.app.path}/users", {"zendeskId": unique("z")}).ok(201)["user"]
    record = {"externalId": unique("known"), "givenName": "Jane"}
    stage.api.post(f"{stage.app.path}/users/{found['zendeskId']}/sync", record).ok(200)


@causes("user:merge")
def merge(stage):
    ids = [stage.app.user(zendeskId=unique("z"), profile={"givenName": "Jane"})["zendeskId"] for _ in range(2)]
    stage.api.post(f"{stage.app.path}/users/{ids[0]}/sync", {"survivingZendeskId": ids[1]}).ok(200)


@causes("user:remove")
def delete(stage):
    stage.api.delete(f"{stage.app.path}/users/{stage.user['id']}").ok(200)


DOCUMENT = json.loads(run("openapi").stdout)
TRIGGERS = triggers(DOCUMENT)
# By channels and SDKs alone a user is heard of; what an API's caller does has neither client nor device.
ON_A_CHANNEL = {"conversation:postback", "conversation:referral", "conversation:typing", "passthrough:messaging"}


def users(payload):
    """Every user that a payload shows."""
    acting = [payload.get(name, {}).get("author", {}) for name in ("message", "activity")]
    shown = [payload.get("user"), *(author.get("user") for author in acting), *payload.get("mergedUsers", {}).values()]
    return [one for one in shown if one]


def source(payload):
    return payload.get("source") or payload.get("activity", {}).get("source") or {}


def test_every_trigger_has_its_cause():
    assert len(TRIGGERS) == 26 and set(CAUSES) == set(TRIGGERS)


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_trigger(app, sink, trigger):
    stage = Stage(app, sink)
    CAUSES[trigger](stage)
    brief = stage.brief.wait_event(trigger)
    # The stage has causes of its own, and events of two conversations have no order.
    full = stage.full.wait_event(trigger, where=lambda event: event["id"] == brief["id"])
    for event in (brief, full):
        app.server.contract.check_event(event)
        if reference() and trigger != "passthrough:messaging":
            reference().check(event)
    assert [sorted(one) for one in users(brief["payload"])] == [
        sorted({"id", "authenticated", "externalId", "zendeskId"} & set(one)) for one in users(full["payload"])]
    for one in users(full["payload"]):
        assert trigger == "user:remove" or one["profile"]["givenName"] == "Jane"
    assert not {"client", "device"} & set(source(brief["payload"]))
    if trigger in ON_A_CHANNEL:
        told = source(full["payload"])
        assert (told["type"], told["integrationId"]) == ("web", stage.web["id"])
        assert told["client"]["type"] == "sdk" and told["device"] == {**stage.device, "lastSeen": told["client"]["lastSeen"]}
        assert told["device"]["lastSeen"] >= stage.device["lastSeen"], "who does something on a device is seen there"


# What the reference's events have and ours never do: this server has no notifications and no campaigns, and nobody says why
# control is passed or released (docs/compatibility.md).
NEVER = {
    "conversation:create": {"payload.source.campaign", "payload.source.campaign.id"},
    "conversation:message": {"payload.message.source.campaign", "payload.message.source.campaign.id"},
    "conversation:postback": {"payload.source.campaign", "payload.source.campaign.id"},
    "conversation:referral": {"payload.source.campaign", "payload.source.campaign.id"},
    "switchboard:passControl": {"payload.reason"},
    "switchboard:releaseControl": {"payload.reason"},
}


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_every_field_of_the_reference_is_described(trigger):
    """Ours are read off the types that the server fills in; what it never fills in is named above."""
    if not reference() or trigger == "passthrough:messaging":
        pytest.skip("no reference beside the repository, or nothing in it of what is passed on")
    body = DOCUMENT["webhooks"][trigger]["post"]["requestBody"]["content"]["application/json"]["schema"]
    described = fields(body["properties"]["events"]["items"], DOCUMENT["components"]["schemas"])
    wanted = fields(reference().schemas[reference().events[trigger]], reference().schemas)
    assert {"payload.conversation.id", "payload.user.id", "payload.mergedUsers.surviving.id"} & wanted
    # A message within a message within a message is not looked into.
    missing = {one for one in wanted - described if ".recentNotifications" not in one and one.count("quotedMessage.") < 2}
    assert missing == NEVER.get(trigger, set())


def test_every_trigger_of_the_reference_is_known():
    if not reference():
        pytest.skip("no reference beside the repository")
    assert set(reference().events) | {"passthrough:messaging"} == set(TRIGGERS)
