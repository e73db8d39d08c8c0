//! What a message may hold: nine kinds of content, and the actions a reader is offered.

use crate::metadata::Metadata;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How many characters of text a message may hold, plain, as HTML or as Markdown.
pub const MAX_TEXT: usize = 4096;

/// What a message holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
#[schemars(rename = "content")]
pub enum Content {
    /// Text.
    Text(TextMessage),
    /// Several items side by side.
    Carousel(CarouselMessage),
    /// A file.
    File(FileMessage),
    /// Fields for the user to fill in.
    Form(FormMessage),
    /// The fields as the user filled them in.
    FormResponse(FormResponseMessage),
    /// An image.
    Image(ImageMessage),
    /// Several items one under the other.
    List(ListMessage),
    /// A place.
    Location(LocationMessage),
    /// A channel's own template.
    Template(TemplateMessage),
}

impl Content {
    /// The name of its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Carousel(_) => "carousel",
            Self::File(_) => "file",
            Self::Form(_) => "form",
            Self::FormResponse(_) => "formResponse",
            Self::Image(_) => "image",
            Self::List(_) => "list",
            Self::Location(_) => "location",
            Self::Template(_) => "template",
        }
    }
}

/// Text: plain, HTML or Markdown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "textMessage")]
pub struct TextMessage {
    /// Plain text. Needed unless there is HTML, Markdown or an action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_TEXT))]
    pub text: Option<String>,
    /// Text as HTML. Not together with Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_TEXT))]
    pub html_text: Option<String>,
    /// Whether the user is kept from typing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_chat_input: Option<bool>,
    /// Text as Markdown. It is kept as HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_TEXT), extend("writeOnly" = true))]
    pub markdown_text: Option<String>,
    /// What the reader is offered to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<Action>>,
    /// The payload of the reply that the user chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
}

/// Several items side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "carouselMessage")]
pub struct CarouselMessage {
    /// The items as text, for channels that show no carousels. Made by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub text: Option<String>,
    /// Whether the user is kept from typing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_chat_input: Option<bool>,
    /// The items.
    #[schemars(length(min = 1, max = 10))]
    pub items: Vec<Item>,
    /// How the items are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_settings: Option<DisplaySettings>,
}

/// How the items of a carousel are shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct DisplaySettings {
    /// The shape of the images. Default horizontal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_aspect_ratio: Option<ImageAspectRatio>,
}

/// The shape of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ImageAspectRatio {
    /// Wider than high.
    Horizontal,
    /// As wide as high.
    Square,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "fileMessage")]
pub struct FileMessage {
    /// Where the file is.
    #[schemars(extend("format" = "uri"))]
    pub media_url: String,
    /// How many bytes it has. Found out by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub media_size: Option<u64>,
    /// What kind of file it is. Found out by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub media_type: Option<String>,
    /// What it shows, in words. Default: the name of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub alt_text: Option<String>,
    /// Text beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_TEXT))]
    pub text: Option<String>,
    /// Whether the user is kept from typing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_chat_input: Option<bool>,
    /// The text as HTML. Not together with Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_TEXT))]
    pub html_text: Option<String>,
    /// The text as Markdown. It is kept as HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_TEXT), extend("writeOnly" = true))]
    pub markdown_text: Option<String>,
    /// The attachment's id, for channels that ask for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment_id: Option<String>,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "imageMessage")]
pub struct ImageMessage {
    /// The image and the text beside it.
    #[serde(flatten)]
    pub file: FileMessage,
    /// What the reader is offered to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<Action>>,
}

/// Fields for the user to fill in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "formMessage")]
pub struct FormMessage {
    /// Whether the user has filled it in. Kept by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub submitted: Option<bool>,
    /// Whether the user is kept from typing until it is filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_chat_input: Option<bool>,
    /// The fields.
    #[schemars(length(min = 1, max = 20))]
    pub fields: Vec<FormField>,
    /// Text above them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The fields of a form as the user filled them in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "formResponseMessage")]
pub struct FormResponseMessage {
    /// The fields.
    #[schemars(length(min = 1, max = 20))]
    pub fields: Vec<FormResponseField>,
    /// The fields as text. Made by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub text_fallback: Option<String>,
}

/// What a field asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum FieldType {
    /// An address for mail.
    Email,
    /// One of several options.
    Select,
    /// Text.
    Text,
}

/// What form of text a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum FieldFormat {
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Decimal,
}

/// A field and what was entered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "field")]
pub struct Field {
    /// What it asks for.
    pub r#type: FieldType,
    /// Its name for programs.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// Its name for people.
    #[schemars(length(min = 1, max = 128))]
    pub label: String,
    /// The text that was entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub text: Option<String>,
    /// The address that was entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub email: Option<String>,
    /// The option that was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Vec<Map<String, Value>>>,
    /// What form of text it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<FieldFormat>,
}

/// How many characters the text of a field has at least and at most, where its form does not say.
const DEFAULT_SIZES: (u32, u32) = (1, 128);

/// A field to be filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "formMessageField")]
pub struct FormField {
    /// The field.
    #[serde(flatten)]
    pub field: Field,
    /// What stands in it before anything is entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub placeholder: Option<String>,
    /// How many characters at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 256), extend("default" = DEFAULT_SIZES.0))]
    pub min_size: Option<u32>,
    /// How many characters at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 256), extend("default" = DEFAULT_SIZES.1))]
    pub max_size: Option<u32>,
    /// What may be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub options: Option<Vec<FormOption>>,
}

impl FormField {
    /// How many characters a text has at least and at most.
    pub fn sizes(&self) -> (u32, u32) {
        (self.min_size.unwrap_or(DEFAULT_SIZES.0), self.max_size.unwrap_or(DEFAULT_SIZES.1))
    }
}

/// Something to choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "formOption")]
pub struct FormOption {
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub label: Option<String>,
    /// Its name for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub name: Option<String>,
}

/// A field that was filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "formResponseMessageField")]
pub struct FormResponseField {
    /// The field.
    #[serde(flatten)]
    pub field: Field,
    /// The message that holds the form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("writeOnly" = true))]
    pub quoted_message_id: Option<String>,
}

/// Several items one under the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "listMessage")]
pub struct ListMessage {
    /// The items as text, for channels that show no lists. Made by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub text: Option<String>,
    /// Whether the user is kept from typing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_chat_input: Option<bool>,
    /// The items.
    #[schemars(length(min = 1, max = 10))]
    pub items: Vec<Item>,
    /// What the reader is offered to do with the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 10))]
    pub actions: Option<Vec<ItemAction>>,
}

/// A place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "locationMessage")]
pub struct LocationMessage {
    /// The place as text. Made by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub text: Option<String>,
    /// Whether the user is kept from typing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_chat_input: Option<bool>,
    /// Where it is.
    pub coordinates: Coordinates,
    /// What is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Place>,
}

/// Where a place is, in degrees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Coordinates {
    /// Latitude.
    pub lat: f64,
    /// Longitude.
    pub long: f64,
}

/// What is at a place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Place {
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A channel's own template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "templateMessage")]
pub struct TemplateMessage {
    /// Whether the user is kept from typing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_chat_input: Option<bool>,
    /// The template, in the channel's own form.
    pub template: Map<String, Value>,
}

/// One of several things that a carousel or list shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "item")]
pub struct Item {
    /// Its title.
    #[schemars(length(min = 1, max = 128))]
    pub title: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub description: Option<String>,
    /// Where its image is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), extend("format" = "uri"))]
    pub media_url: Option<String>,
    /// What kind of image it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub media_type: Option<String>,
    /// What the image shows, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub alt_text: Option<String>,
    /// How large the image is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<ItemSize>,
    /// What the reader is offered to do.
    #[schemars(length(min = 1, max = 3))]
    pub actions: Vec<ItemAction>,
    /// Custom properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-clearable" = true))]
    pub metadata: Option<Metadata>,
}

/// How large an item's image is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ItemSize {
    /// Small.
    Compact,
    /// Large.
    Large,
}

pub use crate::actions::{Action, ItemAction};
