"""The official Python SDK at switchboards, attachments and the partner's way in; and that no method of it is left out."""

import inspect
import sys

import pytest
import requests
import sunshine_conversations_client as sdk
import test_sdk_python
import test_sdk_python_messages
from lib.world import new_app
from sunshine_conversations_client import api
from sunshine_conversations_client.exceptions import ApiException, NotFoundException, UnauthorizedException
from test_oauth import Browser, Partner
from test_sdk_python import custom, hired, scheme  # noqa: F401 (fixtures)

# The generator's two further forms of every method.
FORMS = ("_with_http_info", "_without_preload_content")


def methods():
    """{(class, method)} of everything the SDK can call."""
    classes = [one for one in vars(api).values() if inspect.isclass(one)]
    return {(one, name) for one in classes for name in vars(one) if name[0] != "_" and not name.endswith(FORMS)}


def note(monkeypatch):
    """Has the SDK note, in the set that is returned, which of its methods came back with an answer."""
    answered = set()

    def noting(one, name):
        original = getattr(one, name)

        def call(*given, **named):
            answer = original(*given, **named)
            answered.add((one, name))
            return answer

        monkeypatch.setattr(one, name, call)

    for one, name in methods():
        noting(one, name)
    return answered


def jobs():
    """All tests of this SDK that need no choice of content."""
    modules = [test_sdk_python, test_sdk_python_messages, sys.modules[__name__]]
    tests = [one for module in modules for name, one in vars(module).items() if name.startswith("test_") and callable(one)]
    return [one for one in tests if not {"kind", "monkeypatch"} & set(inspect.signature(one).parameters)]


def test_every_method(server, sink, scheme, monkeypatch):  # noqa: F811
    """The other tests once more, in a row: in the end no method is left that has not been answered."""
    answered = note(monkeypatch)
    given = {
        "server": lambda: server, "sink": lambda: sink, "scheme": lambda: scheme, "app": lambda: new_app(server),
        "hired": lambda: test_sdk_python.hire(server, scheme),
        "talk": lambda: test_sdk_python_messages.begin(test_sdk_python.hire(server, scheme)),
    }
    for test in jobs():
        test(**{name: given[name]() for name in inspect.signature(test).parameters})
    assert len(methods()) == 67
    assert sorted(f"{one.__name__}.{name}" for one, name in methods() - answered) == []


def test_switchboards_and_control(hired):  # noqa: F811
    app, worker = hired
    boards, parts = sdk.SwitchboardsApi(worker), sdk.SwitchboardIntegrationsApi(worker)
    actions, conversations = sdk.SwitchboardActionsApi(worker), sdk.ConversationsApi(worker)
    board = boards.create_switchboard(app).switchboard
    bots = [sdk.IntegrationsApi(worker).create_integration(app, custom()).integration for _ in range(3)]
    bot, desk = [
        parts.create_switchboard_integration(app, board.id, sdk.SwitchboardIntegrationCreateBody(
            name=name, integration_id=one.id, deliver_standby_events=False)).switchboard_integration
        for name, one in zip(("bot", "desk"), bots)]
    changed = parts.update_switchboard_integration(app, board.id, bot.id, sdk.SwitchboardIntegrationUpdateBody(
        next_switchboard_integration_id=desk.id)).switchboard_integration
    assert changed.next_switchboard_integration_id == desk.id
    listed = parts.list_switchboard_integrations(app, board.id).switchboard_integrations
    assert {one.name for one in listed} == {"bot", "desk"}
    enabled = boards.update_switchboard(app, board.id, sdk.SwitchboardUpdateBody(
        enabled=True, default_switchboard_integration_id=bot.id)).switchboard
    assert enabled.enabled and boards.list_switchboards(app).switchboards == [enabled]

    user = sdk.UsersApi(worker).create_user(app, sdk.UserCreateBody(external_id="jane")).user
    conversation = conversations.create_conversation(app, sdk.ConversationCreateBody(type="personal", participants=[
        sdk.ParticipantSubSchema(sdk.ParticipantWithUserId(user_id=user.id))])).conversation

    def holds():
        shown = conversations.get_conversation(app, conversation.id).conversation
        state = [shown.active_switchboard_integration, shown.pending_switchboard_integration]
        return [one and one.name for one in state]

    actions.pass_control(app, conversation.id, sdk.PassControlBody(switchboard_integration="bot", metadata={"why": "test"}))
    assert holds() == ["bot", None]
    actions.offer_control(app, conversation.id, sdk.OfferControlBody(switchboard_integration="next"))
    assert holds() == ["bot", "desk"]
    actions.accept_control(app, conversation.id, sdk.AcceptControlBody())
    assert holds() == ["desk", None]
    actions.release_control(app, conversation.id, sdk.ReleaseControlBody())
    assert holds()[0] != "desk"

    boards.update_switchboard(app, board.id, sdk.SwitchboardUpdateBody(enabled=False))
    spare = parts.create_switchboard_integration(app, board.id, sdk.SwitchboardIntegrationCreateBody(
        name="spare", integration_id=bots[2].id)).switchboard_integration
    parts.delete_switchboard_integration(app, board.id, spare.id)
    listed = parts.list_switchboard_integrations(app, board.id).switchboard_integrations
    assert {one.name for one in listed} == {"bot", "desk"}
    boards.delete_switchboard(app, board.id)
    with pytest.raises(NotFoundException):
        parts.list_switchboard_integrations(app, board.id)


def test_attachments(hired):  # noqa: F811
    app, worker = hired
    attachments = sdk.AttachmentsApi(worker)
    conversation = sdk.ConversationsApi(worker).create_conversation(
        app, sdk.ConversationCreateBody(type="sdkGroup", display_name="Files")).conversation
    # The SDK takes (name, bytes), and sends for and conversationId in the query.
    made = attachments.upload_attachment(
        app, "public", ("notes.txt", b"Some notes"), var_for="message", conversation_id=conversation.id).attachment
    assert made.media_type.startswith("text/plain")
    assert requests.get(made.media_url, timeout=60).content == b"Some notes"
    attachments.delete_attachment(app, sdk.AttachmentDeleteBody(media_url=made.media_url))
    with pytest.raises(NotFoundException):
        attachments.delete_attachment(app, sdk.AttachmentDeleteBody(media_url=made.media_url))


def test_the_way_in_for_partners(server, app):
    partner = Partner(server)
    nobody = sdk.ApiClient(sdk.Configuration(host=server.relayed))
    oauth = sdk.OAuthEndpointsApi(nobody)
    # Meant for browsers: this SDK follows the redirect to the page, and keeps it to itself.
    assert oauth.authorize(partner.id, "code", state="s") is None
    assert b"<html" in oauth.authorize_with_http_info(partner.id, "code", state="s").raw_data
    code = Browser(server).sign_in(partner.query(), app.key).answer(app)["code"]
    request = sdk.GetTokenRequest(
        code=code, grant_type="authorization_code", client_id=partner.id, client_secret=partner.secret)
    made = oauth.get_token(request)
    assert made.token_type == "Bearer"
    with pytest.raises(ApiException) as again:
        oauth.get_token(request)
    assert 400 <= again.value.status < 500, "a code works once"

    let_in = sdk.ApiClient(sdk.Configuration(host=server.relayed, access_token=made.access_token))
    sdk.OAuthEndpointsApi(let_in).revoke_access()
    with pytest.raises(UnauthorizedException):
        sdk.OAuthEndpointsApi(let_in).revoke_access()
