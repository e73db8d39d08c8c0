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
    /// Whether the contract's form has a text for it: its years are 0000 to 9999, in which the last day is not whole.
    pub fn can_be_told(self) -> bool {
        self.text().is_some()
    }

    /// None beyond the year 9999. Of milliseconds, the library takes none of the last second.
    fn instant(self) -> Option<Instant> {
        Instant::new(self.0.div_euclid(1000), self.0.rem_euclid(1000) as i32 * 1_000_000).ok()
    }

    /// Its printed form without an allocation: nearly every answer holds some. None for years that have not four digits.
    fn text(self) -> Option<Text> {
        let at = Offset::UTC.to_datetime(self.instant()?);
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
            // Nothing that is read is so far away.
            None => write!(f, "{:.3}", self.instant().unwrap_or(if self.0 < 0 { Instant::MIN } else { Instant::MAX })),
        }
    }
}
impl FromStr for Timestamp {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = Self(text.parse::<Instant>()?.as_millisecond());
        // What could not be answered in the contract's form is not taken in.
        read.text()
            .map(|_| read)
            .ok_or_else(|| jiff::Error::from_args(format_args!("the year should have four digits")))
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

    /// 0000-01-01T00:00:00Z and the last millisecond that the library knows.
    const FIRST: i64 = -62_167_219_200_000;
    const LAST: i64 = 253_402_207_200_999;

    #[test]
    fn years_have_four_digits() {
        assert_eq!("0000-01-01T00:00:00Z".parse().ok(), Some(Timestamp(FIRST)));
        assert_eq!("9999-12-30T22:00:00.999Z".parse().ok(), Some(Timestamp(LAST)));
        for text in
            ["-000001-12-31T00:00:00Z", "-009999-01-02T01:59:59Z", "9999-12-31T23:00:00Z", "+010000-01-01T00:00:00Z"]
        {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
        for ms in [i64::MIN, i64::MIN + 1, FIRST - 1, LAST + 1, i64::MAX] {
            assert!(Timestamp(ms).to_string().parse::<Timestamp>().is_ok() == (ms > LAST), "{ms}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(ms in prop_oneof![FIRST..=LAST, FIRST..FIRST + 2000, LAST - 2000..=LAST]) {
            let printed = Timestamp(ms).to_string();
            prop_assert_eq!(printed.parse().ok(), Some(Timestamp(ms)));
            prop_assert_eq!(&printed, &format!("{:.3}", Timestamp(ms).instant().unwrap()), "as the library prints it");
            prop_assert_eq!(serde_json::to_value(Timestamp(ms)).ok(), Some(printed.into()));
        }
    }
}
