//! Values of settings that need more than a text or a number: how each is written.

use clap::ValueEnum;
use heliograph_server::AddressRange;
use heliograph_wire::webhook_health::MAX_EVENTS_PER_CALL;
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

/// The longest pause that is one.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// A pause, written as a number of seconds.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
pub struct Seconds(pub Duration);

impl TryFrom<f64> for Seconds {
    type Error = &'static str;

    fn try_from(seconds: f64) -> Result<Self, Self::Error> {
        let time = Duration::try_from_secs_f64(seconds).ok().filter(|time| *time <= LONGEST);
        time.map(Self).ok_or("should be a number of seconds, from 0 to 2592000 (30 days)")
    }
}

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // What is no number is refused as what is a wrong one.
        text.trim().parse::<f64>().unwrap_or(f64::NAN).try_into()
    }
}

/// An origin of pages as browsers write it, or `*` for any.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(pub String);

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let origin = text.trim().to_ascii_lowercase();
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        let known = ["*", "null"].contains(&origin.as_str());
        if known || !(host.is_empty() || host.contains(['/', '?', '#', '@', ' '])) {
            return Ok(Self(origin));
        }
        Err(format!("'{text}' is no origin such as https://a.example:8443, without a path, nor *"))
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// How many events one call may carry.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u32")]
pub struct PerCall(pub u32);

impl TryFrom<u32> for PerCall {
    type Error = String;

    fn try_from(count: u32) -> Result<Self, Self::Error> {
        let good = (1..=MAX_EVENTS_PER_CALL).contains(&count);
        good.then_some(Self(count)).ok_or_else(|| format!("should be a number from 1 to {MAX_EVENTS_PER_CALL}"))
    }
}

impl FromStr for PerCall {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // What is no number is refused as what is a wrong one.
        text.trim().parse::<u32>().unwrap_or_default().try_into()
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
