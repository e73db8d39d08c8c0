//! Identifiers: twelve bytes, time first; twenty-four hexadecimal digits on the wire, after their kind's prefix.

use crate::problem::Missing;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::{fmt, hash, marker::PhantomData, str::FromStr};

/// What an identifier names. The prefix is part of the public contract.
pub trait Kind: Send + Sync + 'static {
    /// The noun.
    const NAME: &'static str;
    /// What stands before the digits.
    const PREFIX: &'static str;
    /// What is answered when nothing has this id.
    const MISSING: Missing;
}

/// An identifier of one kind: ids of two kinds cannot be mixed up, and a wrong prefix does not parse.
pub struct Id<K> {
    bytes: [u8; 12],
    kind: PhantomData<fn() -> K>,
}

impl<K> Id<K> {
    /// From its twelve bytes.
    pub const fn new(bytes: [u8; 12]) -> Self {
        Self { bytes, kind: PhantomData }
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bytes.cmp(&other.bytes)
    }
}
impl<K> hash::Hash for Id<K> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

/// The printed form, on the stack: prefix and digits.
pub struct Text {
    bytes: [u8; 32],
    len: usize,
}

impl Text {
    /// The characters.
    pub fn as_str(&self) -> &str {
        // Only ASCII is ever written into it.
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl<K: Kind> Id<K> {
    /// Its printed form without an allocation, for statements and answers.
    pub fn text(&self) -> Text {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = Text { bytes: [0; 32], len: K::PREFIX.len() + 24 };
        let (prefix, digits) = text.bytes.split_at_mut(K::PREFIX.len());
        prefix.copy_from_slice(K::PREFIX.as_bytes());
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.bytes) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        text
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text().as_str())
    }
}
impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({self})", K::NAME)
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = Missing;
    /// Takes the printed form alone: lower-case digits, so that one id has one spelling.
    fn from_str(text: &str) -> Result<Self, Missing> {
        let digits = text.strip_prefix(K::PREFIX).map(str::as_bytes).filter(|d| d.len() == 24);
        let digits = digits.ok_or(K::MISSING)?;
        let mut bytes = [0; 12];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0]).zip(digit(pair[1])).map(|(high, low)| high << 4 | low).ok_or(K::MISSING)?;
        }
        Ok(Self::new(bytes))
    }
}

const fn digit(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text().as_str())
    }
}
impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(|_| serde::de::Error::custom(format_args!("not a valid {} id", K::NAME)))
    }
}
impl<K: Kind> JsonSchema for Id<K> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("{}Id", K::NAME).into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "pattern": format!("^{}[0-9a-f]{{24}}$", K::PREFIX) })
    }
}

macro_rules! kinds { ($($(#[doc = $doc:literal])+ $kind:ident $prefix:literal => $id:ident $missing:expr;)+) => { $(
    $(#[doc = $doc])+
    #[derive(Debug)]
    pub enum $kind {}
    impl Kind for $kind {
        const NAME: &'static str = stringify!($kind);
        const PREFIX: &'static str = $prefix;
        const MISSING: Missing = $missing;
    }
    #[doc = concat!("The id of: ", $($doc),+)]
    pub type $id = Id<$kind>;
)+ } }

kinds! {
    /// An app: what holds everything else.
    App "" => AppId Missing::APP;
    /// An account's key.
    AccountKey "act_" => AccountKeyId Missing::RESOURCE;
    /// A service account's key.
    ServiceKey "svc_" => ServiceKeyId Missing::RESOURCE;
    /// An app's key.
    AppKey "app_" => AppKeyId Missing::RESOURCE;
    /// A custom integration's key.
    IntegrationKey "int_" => IntegrationKeyId Missing::RESOURCE;
    /// A service account.
    ServiceAccount "" => ServiceAccountId Missing::RESOURCE;
    /// An integration.
    Integration "" => IntegrationId Missing::INTEGRATION;
    /// A switchboard.
    Switchboard "" => SwitchboardId Missing::SWITCHBOARD;
    /// A part of a switchboard.
    SwitchboardIntegration "" => SwitchboardIntegrationId Missing::SWITCHBOARD_INTEGRATION;
    /// A webhook.
    Webhook "" => WebhookId Missing::RESOURCE;
    /// A user.
    User "" => UserId Missing::USER;
    /// A user's client.
    Client "" => ClientId Missing::CLIENT;
    /// A device on which an SDK runs.
    Device "" => DeviceId Missing::DEVICE;
    /// A conversation.
    Conversation "" => ConversationId Missing::CONVERSATION;
    /// A participant of a conversation.
    Participant "" => ParticipantId Missing::RESOURCE;
    /// A message.
    Message "" => MessageId Missing::RESOURCE;
    /// An event, as webhooks carry it.
    Event "" => EventId Missing::RESOURCE;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(bytes: [u8; 12]) {
            let id = IntegrationKeyId::new(bytes);
            prop_assert_eq!(id.to_string().parse::<IntegrationKeyId>().ok(), Some(id));
            prop_assert_eq!(id.to_string().len(), 28);
        }

        #[test]
        fn order_of_the_text_is_the_order_of_the_bytes(a: [u8; 12], b: [u8; 12]) {
            prop_assert_eq!(AppId::new(a).to_string().cmp(&AppId::new(b).to_string()), a.cmp(&b));
        }

        #[test]
        fn nothing_else_parses(text in "\\PC{0,40}") {
            if let Ok(id) = text.parse::<AppId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn a_wrong_prefix_or_sign_does_not_parse() {
        for text in ["", "app_", "+1+1+1+1+1+1+1+1+1+1+1+1", "ABCDEF0123456789ABCDEF01", "app_0123456789abcdef01234567"]
        {
            assert!(text.parse::<IntegrationKeyId>().is_err() && text.parse::<AppId>().is_err(), "{text}");
        }
    }
}
