//! Pages of a list: what a caller asks for, and what the answer says of its neighbours.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many records a page holds when the caller does not say.
pub const DEFAULT_SIZE: u32 = 25;
/// How many records a page of messages holds, always.
pub const MESSAGES_SIZE: u32 = 100;

/// Which page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "page")]
pub struct Page {
    /// Only records that follow the one with this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 24, max = 24))]
    pub after: Option<String>,
    /// Only records that precede the one with this id. Not together with `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 24, max = 24))]
    pub before: Option<String>,
    /// How many records at most. Lists of messages always hold 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100), extend("default" = DEFAULT_SIZE))]
    pub size: Option<u32>,
}

/// The query of a list that has pages and no filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct PageQuery {
    /// Which page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
}

/// Whether there is more, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "meta")]
pub struct Meta {
    /// Whether there are more records in the direction that was asked for.
    pub has_more: bool,
    /// Give this as `page[after]` for the page that follows. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_cursor: Option<String>,
    /// Give this as `page[before]` for the page that precedes. Absent on the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_cursor: Option<String>,
}

/// The addresses of the neighbouring pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "links")]
pub struct Links {
    /// The page that precedes. Absent on the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<String>,
    /// The page that follows. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
