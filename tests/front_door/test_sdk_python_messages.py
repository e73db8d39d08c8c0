"""The official Python SDK sending every kind of content, activities, and what only some channels know."""

import pytest
import sunshine_conversations_client as sdk
from sunshine_conversations_client.exceptions import ApiException
from test_sdk_python import hired, scheme  # noqa: F401 (fixtures)


def begin(hired):  # noqa: F811
    """(app, conversation, user, SDK client) of a personal conversation."""
    app, worker = hired
    user = sdk.UsersApi(worker).create_user(app, sdk.UserCreateBody(external_id="jane")).user
    participant = sdk.ParticipantSubSchema(sdk.ParticipantWithUserId(user_id=user.id))
    body = sdk.ConversationCreateBody(type="personal", participants=[participant])
    return app, sdk.ConversationsApi(worker).create_conversation(app, body).conversation, user, worker


@pytest.fixture
def talk(hired):  # noqa: F811
    return begin(hired)


def link():
    return sdk.Link(type="link", text="More", uri="https://example.org")


def item():
    postback = sdk.Postback(type="postback", text="Select", payload="TACOS")
    return sdk.Item(title="Tacos", actions=[sdk.ActionSubset(postback), sdk.ActionSubset(link())])


CONTENTS = {
    "carousel": lambda: sdk.CarouselMessage(type="carousel", items=[item()]),
    "file": lambda: sdk.FileMessage(type="file", media_url="http://127.0.0.1:9/FAQ.pdf"),
    "form": lambda: sdk.FormMessage(type="form", fields=[sdk.FormMessageField(type="text", name="n", label="Name?")]),
    "image": lambda: sdk.ImageMessage(type="image", media_url="http://127.0.0.1:9/a.png", actions=[sdk.Action(link())]),
    "list": lambda: sdk.ListMessage(type="list", items=[item()]),
    "location": lambda: sdk.LocationMessage(type="location", coordinates=sdk.LocationMessageCoordinates(lat=1.5, long=2)),
    "template": lambda: sdk.TemplateMessage(type="template", template={"name": "hello"}),
    "text": lambda: sdk.TextMessage(type="text", text="Hello", actions=[sdk.Action(link())]),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_content(talk, kind):
    app, conversation, _, worker = talk
    messages = sdk.MessagesApi(worker)
    post = sdk.MessagePost(author=sdk.Author(type="business"), content=sdk.Content(CONTENTS[kind]()))
    if kind == "template":
        post.var_schema = "whatsapp"
    made = messages.post_message(app, conversation.id, post).messages[0]
    listed = messages.list_messages(app, conversation.id).messages
    assert [one.id for one in listed] == [made.id]
    assert listed[0].content.actual_instance.type == kind


def test_activities(talk):
    app, conversation, user, worker = talk
    activities = sdk.ActivitiesApi(worker)
    read = sdk.ActivityPost(author=sdk.Author(type="user", user_id=user.id), type="conversation:read")
    activities.post_activity(app, conversation.id, read)
    activities.post_activity(app, conversation.id, sdk.ActivityPost(author=sdk.Author(type="business"), type="typing:start"))
    assert sdk.ParticipantsApi(worker).list_participants(app, conversation.id).participants[0].last_read


def test_conversion_events(talk):
    app, conversation, _, worker = talk
    sdk.IntegrationsApi(worker).create_integration(app, sdk.Whatsapp(type="whatsapp"))
    payload = sdk.MetaConversionEventPayload(data=[{"event_name": "Purchase"}])
    body = sdk.ConversionEventsBody(sdk.WhatsAppConversionEventsBody(whatsapp=sdk.MetaConversionEvent(payload=payload)))
    answer = sdk.ConversationsApi(worker).post_conversion_events(app, conversation.id, body)
    # This SDK has no type for the answer.
    assert answer["conversionEvents"]["eventsReceived"] == 1


def test_form_response(talk, server):
    """What comes back from a form: posted by nobody's SDK, but by whoever runs the channel."""
    app, conversation, user, worker = talk
    messages = sdk.MessagesApi(worker)
    post = sdk.MessagePost(author=sdk.Author(type="business"), content=sdk.Content(CONTENTS["form"]()))
    form = messages.post_message(app, conversation.id, post).messages[0]
    web = sdk.IntegrationsApi(worker).create_integration(app, sdk.Web(type="web")).integration
    field = {"type": "text", "name": "n", "label": "Name?", "text": "Jane", "quotedMessageId": form.id}
    server.account.post(f"/heliograph/v1/apps/{app}/channelMessages", {
        "integrationId": web.id, "userId": user.id, "content": {"type": "formResponse", "fields": [field]}}).ok(201)
    asked, filled = messages.list_messages(app, conversation.id).messages
    assert asked.content.actual_instance.submitted is True
    assert filled.content.actual_instance.text_fallback == "Name?: Jane"
    assert filled.content.actual_instance.fields[0].text == "Jane"
    assert filled.quoted_message.actual_instance.message.id == form.id
    assert (filled.source.type, filled.source.integration_id) == ("web", web.id)


def test_download(talk, server):
    app, conversation, user, worker = talk
    ref = sdk.DownloadMessageRefBodyAllOfAppleInteractiveDataRef(url="https://example.org", bid="b", key="k", signature="s", owner="o")
    body = sdk.DownloadMessageRefBody(user_id=user.id, apple=sdk.DownloadMessageRefBodyAllOfApple(interactive_data_ref=ref))
    with pytest.raises(ApiException) as refused:
        sdk.ConversationsApi(worker).download_message_ref(app, conversation.id, body)
    assert refused.value.status == 400 and "interactiveDataRef" in refused.value.body
    # This SDK cannot read what it creates: it wants the secret back, which nobody shows.
    apple = server.account.post(f"/v2/apps/{app}/integrations", {
        "type": "apple", "businessId": "9ef4e7a5", "apiSecret": "apple-api-secret-1", "mspId": "f8c3"}).ok(201)["integration"]
    # What whoever runs the channel reports of a message that merely refers to its data.
    event = {"type": "passthrough", "payload": {"interactiveDataRef": ref.to_dict()},
             "download": {"interactiveDataRef": ref.to_dict(), "data": {"replyMessage": {"title": "Two tickets"}}}}
    server.account.post(f"/heliograph/v1/apps/{app}/conversations/{conversation.id}/channelEvents", {
        "integrationId": apple["id"], "event": event}).ok(200)
    fetched = sdk.ConversationsApi(worker).download_message_ref(app, conversation.id, body)
    assert fetched == {"replyMessage": {"title": "Two tickets"}}
