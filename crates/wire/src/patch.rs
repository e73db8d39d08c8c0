//! A field of a body that may be cleared: left alone, cleared with `null`, or set.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Absent, `null`, or a value. (A plain `Option` in a body is absent or a value; `null` is refused.)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// The body does not speak of it.
    #[default]
    Keep,
    /// The body says `null`.
    Clear,
    /// The body gives a value.
    Set(T),
}

impl<T> Patch<T> {
    /// Whether the body does not speak of it.
    pub const fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }
    /// Changes `field` as asked.
    pub fn apply(self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value),
        }
    }
    /// The value, where clearing and leaving out are the same (when a thing is made).
    pub fn given(self) -> Option<T> {
        match self {
            Self::Set(value) => Some(value),
            _ => None,
        }
    }
}

/// Absent is `Keep` (through `#[serde(default)]`), `null` is `Clear`.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}
impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Set(value) => serializer.serialize_some(value),
            _ => serializer.serialize_none(),
        }
    }
}
impl<T: JsonSchema> JsonSchema for Patch<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Patch_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = generator.subschema_for::<T>();
        // `schema.rs` turns this mark into a type that admits null; an Option loses its null there.
        schema.insert("x-clearable".to_owned(), true.into());
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::Patch;

    #[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
    struct Body {
        #[serde(default, skip_serializing_if = "Patch::is_keep")]
        name: Patch<String>,
    }

    #[test]
    fn absent_null_and_value_differ() {
        let cases =
            [("{}", Patch::Keep), (r#"{"name":null}"#, Patch::Clear), (r#"{"name":"a"}"#, Patch::Set("a".to_owned()))];
        for (json, name) in cases {
            let body = Body { name };
            assert_eq!(serde_json::from_str::<Body>(json).ok().as_ref(), Some(&body));
            assert_eq!(serde_json::to_string(&body).ok().as_deref(), Some(json));
        }
    }
}
