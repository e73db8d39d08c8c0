"""The official Python SDK doing the whole job, by Basic and by Bearer."""

import pytest
import sunshine_conversations_client as sdk
from lib import secrets, tokens
from lib.world import unique
from sunshine_conversations_client.exceptions import ApiException, NotFoundException, UnauthorizedException


def client(server, key, scheme, prefix=""):
    """An SDK client of this key."""
    secrets.note(key["secret"])
    configuration = sdk.Configuration(host=server.relayed + prefix)
    if scheme == "basic":
        configuration.username, configuration.password = key["id"], key["secret"]
    else:
        configuration.access_token = tokens.mint(key)
    return sdk.ApiClient(configuration)


def as_key(made):
    return {"id": made.key.id, "secret": made.key.secret}


@pytest.fixture(params=["basic", "bearer"])
def scheme(request):
    return request.param


def hire(server, scheme):
    """An app with a key, both made by the SDK: (the app's id, a client of its key)."""
    boss = client(server, server.first_key, scheme)
    made = sdk.AppsApi(boss).create_app(sdk.AppCreateBody(
        display_name=unique("SDK"), settings=sdk.AppSettings(multi_convo_enabled=True)))
    key = sdk.AppKeysApi(boss).create_app_key(made.app.id, sdk.AppKeyCreateBody(display_name="SDK"))
    return made.app.id, client(server, as_key(key), scheme, prefix="/sc")


@pytest.fixture
def hired(server, scheme):
    return hire(server, scheme)


def custom(target="http://127.0.0.1:9/"):
    hook = sdk.Webhook(target=target, triggers=["conversation:message"])
    return sdk.Custom(type="custom", display_name="By the SDK", webhooks=[hook])


def test_apps_and_keys(server, scheme):
    boss = client(server, server.first_key, scheme)
    apps, keys = sdk.AppsApi(boss), sdk.AppKeysApi(boss)
    app = apps.create_app(sdk.AppCreateBody(display_name="First", metadata={"by": "sdk"})).app
    assert apps.get_app(app.id).app.display_name == "First"
    assert apps.update_app(app.id, sdk.AppUpdateBody(display_name="Second")).app.display_name == "Second"
    # The page object goes out as JSON, not as brackets.
    page = apps.list_apps(page=sdk.Page(size=1))
    assert len(page.apps) == 1
    key = keys.create_app_key(app.id, sdk.AppKeyCreateBody(display_name="Key")).key
    assert keys.get_app_key(app.id, key.id).key.secret == key.secret
    assert [one.id for one in keys.list_app_keys(app.id).keys] == [key.id]
    keys.delete_app_key(app.id, key.id)
    apps.delete_app(app.id)
    with pytest.raises(NotFoundException) as refused:
        apps.get_app(app.id)
    assert "app_not_found" in refused.value.body


def test_integrations_keys_and_webhooks(hired, server, scheme):
    app, worker = hired
    integrations, keys = sdk.IntegrationsApi(worker), sdk.CustomIntegrationApiKeysApi(worker)
    hooks = sdk.WebhooksApi(worker)
    bot = integrations.create_integration(app, custom()).integration
    assert bot.webhooks[0].secret
    web = integrations.create_integration(app, sdk.Web(type="web", brand_color="112233")).integration
    listed = integrations.list_integrations(app, filter=sdk.IntegrationListFilter(types="custom"), page=sdk.Page(size=5))
    assert [one.id for one in listed.integrations] == [bot.id]
    assert {one.id for one in integrations.list_integrations(app).integrations} == {bot.id, web.id}
    update = sdk.IntegrationUpdate(sdk.CustomUpdate(display_name="Renamed"))
    assert integrations.update_integration(app, bot.id, update).integration.display_name == "Renamed"
    assert integrations.get_integration(app, bot.id).integration.display_name == "Renamed"

    key = keys.create_custom_integration_key(app, bot.id, sdk.IntegrationApiKey(display_name="My custom key")).key
    assert key.id.startswith("int_") and key.display_name == "My custom key"
    assert keys.get_custom_integration_key(app, bot.id, key.id).key.secret == key.secret
    assert [one.id for one in keys.list_custom_integration_keys(app, bot.id).keys] == [key.id]

    hook = hooks.list_webhooks(app, bot.id).webhooks[0]
    assert hooks.get_webhook(app, bot.id, hook.id).webhook.secret == hook.secret
    changed = hooks.update_webhook(app, bot.id, hook.id, sdk.WebhookBody(target="https://example.org/new")).webhook
    assert changed.target == "https://example.org/new"
    mine = client(server, {"id": key.id, "secret": key.secret}, scheme)
    assert sdk.WebhooksApi(mine).list_webhooks(app, "me").webhooks[0].id == hook.id
    hooks.delete_webhook(app, bot.id, hook.id)
    body = sdk.WebhookCreateBody(target="http://127.0.0.1:9/", triggers=["user:remove"])
    assert hooks.create_webhook(app, bot.id, body).webhook.triggers == ["user:remove"]

    keys.delete_custom_integration_key(app, bot.id, key.id)
    with pytest.raises(UnauthorizedException):
        sdk.WebhooksApi(mine).list_webhooks(app, "me")
    integrations.delete_integration(app, bot.id)
    with pytest.raises(NotFoundException):
        integrations.get_integration(app, bot.id)


def test_users_conversations_participants(hired):
    app, worker = hired
    users, conversations, participants = sdk.UsersApi(worker), sdk.ConversationsApi(worker), sdk.ParticipantsApi(worker)
    external = "jane/doe?#%20 ü"
    profile = sdk.Profile(given_name="Jane", email="jane@example.org")
    user = users.create_user(app, sdk.UserCreateBody(external_id=external, profile=profile, metadata={"vip": True})).user
    assert users.get_user(app, external).user.id == user.id, "the SDK sends %2F"
    assert users.update_user(app, user.id, sdk.UserUpdateBody(metadata={"vip": False})).user.metadata == {"vip": False}
    with pytest.raises(ApiException) as refused:
        users.create_user(app, sdk.UserCreateBody(external_id=external))
    assert refused.value.status == 409

    def participant(who):
        return sdk.ParticipantSubSchema(sdk.ParticipantWithUserExternalId(user_external_id=who, subscribe_sdk_client=False))

    personal = conversations.create_conversation(app, sdk.ConversationCreateBody(
        type="personal", participants=[participant(external)])).conversation
    group = conversations.create_conversation(app, sdk.ConversationCreateBody(type="sdkGroup", display_name="Group")).conversation
    joined = participants.join_conversation(
        app, group.id, sdk.ParticipantJoinBody(user_external_id=external, subscribe_sdk_client=False)).participant
    assert joined.user_id == user.id
    listed = conversations.list_conversations(app, sdk.ConversationListFilter(user_id=user.id), page=sdk.Page(size=10))
    assert {one.id for one in listed.conversations} == {personal.id, group.id}
    first = conversations.list_conversations(app, sdk.ConversationListFilter(user_external_id=external), page=sdk.Page(size=1))
    rest = conversations.list_conversations(
        app, sdk.ConversationListFilter(user_external_id=external), page=sdk.Page(size=1, after=first.meta.after_cursor))
    assert {first.conversations[0].id, rest.conversations[0].id} == {personal.id, group.id}
    update = sdk.ConversationUpdateBody(display_name="Renamed")
    assert conversations.update_conversation(app, group.id, update).conversation.display_name == "Renamed"
    assert len(participants.list_participants(app, group.id, page=sdk.Page(size=10)).participants) == 1
    leave = sdk.ParticipantLeaveBody(sdk.ParticipantLeaveBodyParticipantId(participant_id=joined.id))
    participants.leave_conversation(app, group.id, leave)
    assert participants.list_participants(app, group.id).participants == []
    conversations.delete_conversation(app, group.id)
    with pytest.raises(NotFoundException):
        conversations.get_conversation(app, group.id)
    users.delete_user(app, external)


def test_messages(hired, server, scheme, sink):
    app, worker = hired
    target = sink.target()
    bot = sdk.IntegrationsApi(worker).create_integration(app, custom(target.url)).integration
    key = sdk.CustomIntegrationApiKeysApi(worker).create_custom_integration_key(
        app, bot.id, sdk.IntegrationApiKey(display_name="Bot"))
    user = sdk.UsersApi(worker).create_user(app, sdk.UserCreateBody(external_id="jane")).user
    body = sdk.ConversationCreateBody(type="personal", participants=[
        sdk.ParticipantSubSchema(sdk.ParticipantWithUserId(user_id=user.id))])
    conversation = sdk.ConversationsApi(worker).create_conversation(app, body).conversation
    messages = sdk.MessagesApi(client(server, as_key(key), scheme))

    def post(author, text):
        content = sdk.Content(sdk.TextMessage(type="text", text=text))
        return messages.post_message(app, conversation.id, sdk.MessagePost(author=author, content=content)).messages[0]

    first = post(sdk.Author(type="user", user_id=user.id), "Hello?")
    second = post(sdk.Author(type="business", display_name="Ada"), "Hello, Jane")
    listed = messages.list_messages(app, conversation.id).messages
    assert [one.id for one in listed] == [first.id, second.id]
    assert listed[1].content.actual_instance.text == "Hello, Jane"
    assert listed[1].source.type == "api:conversations"
    older = messages.list_messages(app, conversation.id, page=sdk.Page(before=second.id)).messages
    assert [one.id for one in older] == [first.id]
    target.wait_deliveries(2)
    messages.delete_message(app, conversation.id, first.id)
    messages.delete_all_messages(app, conversation.id)
    assert messages.list_messages(app, conversation.id).messages == []


def test_token_info(hired):
    """This SDK sends no credential to tokenInfo by itself (the reference lists none there), so it is told to."""
    app, worker = hired
    api = sdk.OAuthEndpointsApi(worker)
    configuration = worker.configuration
    bearer = configuration.access_token and f"Bearer {configuration.access_token}"
    told = {"Authorization": bearer or configuration.get_basic_auth_token()}
    assert api.get_token_info(_headers=told).app.id == app
    with pytest.raises(UnauthorizedException):
        api.get_token_info()


def test_users_by_record_clients_and_devices(hired, server):
    app, worker = hired
    users, clients, devices = sdk.UsersApi(worker), sdk.ClientsApi(worker), sdk.DevicesApi(worker)
    user = users.create_user(app, sdk.UserCreateBody(external_id="jane", metadata={"vip": True})).user
    with pytest.raises(NotFoundException):
        users.sync_user(app, "35436", sdk.SyncUserBody(surviving_zendesk_id="35437"))
    # What this SDK cannot set: a user's id in Zendesk.
    known = server.account.post(f"/v2/apps/{app}/users", {"zendeskId": "35436"}).ok(201)["user"]
    moved = users.sync_user(app, "35436", sdk.SyncUserBody(surviving_zendesk_id="35437")).user
    assert (moved.id, moved.zendesk_id) == (known["id"], "35437")
    integration = sdk.IntegrationsApi(worker).create_integration(app, sdk.Whatsapp(type="whatsapp")).integration
    personal = sdk.ConversationsApi(worker).create_conversation(app, sdk.ConversationCreateBody(
        type="personal", participants=[sdk.ParticipantSubSchema(
            sdk.ParticipantWithUserId(user_id=user.id, subscribe_sdk_client=True))])).conversation
    criteria = sdk.MatchCriteriaWhatsapp(type="whatsapp", integration_id=integration.id, phone_number="+1 212-555-2368")
    made = clients.create_client(app, "jane", sdk.ClientCreate(
        match_criteria=sdk.MatchCriteria(criteria), confirmation=sdk.Confirmation(type="immediate"),
        target=sdk.Target(conversation_id=personal.id))).client
    assert (made.type, made.status) == ("whatsapp", "pending")
    listed = clients.list_clients(app, "jane", page=sdk.Page(size=5)).clients
    assert [one.type for one in listed] == ["sdk", "whatsapp"]
    clients.remove_client(app, "jane", made.id)
    with pytest.raises(NotFoundException):
        clients.remove_client(app, "jane", made.id)
    assert devices.list_devices(app, "jane").devices == []
    with pytest.raises(NotFoundException):
        devices.get_device(app, "jane", made.id)
    web = sdk.IntegrationsApi(worker).create_integration(app, sdk.Web(type="web")).integration
    seen = server.account.post(f"/heliograph/v1/apps/{app}/users/jane/devices", {
        "type": "web", "guid": "b0e5", "integrationId": web.id}).ok(201)["device"]
    device = devices.get_device(app, "jane", seen["id"]).device
    assert (device.id, device.guid, device.integration_id) == (seen["id"], "b0e5", web.id)
    assert devices.list_devices(app, "jane").devices == [device]
    forgotten = users.delete_user_personal_information(app, "jane").user
    assert (forgotten.id, forgotten.metadata) == (user.id, {})
