//! Values of settings that need more than a text or a number: how each is written.

use clap::ValueEnum;
use heliograph_server::AddressRange;
use serde::Deserialize;
use std::{str::FromStr, time::Duration};

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// A JSON object per line, for programs.
    Json,
}

/// A pause, written as a number of seconds.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
pub struct Seconds(pub Duration);

impl TryFrom<f64> for Seconds {
    type Error = &'static str;

    fn try_from(seconds: f64) -> Result<Self, Self::Error> {
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| "should be a number of seconds, zero or more")
    }
}

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // What is no number is refused as what is a wrong one.
        text.trim().parse::<f64>().unwrap_or(f64::NAN).try_into()
    }
}

/// A range of addresses, or a single one.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Range(pub AddressRange);

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let range = heliograph_server::address_range(text.trim());
        range.map(Self).ok_or_else(|| format!("'{text}' is no address and no range such as 10.0.0.0/8"))
    }
}

impl TryFrom<String> for Range {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A time, written as a number of days.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
pub struct Days(pub Duration);

impl TryFrom<f64> for Days {
    type Error = &'static str;

    fn try_from(days: f64) -> Result<Self, Self::Error> {
        let time = Duration::try_from_secs_f64(days * 24.0 * 3600.0).ok().filter(|time| !time.is_zero());
        time.map(Self).ok_or("should be a number of days, more than zero")
    }
}

impl FromStr for Days {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim().parse::<f64>().unwrap_or(f64::NAN).try_into()
    }
}
