//! Attachments: files that are uploaded here, to be sent in messages.

use crate::{op::Nothing, operations, path::AppPath, problem::Missing};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt, str::FromStr};

operations! { "Attachments"
    /// Uploads a file, to be sent in messages. The answer holds its address, which anybody who knows it may fetch.
    UploadAttachment = POST "/v2/apps/{appId}/attachments" [any] (AppPath, UploadQuery, Upload)
        -> 201 AttachmentReply | 404;
    /// Removes an uploaded file, by its address.
    DeleteAttachment = POST "/v2/apps/{appId}/attachments/remove" [any] (AppPath, Nothing, AttachmentRemoval)
        -> 200 Nothing | 404;
}

/// How large a file may be.
pub const MAX_BYTES: u64 = 50 * 1024 * 1024;
/// The field of the form that holds the file.
pub const FIELD: &str = "source";

/// What is said of an upload.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct UploadQuery {
    /// Who may fetch the file: whoever knows its address.
    #[schemars(extend("default" = "public"))]
    pub access: Access,
    /// What the file is for. With `message` it goes when the message that carries it goes, or the conversation, or its
    /// user.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// The conversation the file will be sent in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
}

/// Who may fetch a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Access {
    /// Whoever knows its address.
    Public,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Container {
    /// A message.
    Message,
}

/// The form that is uploaded. The file passes by as a stream, so there is nothing of it to hold here.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Upload {}

impl JsonSchema for Upload {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "attachmentUploadBody".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "object",
            "x-media-type": "multipart/form-data",
            "properties": { FIELD: { "type": "string", "format": "binary", "description": "The file, with its name." } },
            "required": [FIELD],
        })
    }
}

/// An uploaded file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "attachmentSchema")]
pub struct Attachment {
    /// Its address.
    pub media_url: String,
    /// Its media type, found by looking at it.
    pub media_type: String,
}

/// One attachment.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "attachmentResponse")]
pub struct AttachmentReply {
    /// The attachment.
    pub attachment: Attachment,
}

/// Which file is removed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "attachmentDeleteBody")]
pub struct AttachmentRemoval {
    /// Its address, as the upload answered it.
    pub media_url: String,
}

/// The id of an attachment, a ULID: when it was made, and eighty bits that nobody guesses. Whoever knows it may fetch
/// the file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttachmentId(u128);

/// Crockford's digits: none that is easily taken for another.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 26;
/// Where the files are, below the server's own address.
pub const FOLDER: &str = "/attachments/v2/";

impl AttachmentId {
    /// From the moment, in milliseconds since 1970, and randomness.
    pub fn new(made_at: i64, random: [u8; 10]) -> Self {
        let chance = random.iter().fold(0u128, |sum, byte| sum << 8 | u128::from(*byte));
        Self(u128::from(made_at.cast_unsigned() & 0xffff_ffff_ffff) << 80 | chance)
    }

    /// The path of a file of this name.
    pub fn path(self, name: &str) -> String {
        const KEPT: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
        format!("{FOLDER}{self}/{}", utf8_percent_encode(name, KEPT))
    }

    /// The id and the name that a path gives.
    pub fn in_path(path: &str) -> Option<(Self, Cow<'_, str>)> {
        let (id, name) = path.strip_prefix(FOLDER)?.split_once('/')?;
        Some((id.parse().ok()?, percent_decode_str(name).decode_utf8_lossy()))
    }

    /// The id in an address, whatever stands before the path: only whoever was given an id can name it.
    pub fn in_url(url: &str) -> Option<Self> {
        let path = url.split(['?', '#']).next()?;
        Some(Self::in_path(&path[path.rfind(FOLDER)?..])?.0)
    }
}

impl fmt::Display for AttachmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |place: usize| char::from(DIGITS[(self.0 >> (5 * place)) as usize & 31]);
        (0..LENGTH).rev().try_for_each(|place| fmt::Write::write_char(f, digit(place)))
    }
}

/// An id lets its reader in, so no log shows it whole.
impl fmt::Debug for AttachmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttachmentId({:.10}…)", self.to_string())
    }
}

impl FromStr for AttachmentId {
    type Err = Missing;
    /// Takes the printed form alone, so that one id has one spelling.
    fn from_str(text: &str) -> Result<Self, Missing> {
        let value = text.bytes().try_fold(0u128, |sum, byte| {
            let digit = DIGITS.iter().position(|d| *d == byte)?;
            Some(sum << 5 | digit as u128)
        });
        match value {
            // Twenty-six digits hold two bits more than an id has.
            Some(value) if text.len() == LENGTH && text.as_bytes()[0] <= b'7' => Ok(Self(value)),
            _ => Err(Missing::ATTACHMENT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_is_a_ulid() {
        let id = AttachmentId::new(1_736_900_000_000, [0xff; 10]);
        assert_eq!(id.to_string(), "01JHKMXE80ZZZZZZZZZZZZZZZZ");
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in
            ["", "01JHKMXE80", "81JHKMXE80ZZZZZZZZZZZZZZZZ", "01jhkmxe80zzzzzzzzzzzzzzzz", "01JHKMXE80ZZZZZZZZZZZZZZZI"]
        {
            assert!(wrong.parse::<AttachmentId>().is_err(), "{wrong}");
        }
        assert!(!format!("{id:?}").contains("ZZZ"));
    }

    #[test]
    fn an_address_names_its_attachment_wherever_the_server_stands() {
        let id = AttachmentId::new(1, [7; 10]);
        for before in ["http://127.0.0.1:8080", "https://chat.example.org/sc", "/sc", ""] {
            let url = format!("{before}{}?x=/y", id.path("a b/ü.png"));
            assert_eq!(AttachmentId::in_url(&url), Some(id), "{url}");
        }
        for foreign in
            ["https://example.org/cat.png", "https://example.org/attachments/v2/cat.png", "", "/attachments/v2/"]
        {
            assert_eq!(AttachmentId::in_url(foreign), None, "{foreign}");
        }
    }

    proptest! {
        #[test]
        fn what_a_path_is_made_from_is_read_back(time in 0i64..1 << 48, random: [u8; 10], name in "\\PC{1,40}") {
            let id = AttachmentId::new(time, random);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            let path = id.path(&name);
            prop_assert_eq!(path.matches('/').count(), 4);
            prop_assert_eq!(AttachmentId::in_path(&path), Some((id, name.as_str().into())));
        }
    }
}
