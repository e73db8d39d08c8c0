"""Who has control of a conversation, who gets it next, and who is told of what."""

import pytest
from lib.api import Api
from lib.world import EVERY_TRIGGER, MISSING, Integration

ACTIONS = ["pass", "offer", "accept", "release"]
CONTROL = [f"switchboard:{action}Control" for action in ACTIONS]
FAILURES = [f"switchboard:{action}Control:failure" for action in ACTIONS[:3]]
TRIGGERS = [*EVERY_TRIGGER, *CONTROL, *FAILURES]


class Part:
    """A part of the switchboard: an integration with a webhook that is called for everything."""

    def __init__(self, app, parts, sink, name, **fields):
        self.target = sink.target()
        self.integration = app.custom(self.target, TRIGGERS)
        body = {"name": name, "integrationId": self.integration.id, **fields}
        self.body = app.api.post(parts, body).ok(201)["switchboardIntegration"]
        self.path = f"{parts}/{self.id}"

    @property
    def id(self):
        return self.body["id"]

    @property
    def api(self):
        return self.integration.api

    @property
    def shown(self):
        """As conversations show it."""
        return {name: self.body[name] for name in ("id", "name", "integrationId", "integrationType")}

    def hears(self, kind, conversation):
        """The payload of an event about a conversation, when it arrives."""
        return self.target.wait_event(
            kind, where=lambda event: event["payload"]["conversation"]["id"] == conversation["id"])["payload"]

    def heard(self, conversation):
        """The types of what arrived about a conversation."""
        return [event["type"] for event in self.target.events()
                if event["payload"].get("conversation", {}).get("id") == conversation["id"]]


class Board:
    """An enabled switchboard: a bot (the default), whose next is a desk, whose next is the bot. On standby, both are
    told of nothing."""

    def __init__(self, app, sink, **fields):
        self.app = app
        made = app.api.post(f"{app.path}/switchboards").ok(201)["switchboard"]
        self.path = f"{app.path}/switchboards/{made['id']}"
        self.parts = f"{self.path}/switchboardIntegrations"
        quiet = {"deliverStandbyEvents": False, **fields}
        self.desk = Part(app, self.parts, sink, "desk", **quiet)
        self.bot = Part(app, self.parts, sink, "bot", **quiet, nextSwitchboardIntegrationId=self.desk.id)
        app.api.patch(self.desk.path, {"nextSwitchboardIntegrationId": self.bot.id}).ok(200)
        self.change(enabled=True, defaultSwitchboardIntegrationId=self.bot.id)

    def change(self, **fields):
        self.app.api.patch(self.path, fields).ok(200)

    def do(self, action, conversation, to=None, caller=None, **fields):
        """passControl and its like; returns the answer."""
        body = {**({"switchboardIntegration": to} if to else {}), **fields}
        path = f"{self.app.conversation_path(conversation)}/{action}Control"
        return (caller or self.app.api).post(path, body)

    def state(self, conversation):
        """The names of who has control and who is offered it."""
        shown = self.app.api.get(self.app.conversation_path(conversation)).ok(200)["conversation"]
        return tuple(shown.get(f"{state}SwitchboardIntegration", {}).get("name") for state in ("active", "pending"))


@pytest.fixture
def board(app, sink):
    return Board(app, sink)


def test_a_new_conversation_begins_with_the_default(app, board):
    user = app.user()
    conversation = app.personal(user)
    assert conversation["activeSwitchboardIntegration"] == board.bot.shown
    assert "pendingSwitchboardIntegration" not in conversation
    shown = app.api.get(app.conversation_path(conversation)).ok(200)["conversation"]
    assert shown["activeSwitchboardIntegration"] == board.bot.shown
    listed = app.api.get(f"{app.path}/conversations?filter[userId]={user['id']}").ok(200)["conversations"]
    assert listed[0]["activeSwitchboardIntegration"] == board.bot.shown
    updated = app.api.patch(app.conversation_path(conversation), {"displayName": "Renamed"}).ok(200)["conversation"]
    assert updated["activeSwitchboardIntegration"] == board.bot.shown
    told = board.bot.hears("conversation:create", conversation)
    assert told["conversation"]["activeSwitchboardIntegration"] == board.bot.shown
    app.say(conversation, "Hello", user)
    told = board.bot.hears("conversation:message", conversation)
    assert told["conversation"]["activeSwitchboardIntegration"] == board.bot.shown


@pytest.mark.parametrize("by", ["id", "name", "next"])
def test_pass(app, board, by):
    conversation = app.personal()
    to = {"id": board.desk.id, "name": "desk", "next": "next"}[by]
    assert board.do("pass", conversation, to, metadata={"lang": "en-ca", "vip": True}).ok(200) == {}
    told = board.desk.hears("switchboard:passControl", conversation)
    assert told == {
        "conversation": {"id": conversation["id"], "type": "personal",
                         "activeSwitchboardIntegration": board.desk.shown},
        "metadata": {"lang": "en-ca", "vip": True}}
    assert board.bot.hears("switchboard:passControl", conversation) == told, "it hears that it lost control"
    assert board.state(conversation) == ("desk", None)


def test_passing_twice_is_passing_once(app, board):
    """By id and name always; by `next` when the caller is known by its key."""
    for to, caller in ((board.desk.id, None), ("desk", None), ("next", board.bot.api)):
        conversation = app.personal()
        for metadata in ({"first": True}, {"second": True}):
            board.do("pass", conversation, to, caller, metadata=metadata).ok(200)
        board.do("release", conversation).ok(200)
        board.desk.hears("switchboard:releaseControl", conversation)
        board.desk.hears("switchboard:passControl", conversation)
        assert board.desk.heard(conversation).count("switchboard:passControl") == 1
        assert board.desk.hears("switchboard:passControl", conversation)["metadata"] == {"first": True}


def test_next_goes_round(app, board):
    conversation = app.personal()
    for name in ("desk", "bot", "desk"):
        board.do("pass", conversation, "next").ok(200)
        assert board.state(conversation) == (name, None)


def test_offer_and_accept(app, board):
    conversation = app.personal()
    assert board.do("offer", conversation, "desk", metadata={"why": "a person is asked for"}).ok(200) == {}
    assert board.state(conversation) == ("bot", "desk")
    told = board.desk.hears("switchboard:offerControl", conversation)
    assert told["conversation"]["activeSwitchboardIntegration"] == board.bot.shown
    assert told["conversation"]["pendingSwitchboardIntegration"] == board.desk.shown
    assert told["metadata"] == {"why": "a person is asked for"}
    app.say(conversation, "Who is pending hears what is said")
    board.desk.hears("conversation:message", conversation)
    board.do("accept", conversation, caller=board.bot.api).refused(403, "forbidden", "Forbidden")
    assert board.do("accept", conversation, caller=board.desk.api, metadata={"agent": 7}).ok(200) == {}
    assert board.state(conversation) == ("desk", None)
    for part in (board.desk, board.bot):
        told = part.hears("switchboard:acceptControl", conversation)
        assert told["conversation"]["activeSwitchboardIntegration"] == board.desk.shown
        assert "pendingSwitchboardIntegration" not in told["conversation"] and told["metadata"] == {"agent": 7}


def test_a_later_offer_replaces_an_earlier(app, board, sink):
    third = Part(app, board.parts, sink, "third")
    conversation = app.personal()
    board.do("offer", conversation, "desk").ok(200)
    board.do("offer", conversation, "third").ok(200)
    assert board.state(conversation) == ("bot", "third")
    board.do("accept", conversation, caller=board.desk.api).refused(403, "forbidden")
    board.do("accept", conversation, caller=third.integration.bearer).ok(200)
    assert board.state(conversation) == ("third", None)


def test_passing_ends_an_offer(app, board):
    conversation = app.personal()
    board.do("offer", conversation, "desk").ok(200)
    board.do("pass", conversation, "desk").ok(200)
    assert board.state(conversation) == ("desk", None)
    board.do("accept", conversation).refused(400, "switchboard_invalid_action")


def test_release_until_the_user_does_something(app, board):
    user = app.user()
    conversation = app.personal(user)
    board.do("pass", conversation, "desk").ok(200)
    board.do("offer", conversation, "bot").ok(200)
    board.do("release", conversation, caller=board.bot.api).refused(403, "forbidden", "Forbidden")
    assert board.do("release", conversation, caller=board.desk.api, metadata={"solved": True}).ok(200) == {}
    assert board.state(conversation) == (None, None)
    told = board.desk.hears("switchboard:releaseControl", conversation)
    assert told == {"conversation": {"id": conversation["id"], "type": "personal"}, "metadata": {"solved": True}}
    app.say(conversation, "The business may still speak")
    assert board.state(conversation) == (None, None)
    board.do("release", conversation, caller=board.desk.api).refused(403, "forbidden", "Forbidden")
    board.do("release", conversation).ok(200)
    app.say(conversation, "One more question", user)
    assert board.state(conversation) == ("bot", None)
    board.bot.target.wait_event(
        "conversation:message",
        where=lambda event: event["payload"]["message"]["content"]["text"] == "One more question")


@pytest.mark.parametrize("to", ["bot", "desk"])
def test_an_offer_ends_when_its_part_gets_control(app, board, to):
    """The default gets control when the user writes: what was offered to it is no offer any more."""
    user = app.user()
    conversation = app.personal(user)
    board.do("release", conversation).ok(200)
    board.do("offer", conversation, to).ok(200)
    assert board.state(conversation) == (None, to)
    app.say(conversation, "Anybody?", user)
    assert board.state(conversation) == ("bot", None if to == "bot" else "desk")


def test_a_failure_is_told_once_however_often_its_name_is_used(app, board):
    conversation = app.personal()

    def asked():
        body, path = {"switchboardIntegration": "nobody"}, f"{app.conversation_path(conversation)}/passControl"
        answer = app.api.post(path, body, headers={"Idempotency-Key": conversation["id"]})
        return answer.refused(400).headers.get("idempotent-replayed")

    assert [asked(), asked()] == [None, "true"]
    board.bot.hears("switchboard:passControl:failure", conversation)
    board.do("pass", conversation, "desk").ok(200)
    board.bot.hears("switchboard:passControl", conversation)
    assert board.bot.heard(conversation).count("switchboard:passControl:failure") == 1, "events of one keep their order"


def test_release_without_a_body(app, board):
    conversation = app.personal()
    path = f"{app.conversation_path(conversation)}/releaseControl"
    assert app.api.post(path).ok(200) == {}
    assert board.state(conversation) == (None, None)


@pytest.mark.parametrize("action, to, code, message", [
    ("pass", "nobody", "switchboard_invalid_target", "Switchboard invalid target"),
    ("pass", MISSING, "switchboard_invalid_target", "Switchboard invalid target"),
    ("pass", "custom", "switchboard_invalid_target", None),
    ("offer", "nobody", "switchboard_invalid_target", "Switchboard invalid target"),
    ("offer", "bot", "switchboard_invalid_target", "Cannot offer control to the active switchboard integration."),
    ("accept", None, "switchboard_invalid_action", "There is no pendingSwitchboardIntegration"),
])
def test_failures_are_refused_and_told(app, board, action, to, code, message):
    conversation = app.personal()
    answer = board.do(action, conversation, to, metadata={"try": 1}).refused(400, code, message)
    told = board.bot.hears(f"switchboard:{action}Control:failure", conversation)
    assert told == {
        "conversation": {"id": conversation["id"], "type": "personal",
                         "activeSwitchboardIntegration": board.bot.shown},
        "error": {"code": code, "message": answer.titles[0]},
        "metadata": {"try": 1}}
    assert board.state(conversation) == ("bot", None)


def test_a_type_of_which_there_is_one(app, sink):
    board = Board(app, sink)
    conversation = app.personal()
    board.change(defaultSwitchboardIntegrationId=board.desk.id)
    app.api.patch(board.desk.path, {"nextSwitchboardIntegrationId": None}).ok(200)
    app.api.delete(board.bot.path).ok(200)
    board.do("pass", conversation, "custom").ok(200)
    assert board.state(conversation) == ("desk", None)


def test_without_an_enabled_switchboard(app, sink):
    conversation = app.personal()
    for action in ACTIONS:
        body = {"switchboardIntegration": "next"} if action in ("pass", "offer") else {}
        path = f"{app.conversation_path(conversation)}/{action}Control"
        app.api.post(path, body).refused(400, "switchboard_invalid_action")
    board = Board(app, sink)
    board.change(enabled=False)
    board.do("pass", conversation, "desk").refused(400, "switchboard_invalid_action")
    board.bot.hears("switchboard:passControl:failure", conversation)
    board.desk.hears("switchboard:passControl:failure", conversation)
    assert "activeSwitchboardIntegration" not in app.personal()


def test_bad_actions(app, board):
    conversation = app.personal()
    path = app.conversation_path(conversation)
    for action in ("pass", "offer"):
        app.api.post(f"{path}/{action}Control", {}).refused(
            400, "bad_request", "should have required property 'switchboardIntegration'")
    large = {"metadata": {"text": "x" * 4096}}
    for action in ACTIONS:
        board.do(action, conversation, "desk", **large).refused(400, "bad_request")
        board.do(action, conversation, "desk", metadata={"nested": {}}).refused(400, "bad_request")
        board.do(action, {"id": MISSING}, "desk").refused(404, "conversation_not_found", "Conversation not found")
    assert board.state(conversation) == ("bot", None)


def test_standby_is_silence_or_not(app, sink):
    """With deliverStandbyEvents an integration hears everything; without, only what it has, or is offered, control of."""
    board = Board(app, sink)
    watcher = Part(app, board.parts, sink, "watcher", deliverStandbyEvents=True)
    outside = sink.target()
    app.custom(outside, TRIGGERS)
    user = app.user()
    conversation = app.personal(user)
    app.say(conversation, "For the bot", user)
    board.do("pass", conversation, "desk").ok(200)
    app.say(conversation, "For the desk", user)
    expected = ["conversation:create", "conversation:message", "switchboard:passControl", "conversation:message"]
    for target, kinds in ((watcher.target, expected), (outside, expected), (board.desk.target, expected[2:]),
                          (board.bot.target, expected[:3])):
        target.wait_deliveries(len(kinds))
        assert sorted(event["type"] for event in target.events()) == sorted(kinds)
    # What is about no conversation is for all.
    stranger = app.user()
    app.api.delete(f"{app.path}/users/{stranger['id']}").ok(200)
    for part in (board.bot, board.desk):
        part.target.wait_event("user:remove")


def test_disabled_and_deleted_switchboards_silence_nobody(app, board):
    conversation = app.personal()

    def both_hear(text):
        app.say(conversation, text)
        for part in (board.bot, board.desk):
            part.target.wait_event(
                "conversation:message", where=lambda e: e["payload"]["message"]["content"]["text"] == text)

    board.change(enabled=False)
    both_hear("Disabled")
    board.change(enabled=True)
    app.say(conversation, "For the bot alone")
    app.api.patch(board.desk.path, {"deliverStandbyEvents": True}).ok(200)
    both_hear("On standby")
    app.api.patch(board.desk.path, {"deliverStandbyEvents": False}).ok(200)
    app.api.delete(board.path).ok(200)
    both_hear("Deleted")
    assert "For the bot alone" not in str(board.desk.target.events())
    assert board.state(conversation) == (None, None)


def test_a_webhook_made_later_is_routed_too(app, board, sink):
    """The desk's webhook is deleted and made again: it is on standby as before."""
    desk, target = board.desk.integration, sink.target()
    app.api.delete(f"{desk.path}/webhooks/{desk.webhook['id']}").ok(200)
    app.api.post(f"{desk.path}/webhooks", {"target": target.url, "triggers": TRIGGERS}).ok(201)
    conversation = app.personal()
    app.say(conversation, "For the bot")
    board.do("pass", conversation, "desk").ok(200)
    target.wait_event("switchboard:passControl")
    assert [event["type"] for event in target.events()] == ["switchboard:passControl"]


def test_a_deleted_part_is_replaced_at_the_next_activity(app, board, sink):
    """Quietly: no passControl. Also what the business says is activity."""
    third = Part(app, board.parts, sink, "third", deliverStandbyEvents=False)
    conversation = app.personal()
    board.do("pass", conversation, "third").ok(200)
    app.api.delete(third.path).ok(200)
    assert board.state(conversation) == (None, None)
    app.say(conversation, "Still here")
    assert board.state(conversation) == ("bot", None)
    told = board.bot.hears("conversation:message", conversation)
    assert told["conversation"]["activeSwitchboardIntegration"] == board.bot.shown
    third.target.wait_event("conversation:message")
    third.hears("switchboard:passControl", conversation)
    assert third.heard(conversation).count("switchboard:passControl") == 1


def test_an_offer_to_a_part_that_goes_is_void(app, board, sink):
    third = Part(app, board.parts, sink, "third")
    conversation = app.personal()
    board.do("offer", conversation, "third").ok(200)
    app.api.delete(third.path).ok(200)
    assert board.state(conversation) == ("bot", None)
    board.do("accept", conversation).refused(400, "switchboard_invalid_action", "There is no pendingSwitchboardIntegration")


def test_a_part_that_stands_for_another_integration(app, board, sink):
    """Who has control is a part, not an integration: the new one is told from then on, and the old one of everything."""
    conversation, target = app.personal(), sink.target()
    other = app.custom(target, TRIGGERS)
    board.do("pass", conversation, "desk").ok(200)
    app.api.patch(board.desk.path, {"integrationId": other.id}).ok(200)
    app.say(conversation, "For the new desk, and for who is no part any more")
    told = target.wait_event("conversation:message")["payload"]["conversation"]["activeSwitchboardIntegration"]
    assert told == {**board.desk.shown, "integrationId": other.id}
    board.do("pass", conversation, "bot").ok(200)
    app.say(conversation, "For the bot, and for who is no part any more")
    board.desk.target.wait_event(
        "conversation:message", where=lambda e: e["payload"]["message"]["content"]["text"].startswith("For the bot"))
    board.bot.hears("conversation:message", conversation)
    assert "For the bot" not in str(target.events())


def test_conversations_from_before_the_switchboard(app, sink):
    user = app.user()
    conversation = app.personal(user)
    board = Board(app, sink)
    assert board.state(conversation) == (None, None)
    app.say(conversation, "Anybody there?", user)
    assert board.state(conversation) == ("bot", None)


def test_message_history_comes_with_control(app, sink):
    board = Board(app, sink, messageHistoryCount=3)
    user = app.user()
    conversation = app.personal(user)
    board.do("pass", conversation, "desk").ok(200)
    assert board.desk.hears("switchboard:passControl", conversation)["messageHistory"] == []
    said = [app.say(conversation, f"Number {number}", user) for number in range(5)]
    board.do("offer", conversation, "bot").ok(200)
    assert "messageHistory" not in board.bot.hears("switchboard:offerControl", conversation)
    board.do("accept", conversation).ok(200)
    told = board.bot.hears("switchboard:acceptControl", conversation)
    assert told["messageHistory"] == said[-3:]
    assert "messageHistory" not in board.desk.hears("switchboard:acceptControl", conversation)


def test_who_may_see_switchboards(app, board):
    """Integrations act in conversations, but see nothing of how the switchboard is made."""
    for caller in (board.bot.api, Api(app.server, bearer=board.bot.integration.bearer.bearer)):
        caller.get(f"{app.path}/switchboards").refused(403, "forbidden", "Forbidden")
        caller.get(board.parts).refused(403, "forbidden", "Forbidden")
    assert isinstance(board.bot.integration, Integration)


def test_the_channel_has_the_say(app, board):
    """Where a conversation was last used by a client of a channel, that channel's default responder begins."""
    user = app.user()
    conversation = app.personal(user)
    body = {"type": "whatsapp", "defaultResponderId": board.desk.id}
    channel = app.api.post(f"{app.path}/integrations", body).ok(201)["integration"]
    clients = f"{app.path}/users/{user['id']}/clients"
    criteria = {"type": "whatsapp", "integrationId": channel["id"], "phoneNumber": "+12125552368"}
    link = {"matchCriteria": criteria, "confirmation": {"type": "prompt"},
            "target": {"conversationId": conversation["id"]}}
    client = app.api.post(clients, link).ok(201)["client"]
    report = f"/heliograph/v1{clients.removeprefix('/v2')}/{client['id']}/report"
    app.api.post(report, {"outcome": "confirmed"}).ok(200)
    board.do("release", conversation).ok(200)
    app.say(conversation, "Hello", user)
    assert board.state(conversation) == ("desk", None)
    # Without one of its own, it has the default.
    board.do("release", conversation).ok(200)
    app.api.patch(f"{app.path}/integrations/{channel['id']}", {"defaultResponderId": None}).ok(200)
    app.say(conversation, "Hello again", user)
    assert board.state(conversation) == ("bot", None)
    assert board.do("release", conversation).ok(200) == {}
    path = f"{app.conversation_path(conversation)}/activity"
    app.api.post(path, {"type": "conversation:read", "author": {"type": "user", "userId": user["id"]}}).ok(200)
    assert board.state(conversation) == ("bot", None), "reading is activity too"
