//! The types of integrations, as a table: each type's fields and what may be done with each.
//!
//! Validation, the published schema, storage (credentials are sealed) and answers all read this table.

use crate::integrations::PrechatCapture;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Text.
    Text,
    /// True or false.
    Flag,
    /// A list of texts.
    Texts,
    /// What a web messenger asks before a conversation.
    Prechat,
}

/// A field of a type.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub about: &'static str,
    /// What it holds.
    pub holds: Holds,
    /// Whether a new integration needs it.
    pub required: bool,
    /// Whether it is a credential: sealed in the store, never answered.
    pub secret: bool,
    /// Whether answers hint at it: the reference asks it of them, though it is a credential, and SDKs insist.
    pub hinted: bool,
    /// Whether the server alone sets it.
    pub read_only: bool,
    /// Whether it may change later.
    pub updatable: bool,
    /// Whether `null` takes it away.
    pub clearable: bool,
    /// How many characters at least.
    pub min_length: Option<u32>,
    /// The values it may have; empty: any.
    pub values: &'static [&'static str],
    /// What it is when it was not given.
    pub default: Option<Default>,
}

/// What a field is when it was not given.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// A text.
    Text(&'static str),
    /// True or false.
    Flag(bool),
}

impl Default {
    /// As JSON.
    pub fn value(self) -> Value {
        match self {
            Self::Text(text) => text.into(),
            Self::Flag(flag) => flag.into(),
        }
    }
}

const fn field(name: &'static str, holds: Holds, about: &'static str) -> Field {
    Field {
        name,
        about,
        holds,
        required: false,
        secret: false,
        hinted: false,
        read_only: false,
        updatable: false,
        clearable: false,
        min_length: None,
        values: &[],
        default: None,
    }
}
const fn text(name: &'static str, about: &'static str) -> Field {
    field(name, Holds::Text, about)
}
const fn flag(name: &'static str, about: &'static str) -> Field {
    field(name, Holds::Flag, about)
}

impl Field {
    const fn required(self) -> Self {
        Self { required: true, ..self }
    }
    const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }
    const fn hinted(self) -> Self {
        Self { hinted: true, ..self }
    }
    const fn read_only(self) -> Self {
        Self { read_only: true, ..self }
    }
    const fn updatable(self) -> Self {
        Self { updatable: true, ..self }
    }
    const fn clearable(self) -> Self {
        Self { clearable: true, ..self }
    }
    const fn at_least(self, characters: u32) -> Self {
        Self { min_length: Some(characters), ..self }
    }
    const fn or(self, default: &'static str) -> Self {
        Self { default: Some(Default::Text(default)), ..self }
    }
    const fn or_flag(self, default: bool) -> Self {
        Self { default: Some(Default::Flag(default)), ..self }
    }

    /// Its value as it is kept: of what has fields of its own, those that are known.
    pub fn kept(&self, value: &Value) -> serde_json::Result<Value> {
        match self.holds {
            Holds::Prechat => serde_json::to_value(PrechatCapture::deserialize(value)?),
            Holds::Text | Holds::Flag | Holds::Texts => Ok(value.clone()),
        }
    }

    /// The schema of its value.
    pub fn schema(&self) -> Value {
        let mut schema = match self.holds {
            Holds::Text => json!({ "type": "string" }),
            Holds::Flag => json!({ "type": "boolean" }),
            Holds::Texts => json!({ "type": "array", "items": { "type": "string" } }),
            Holds::Prechat => json!({ "$ref": "#/components/schemas/prechatCapture" }),
        };
        let mut set = |name: &str, value: Value| schema[name] = value;
        set("description", self.about.into());
        if let Some(characters) = self.min_length {
            set("minLength", characters.into());
        }
        if !self.values.is_empty() {
            set("enum", self.values.into());
        }
        if let Some(default) = self.default {
            set("default", default.value());
        }
        for (name, on) in
            [("writeOnly", self.secret && !self.hinted), ("readOnly", self.read_only), ("x-clearable", self.clearable)]
        {
            if on {
                set(name, true.into());
            }
        }
        schema
    }
}

/// A type of integration.
#[derive(Clone, Copy, Debug)]
pub struct IntegrationType {
    /// Its name.
    pub name: &'static str,
    /// Its own fields, beside those that all have.
    pub fields: &'static [Field],
}

/// The type that programs of one's own belong to.
pub const CUSTOM: &str = "custom";

impl IntegrationType {
    /// The type of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        TYPES.iter().find(|t| t.name == name)
    }
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.name == name)
    }
    /// The schemas of its own fields that may change later.
    pub fn updatable(&self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().filter(|f| f.updatable)
    }
}

const SEE_LIST: Field =
    flag("canUserSeeConversationList", "Whether users see the list of their conversations.").updatable();
const CREATE_MORE: Field =
    flag("canUserCreateMoreConversations", "Whether users may start further conversations.").updatable();
const ATTACHMENTS: Field = flag("attachmentsEnabled", "Whether users may send files.").read_only();

/// All of them, in the order of the contract.
pub const TYPES: &[IntegrationType] = &[
    IntegrationType {
        name: "android",
        fields: &[
            text("projectId", "The Firebase project.").at_least(1).secret().clearable().updatable(),
            text("clientEmail", "The Firebase service account.").at_least(1).secret().clearable().updatable(),
            text("privateKey", "The key of the Firebase service account.").at_least(1).secret().clearable().updatable(),
            text("serverKey", "The key of the old Firebase interface.").at_least(1).secret().clearable().updatable(),
            text("senderId", "The sender of the old Firebase interface.").at_least(1).clearable().updatable(),
            SEE_LIST,
            CREATE_MORE,
            ATTACHMENTS,
        ],
    },
    IntegrationType {
        name: "apple",
        fields: &[
            text("businessId", "The business at Apple.").required(),
            text("apiSecret", "The secret of the messaging service provider; in answers a hint.")
                .required()
                .secret()
                .hinted(),
            text("mspId", "The messaging service provider.").required(),
            text("authenticationMessageSecret", "The key with which users sign in.").at_least(88).secret().updatable(),
        ],
    },
    // Its webhooks are rows of their own: see `integrations.rs`.
    IntegrationType { name: CUSTOM, fields: &[] },
    IntegrationType {
        name: "instagram",
        fields: &[
            text("pageAccessToken", "The access token of the page.").required().secret().updatable(),
            text("appId", "The app at Facebook.").required(),
            text("appSecret", "The secret of the app.").required().secret(),
            text("businessName", "The name of the business.").read_only(),
            text("businessUsername", "The user name of the business.").read_only(),
            text("pageId", "The page.").read_only(),
            text("businessId", "The business.").read_only(),
            text("username", "The user name.").read_only(),
            text("userId", "The user.").read_only(),
            flag("storyRepliesEnabled", "Whether replies to stories come in.").or_flag(true).updatable(),
            flag("storyMentionsEnabled", "Whether mentions in stories come in.").or_flag(true).updatable(),
        ],
    },
    IntegrationType {
        name: "ios",
        fields: &[
            text("certificate", "The certificate for notifications, in base64.")
                .at_least(1)
                .secret()
                .clearable()
                .updatable(),
            text("password", "The password of the certificate.").secret().updatable(),
            flag("production", "Whether the certificate is for production.").updatable(),
            flag("autoUpdateBadge", "Whether the badge counts unread messages.").updatable(),
            SEE_LIST,
            CREATE_MORE,
            ATTACHMENTS,
        ],
    },
    IntegrationType {
        name: "line",
        fields: &[
            text("channelId", "The channel."),
            text("channelSecret", "The secret of the channel.").secret(),
            text("channelAccessToken", "The access token of the channel.").secret(),
            text("serviceCode", "The service code."),
            text("switcherSecret", "The secret of the switcher.").at_least(1).secret(),
            text("qrCodeUrl", "Where the QR code of the channel is."),
            text("lineId", "The id that users add as a friend.").read_only(),
        ],
    },
    IntegrationType {
        name: "mailgun",
        fields: &[
            text("apiKey", "The key for Mailgun's interface.").at_least(1).required().secret(),
            text("signingKey", "The key with which Mailgun signs its webhooks.").at_least(1).secret(),
            text("domain", "The domain that sends.").at_least(1).required(),
            text("incomingAddress", "The address that receives.").at_least(1).required(),
            flag("hideUnsubscribeLink", "Whether mails have no link to unsubscribe.").updatable(),
            text("fromAddress", "The address that mails come from.").at_least(1).clearable().updatable(),
        ],
    },
    IntegrationType {
        name: "messagebird",
        fields: &[
            text("accessKey", "The key for MessageBird's interface.").at_least(1).required().secret(),
            text("signingKey", "The key with which MessageBird signs its webhooks.").at_least(1).required().secret(),
            text("originator", "The number that sends.").at_least(1).required(),
            text("webhookSecret", "What MessageBird's calls carry.").read_only(),
        ],
    },
    IntegrationType {
        name: "messenger",
        fields: &[
            text("pageAccessToken", "The access token of the page.").required().secret().updatable(),
            text("appId", "The app at Facebook.").required(),
            text("appSecret", "The secret of the app.").required().secret(),
            text("pageId", "The page.").read_only(),
            text("pageName", "The name of the page.").read_only(),
        ],
    },
    IntegrationType {
        name: "telegram",
        fields: &[
            text("token", "The token of the bot.").at_least(1).required().secret(),
            text("username", "The user name of the bot.").read_only(),
            text("botId", "The bot.").read_only(),
        ],
    },
    IntegrationType {
        name: "twilio",
        fields: &[
            text("accountSid", "The account.").required(),
            text("authToken", "The token of the account.").at_least(1).required().secret(),
            text("phoneNumberSid", "The number that sends. This or a messaging service is needed.").at_least(1),
            text("messagingServiceSid", "The messaging service that sends.").at_least(1),
        ],
    },
    IntegrationType {
        name: "twitter",
        fields: &[
            Field { values: &["enterprise"], ..text("tier", "The tier of the account.").required() },
            text("envName", "The environment.").at_least(1).read_only(),
            text("consumerKey", "The key of the app; in answers a hint.").at_least(1).required().secret().hinted(),
            text("consumerSecret", "The secret of the app.").at_least(1).required().secret(),
            text("accessTokenKey", "The key of the access token; in answers a hint.")
                .at_least(1)
                .required()
                .secret()
                .hinted(),
            text("accessTokenSecret", "The secret of the access token.").at_least(1).required().secret(),
        ],
    },
    IntegrationType { name: "unity", fields: &[SEE_LIST, CREATE_MORE, ATTACHMENTS] },
    IntegrationType {
        name: "viber",
        fields: &[
            text("token", "The token of the account.").at_least(1).required().secret(),
            text("uri", "The address of the account.").read_only(),
            text("accountId", "The account.").read_only(),
        ],
    },
    IntegrationType {
        name: "web",
        fields: &[
            text("brandColor", "The colour of the header, six hexadecimal digits.").or("65758e").updatable(),
            flag("fixedIntroPane", "Whether the introduction stays on top.").or_flag(false).updatable(),
            text("conversationColor", "The colour of the user's messages.").or("0099ff").updatable(),
            text("actionColor", "The colour of buttons and links.").or("0099ff").updatable(),
            text("displayStyle", "A `button` or a `tab`.").or("button").updatable(),
            text("buttonIconUrl", "Where the picture on the button is.").clearable().updatable(),
            text("buttonWidth", "How wide the button is, in pixels.").or("58").updatable(),
            text("buttonHeight", "How high the button is, in pixels.").or("58").updatable(),
            field("integrationOrder", Holds::Texts, "The integrations offered beside it, in order.")
                .clearable()
                .updatable(),
            text("businessName", "The name on the introduction.").updatable(),
            text("businessIconUrl", "Where the picture on the introduction is.").updatable(),
            text("backgroundImageUrl", "Where the picture behind the conversation is.").clearable().updatable(),
            field("originWhitelist", Holds::Texts, "The origins that may show it; unset: all.").clearable().updatable(),
            field("prechatCapture", Holds::Prechat, "What is asked before a conversation starts.").updatable(),
            SEE_LIST,
            CREATE_MORE,
            ATTACHMENTS,
        ],
    },
    IntegrationType {
        name: "whatsapp",
        fields: &[
            text("hsmFallbackLanguage", "The language of templates that do not say theirs.")
                .or("en_US")
                .clearable()
                .updatable(),
            text("accountId", "The account.").clearable().updatable(),
            text("accountManagementAccessToken", "The token for managing the account.")
                .secret()
                .clearable()
                .updatable(),
            text("phoneNumber", "The number.").read_only().clearable(),
        ],
    },
];

/// The schemas of the fields that may change later, of all types together.
pub fn updatable_schemas() -> Map<String, Value> {
    TYPES.iter().flat_map(|t| t.updatable()).map(|f| (f.name.to_owned(), f.schema())).collect()
}
