"""Every integration type but `custom`: what creation requires, what may be set, what is never shown."""

from dataclasses import dataclass, field


@dataclass
class Kind:
    """One integration type. Values are examples that a server must accept."""

    required: dict = field(default_factory=dict)
    settable: dict = field(default_factory=dict)
    # Names, of the two above, that no answer may contain.
    hidden: tuple = ()
    # Names, of those two, of which answers show a hint.
    hinted: tuple = ()
    # Fields the server makes: ignored when sent.
    read_only: tuple = ()
    # What may change later: all of it, whether it is shown or not.
    update: dict = field(default_factory=dict)
    # What of it `null` takes away; anything else has to have a value.
    clearable: tuple = ()
    # What is shown of what was not sent, beside `showAIDisclaimer`, which all have.
    defaults: dict = field(default_factory=dict)

    @property
    def body(self):
        return {**self.required, **self.settable}

    def shown(self, sent):
        """How answers show what was sent: of credentials nothing, or stars and the last characters of a long one."""
        def hint(value):
            return (value[-4:] if len(value) >= 32 else "").rjust(len(value), "*")

        return {name: hint(value) if name in self.hinted else value for name, value in sent.items() if name not in self.hidden}


MORE = {"canUserSeeConversationList": True, "canUserCreateMoreConversations": True}
SDK_UPDATE = {"canUserSeeConversationList": False, "canUserCreateMoreConversations": False}
PRECHAT = {"enabled": True, "enableEmailLinking": True, "avatarUrl": "https://example.org/a.png", "fields": [
    {"type": "text", "name": "name", "label": "Your name", "minSize": 1, "maxSize": 50},
    {"type": "email", "name": "email", "label": "Your address", "placeholder": "your@email.example"},
    {"type": "select", "name": "size", "label": "Size", "options": [{"name": "s", "label": "Small"}]}]}

KINDS = {
    "android": Kind(
        settable={"senderId": "sender-7", "projectId": "project-7", "clientEmail": "push@example.org",
                  "privateKey": "android-private-key-1", "serverKey": "android-server-key-1", **MORE},
        hidden=("projectId", "clientEmail", "privateKey", "serverKey"), read_only=("attachmentsEnabled",),
        update={"senderId": "sender-8", "projectId": "project-8", "clientEmail": "other@example.org",
                "privateKey": "android-private-key-2", "serverKey": "android-server-key-2", **SDK_UPDATE},
        clearable=("senderId", "projectId", "clientEmail", "privateKey", "serverKey")),
    "apple": Kind(
        required={"businessId": "2740f141", "apiSecret": "apple-api-secret-1", "mspId": "e7e495d5"},
        settable={"authenticationMessageSecret": "apple-authentication-1".ljust(88, "x")}, hidden=("authenticationMessageSecret",), hinted=("apiSecret",),
        update={"authenticationMessageSecret": "apple-authentication-2".ljust(88, "x")}),
    "instagram": Kind(
        required={"pageAccessToken": "instagram-page-token-1", "appId": "1234", "appSecret": "instagram-app-secret-1"},
        settable={"storyRepliesEnabled": True, "storyMentionsEnabled": False}, hidden=("pageAccessToken", "appSecret"),
        read_only=("businessName", "businessUsername", "pageId", "businessId", "username", "userId"),
        update={"pageAccessToken": "instagram-page-token-2", "storyRepliesEnabled": False, "storyMentionsEnabled": True},
        defaults={"storyRepliesEnabled": True, "storyMentionsEnabled": True}),
    "ios": Kind(
        settable={"certificate": "ios-certificate-base64-1", "password": "ios-password-12345", "production": True,
                  "autoUpdateBadge": True, **MORE},
        hidden=("certificate", "password"), read_only=("attachmentsEnabled",),
        update={"certificate": "ios-certificate-base64-2", "password": "ios-password-23456", "production": False,
                "autoUpdateBadge": False, **SDK_UPDATE},
        clearable=("certificate",)),
    "line": Kind(
        settable={"channelId": "1286564967", "channelSecret": "line-channel-secret-1",
                  "channelAccessToken": "line-channel-token-1", "serviceCode": "line-service-code",
                  "switcherSecret": "line-switcher-secret-1", "qrCodeUrl": "https://example.org/qr.png"},
        hidden=("channelSecret", "channelAccessToken", "switcherSecret"), read_only=("lineId",)),
    "mailgun": Kind(
        required={"apiKey": "mailgun-api-key-123", "domain": "mail.example.org", "incomingAddress": "in@example.org"},
        settable={"signingKey": "mailgun-signing-key-1", "hideUnsubscribeLink": True, "fromAddress": "from@example.org"},
        hidden=("apiKey", "signingKey"), update={"hideUnsubscribeLink": False, "fromAddress": "new@example.org"},
        clearable=("fromAddress",)),
    "messagebird": Kind(
        required={"accessKey": "messagebird-access-1", "signingKey": "messagebird-signing-1", "originator": "12262121021"},
        hidden=("accessKey", "signingKey"), read_only=("webhookSecret",)),
    "messenger": Kind(
        required={"pageAccessToken": "messenger-page-token-1", "appId": "1234", "appSecret": "messenger-app-secret-1"},
        hidden=("pageAccessToken", "appSecret"), update={"pageAccessToken": "messenger-page-token-2"}),
    "telegram": Kind(required={"token": "telegram-token-12345"}, hidden=("token",), read_only=("username", "botId")),
    "twilio": Kind(
        required={"accountSid": "ACa1b4c65ee0722712", "authToken": "twilio-auth-token-1"},
        settable={"phoneNumberSid": "PN0674df0ecee0c9819"}, hidden=("authToken",)),
    "twitter": Kind(
        required={"tier": "enterprise", "consumerKey": "twitter-consumer-key-1".ljust(32, "k"), "consumerSecret": "twitter-consumer-secret",
                  "accessTokenKey": "twitter-access-key-1", "accessTokenSecret": "twitter-access-secret"},
        hidden=("consumerSecret", "accessTokenSecret"), hinted=("consumerKey", "accessTokenKey"), read_only=("envName",)),
    "unity": Kind(settable=dict(MORE), read_only=("attachmentsEnabled",), update=SDK_UPDATE),
    "viber": Kind(required={"token": "viber-token-1234567"}, hidden=("token",), read_only=("uri", "accountId")),
    "web": Kind(
        settable={"brandColor": "112233", "fixedIntroPane": True, "conversationColor": "445566", "actionColor": "778899",
                  "displayStyle": "tab", "buttonIconUrl": "https://example.org/icon.png", "buttonWidth": "60",
                  "buttonHeight": "60", "businessName": "Kent Shop", "businessIconUrl": "https://example.org/shop.png",
                  "backgroundImageUrl": "https://example.org/tile.png", "originWhitelist": ["https://example.org"],
                  "integrationOrder": ["59fc8466260f48003505228b"], "prechatCapture": PRECHAT, **MORE},
        read_only=("attachmentsEnabled",),
        update={"brandColor": "aabbcc", "fixedIntroPane": False, "conversationColor": "ddeeff", "actionColor": "001122",
                "displayStyle": "button", "buttonIconUrl": "https://example.org/new.png", "buttonWidth": "70",
                "buttonHeight": "71", "businessName": "Other Shop", "businessIconUrl": "https://example.org/other.png",
                "backgroundImageUrl": "https://example.org/other-tile.png", "originWhitelist": [],
                "integrationOrder": [], "prechatCapture": {"enabled": False}, **SDK_UPDATE},
        clearable=("buttonIconUrl", "backgroundImageUrl", "originWhitelist", "integrationOrder"),
        defaults={"brandColor": "65758e", "fixedIntroPane": False, "conversationColor": "0099ff", "actionColor": "0099ff",
                  "displayStyle": "button", "buttonWidth": "58", "buttonHeight": "58"}),
    "whatsapp": Kind(
        settable={"hsmFallbackLanguage": "en_US", "accountId": "whatsapp-account",
                  "accountManagementAccessToken": "whatsapp-management-token"},
        hidden=("accountManagementAccessToken",), read_only=("phoneNumber",),
        update={"hsmFallbackLanguage": "de", "accountId": "other-account",
                "accountManagementAccessToken": "whatsapp-management-2"},
        clearable=("hsmFallbackLanguage", "accountId", "accountManagementAccessToken"),
        defaults={"hsmFallbackLanguage": "en_US"}),
}
