//! The commands that call a server: what they share.

pub mod apps;
pub mod attachments;
pub mod deliveries;
pub mod integrations;
pub mod key_life;
pub mod keys;
pub mod webhooks;

use crate::{connection, output::Outcome};
use clap::{Args, Subcommand};
use heliograph_client::{
    Answer, Client, Error,
    id::{Id, Kind},
    page::{Meta, Page},
    webhooks::Trigger,
};
use serde_json::{Map, Value, json};
use tokio::runtime::Builder;

/// How many records a page holds at most.
const PAGE_SIZE: u32 = 100;

/// A noun with its verbs.
#[derive(Args)]
pub struct Api<V: Subcommand> {
    #[command(flatten)]
    connection: connection::Flags,
    /// Prints the server's answer as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: V,
}

/// What a verb does.
pub trait Call {
    /// Calls the server and prints what it answers.
    async fn call(self, client: &Client, json: bool) -> Outcome;

    /// What it does without any server, if that is all.
    fn offline(&self, _json: bool) -> Option<Outcome> {
        None
    }
}

/// Runs the command.
pub fn run<V: Subcommand + Call>(api: Api<V>) -> Outcome {
    if let Some(outcome) = api.verb.offline(api.json) {
        return outcome;
    }
    let client = api.connection.client()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(api.verb.call(&client, api.json))
}

/// Which records of a list.
#[derive(Args, Clone, Copy)]
pub struct Limit {
    /// How many records at most. Default: all.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

impl Limit {
    /// Collects the records called `noun`, page by page.
    async fn collect(
        self,
        noun: &str,
        fetch: impl AsyncFn(Option<Page>) -> Result<Answer, Error>,
    ) -> Result<Value, Error> {
        let mut records = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let left = self.limit.map_or(PAGE_SIZE, |limit| limit - u32::try_from(records.len()).unwrap_or(limit));
            let page = Page { after: after.clone(), before: None, size: Some(left.min(PAGE_SIZE)) };
            let mut answer: Value = fetch(Some(page)).await?.decode()?;
            if let Some(Value::Array(found)) = answer.get_mut(noun).map(Value::take) {
                records.extend(found);
            }
            let meta = &answer["meta"];
            let next = meta["afterCursor"].as_str().filter(|_| meta["hasMore"] == true).map(str::to_owned);
            let full = self.limit.is_some_and(|limit| records.len() >= limit as usize);
            // A cursor that does not move would lead in a circle.
            if next.is_none() || next == after || full {
                let meta = Meta { has_more: next.is_some(), after_cursor: next, before_cursor: None };
                return Ok(json!({ noun: records, "meta": meta }));
            }
            after = next;
        }
    }
}

/// Reads an id.
pub fn id<K: Kind>(text: &str) -> Result<Id<K>, String> {
    let prefix = if K::PREFIX.is_empty() { String::new() } else { format!("{} and ", K::PREFIX) };
    text.parse().map_err(|_| format!("not an id: expected {prefix}24 hexadecimal digits"))
}

/// Reads a JSON object.
fn object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("not a JSON object: {error}"))
}

/// Reads JSON of one type.
fn typed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Reads the name of a trigger.
pub fn trigger(text: &str) -> Result<Trigger, String> {
    Trigger::ALL.iter().copied().find(|trigger| trigger.name() == text).ok_or_else(|| {
        let names: Vec<&str> = Trigger::ALL.iter().map(|trigger| trigger.name()).collect();
        format!("there are: {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn answer(body: Value) -> Answer {
        Answer { status: Default::default(), headers: Default::default(), body: body.to_string().into() }
    }

    fn collect(limit: Option<u32>, total: u32) -> (Value, Vec<Page>) {
        let asked = RefCell::new(Vec::new());
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let collected = runtime.block_on(Limit { limit }.collect("apps", async |page| {
            let page = page.unwrap_or_default();
            asked.borrow_mut().push(page.clone());
            let from: u32 = page.after.map_or(0, |after| after.parse().expect("a number"));
            let to = (from + page.size.unwrap_or(25)).min(total);
            let records: Vec<u32> = (from..to).collect();
            Ok(answer(json!({ "apps": records, "meta": { "hasMore": to < total, "afterCursor": to.to_string() } })))
        }));
        (collected.expect("a list"), asked.into_inner())
    }

    #[test]
    fn lists_are_followed_to_their_end() {
        let (all, asked) = collect(None, 230);
        assert_eq!(all["apps"].as_array().map(Vec::len), Some(230));
        assert_eq!((asked.len(), &all["meta"]["hasMore"]), (3, &json!(false)));
        assert_eq!((asked[2].after.as_deref(), asked[2].size), (Some("200"), Some(100)));
    }

    #[test]
    fn a_limit_is_kept() {
        let (some, asked) = collect(Some(130), 230);
        assert_eq!(some["apps"].as_array().map(Vec::len), Some(130));
        assert_eq!((asked[1].after.as_deref(), asked[1].size), (Some("100"), Some(30)));
        assert_eq!(some["meta"], json!({ "hasMore": true, "afterCursor": "130" }));
    }
}
