//! Points in time: milliseconds since 1970, printed in UTC with three decimals.

use jiff::{Timestamp as Instant, tz::Offset};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A point in time with millisecond precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// The printed form of a point in time, on the stack.
struct Text([u8; 24]);

impl Text {
    fn as_str(&self) -> &str {
        // Only ASCII is ever written into it.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Timestamp {
    fn instant(self) -> Instant {
        // Out of range only for years beyond 9999, which nothing here can make.
        Instant::from_millisecond(self.0).unwrap_or_default()
    }

    /// Its printed form without an allocation: nearly every answer holds some. None for years before 0, which have more
    /// digits.
    fn text(self) -> Option<Text> {
        let at = Offset::UTC.to_datetime(self.instant());
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |from: usize, digits: usize, number: u16| {
            let mut rest = number;
            for place in (from..from + digits).rev() {
                text[place] = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        };
        put(0, 4, u16::try_from(at.year()).ok()?);
        put(20, 3, at.millisecond().unsigned_abs());
        for (from, two) in [(5, at.month()), (8, at.day()), (11, at.hour()), (14, at.minute()), (17, at.second())] {
            put(from, 2, u16::from(two.unsigned_abs()));
        }
        Some(Text(text))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => f.pad(text.as_str()),
            None => write!(f, "{:.3}", self.instant()),
        }
    }
}
impl FromStr for Timestamp {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.parse::<Instant>()?.as_millisecond()))
    }
}
impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.text() {
            Some(text) => serializer.serialize_str(text.as_str()),
            None => serializer.collect_str(self),
        }
    }
}
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;
    use proptest::prelude::*;

    #[test]
    fn three_decimals_and_z() {
        assert_eq!(Timestamp(1_738_600_388_152).to_string(), "2025-02-03T16:33:08.152Z");
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000Z");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(ms in -377_000_000_000_000i64..253_402_200_000_000) {
            let printed = Timestamp(ms).to_string();
            prop_assert_eq!(printed.parse().ok(), Some(Timestamp(ms)));
            prop_assert_eq!(&printed, &format!("{:.3}", Timestamp(ms).instant()), "as the library prints it");
            prop_assert_eq!(serde_json::to_value(Timestamp(ms)).ok(), Some(printed.into()));
        }
    }
}
