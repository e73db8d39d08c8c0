"""The official Python SDK sending every kind of content, activities, and what only some channels know."""

import pytest
import sunshine_conversations_client as sdk
from sunshine_conversations_client.exceptions import ApiException
from test_sdk_python import hired, scheme  # noqa: F401 (fixtures)


@pytest.fixture
def talk(hired):  # noqa: F811
    """(app, conversation, user, SDK client) of a personal conversation."""
    app, worker = hired
    user = sdk.UsersApi(worker).create_user(app, sdk.UserCreateBody(external_id="jane")).user
    participant = sdk.ParticipantSubSchema(sdk.ParticipantWithUserId(user_id=user.id))
    body = sdk.ConversationCreateBody(type="personal", participants=[participant])
    return app, sdk.ConversationsApi(worker).create_conversation(app, body).conversation, user, worker


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


def test_download(talk):
    app, conversation, user, worker = talk
    ref = sdk.DownloadMessageRefBodyAllOfAppleInteractiveDataRef(url="https://example.org", bid="b", key="k", signature="s", owner="o")
    body = sdk.DownloadMessageRefBody(user_id=user.id, apple=sdk.DownloadMessageRefBodyAllOfApple(interactive_data_ref=ref))
    with pytest.raises(ApiException) as refused:
        sdk.ConversationsApi(worker).download_message_ref(app, conversation.id, body)
    assert refused.value.status == 400 and "apple" in refused.value.body
