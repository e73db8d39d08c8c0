//! Types and formats, and what they hold.

use serde_json::Value;

/// What a value can be.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Type {
    String,
    Integer,
    Number,
    Boolean,
    Object,
    Array,
    Null,
}

impl Type {
    const NAMES: [(Self, &'static str); 7] = [
        (Self::String, "string"),
        (Self::Integer, "integer"),
        (Self::Number, "number"),
        (Self::Boolean, "boolean"),
        (Self::Object, "object"),
        (Self::Array, "array"),
        (Self::Null, "null"),
    ];
    pub(super) fn parse(name: &Value) -> Option<Self> {
        Self::NAMES.iter().find(|(_, n)| name == n).map(|(t, _)| *t)
    }
    pub(super) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(t, _)| *t == self).map_or("", |(_, n)| n)
    }
    pub(super) fn holds(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => value.as_f64().is_some_and(|n| n.fract() == 0.0),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::Null => value.is_null(),
        }
    }
}

/// What a text can be.
#[derive(Clone, Copy)]
pub(super) enum Format {
    Uri,
    Email,
    DateTime,
}

impl Format {
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "uri" => Some(Self::Uri),
            "email" => Some(Self::Email),
            "date-time" => Some(Self::DateTime),
            _ => None,
        }
    }
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Uri => "uri",
            Self::Email => "email",
            Self::DateTime => "date-time",
        }
    }
    pub(super) fn holds(self, text: &str) -> bool {
        match self {
            Self::Uri => text.split_once(':').is_some_and(|(scheme, rest)| {
                scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                    && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
                    && !rest.is_empty()
                    && !rest.contains(char::is_whitespace)
            }),
            Self::Email => text.split_once('@').is_some_and(|(name, host)| {
                !name.is_empty() && !host.is_empty() && !host.contains('@') && !text.contains(char::is_whitespace)
            }),
            Self::DateTime => text.parse::<crate::time::Timestamp>().is_ok(),
        }
    }
}
