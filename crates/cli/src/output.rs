//! What is printed: JSON for programs, tables for people.

use comfy_table::{Table, presets};
use serde_json::Value;
use std::{
    fmt,
    io::{self, ErrorKind, Write},
};

/// How a command ends: well, or with the line that says why not.
pub type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Nobody reads any more what is printed (`| head`): no failure, but the end of what would go on for ever.
#[derive(Debug)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads what is printed")
    }
}

impl std::error::Error for Closed {}

/// Prints a text and a line end, at once. Whether anybody reads it changes nothing: how a command ends may tell more.
pub fn print(text: &str) -> Outcome {
    unless_closed(stream(text))
}

/// Takes [`Closed`] for a good end.
pub fn unless_closed(outcome: Outcome) -> Outcome {
    outcome.or_else(|error| if error.is::<Closed>() { Ok(()) } else { Err(error) })
}

/// Prints a piece of what goes on until it is interrupted, or ends with [`Closed`].
pub fn stream(text: &str) -> Outcome {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Closed.into(),
        _ => error.into(),
    })
}

/// Says something to whoever is at the terminal, beside what is printed. Where that cannot be written there is nobody to
/// tell.
pub fn say(text: &str) {
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    let _ = writeln!(io::stderr(), "{}", lines.join("\n"));
}

/// Says what went wrong, in one line.
pub fn complain(why: &dyn fmt::Display) {
    say(&format!("heliograph: {}", printable(&why.to_string())));
}

/// Prints JSON, indented.
pub fn json(value: &Value) -> Outcome {
    print(&format!("{value:#}"))
}

/// Prints one record: the whole answer as JSON, or the record's fields one below the other.
pub fn record(as_json: bool, answer: &Value, record: &Value) -> Outcome {
    if as_json {
        return json(answer);
    }
    let mut table = plain();
    for (name, value) in fields(record) {
        table.add_row([name, value]);
    }
    print_table(table)
}

/// Prints the list called `noun` in an answer: the whole answer as JSON, or a table. A column is its title and where in
/// a record (as a JSON pointer) its value is.
pub fn list(as_json: bool, answer: &Value, noun: &str, columns: &[(&str, &str)]) -> Outcome {
    if as_json {
        return json(answer);
    }
    let mut table = plain();
    table.set_header(columns.iter().map(|(title, _)| *title).collect::<Vec<_>>());
    for record in answer[noun].as_array().into_iter().flatten() {
        table.add_row(columns.iter().map(|(_, place)| record.pointer(place).map(cell).unwrap_or_default()));
    }
    print_table(table)
}

/// Prints what was done: the whole answer as JSON, or a sentence.
pub fn done(as_json: bool, answer: &Value, sentence: &str) -> Outcome {
    if as_json { json(answer) } else { print(sentence) }
}

/// No borders and no line breaks, so that what is shown can be copied and cut.
fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

fn print_table(mut table: Table) -> Outcome {
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    print(&table.trim_fmt())
}

/// The fields of a record and of what is inside it, with dotted names.
fn fields(record: &Value) -> Vec<(String, String)> {
    fn walk(name: String, value: &Value, out: &mut Vec<(String, String)>) {
        let below =
            |key: &dyn std::fmt::Display| if name.is_empty() { key.to_string() } else { format!("{name}.{key}") };
        match value {
            Value::Object(inner) => inner.iter().for_each(|(key, value)| walk(below(key), value, out)),
            Value::Array(inner) if inner.iter().any(Value::is_object) => {
                inner.iter().enumerate().for_each(|(n, value)| walk(below(&n), value, out));
            }
            value => out.push((printable(&name), cell(value))),
        }
    }
    let mut out = Vec::new();
    walk(String::new(), record, &mut out);
    out
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => printable(text),
        Value::Array(inner) => inner.iter().map(cell).collect::<Vec<_>>().join(", "),
        value => printable(&value.to_string()),
    }
}

/// Without control characters, line ends, and what turns the direction of writing: a name that somebody else chose must
/// not steer the terminal, nor look like another.
pub fn printable(text: &str) -> String {
    let turns =
        |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let steers = |c: char| c.is_control() || turns(c);
    text.chars().map(|c| if steers(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// How many there are, of what is one or many.
pub fn count(number: u32, one: &str) -> String {
    let many = if number == 1 { "" } else { "s" };
    format!("{number} {one}{many}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_named_by_where_they_are() {
        let record = json!({ "id": "1", "a": { "b": true, "c": null }, "w": [{ "t": "x" }], "l": ["p", "q"] });
        let shown: Vec<String> = fields(&record).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["id=1", "a.b=true", "a.c=", "w.0.t=x", "l=p, q"]);
    }

    #[test]
    fn a_name_does_not_steer_the_terminal() {
        assert_eq!(cell(&json!("a\u{1b}[2Jb\n")), "a\u{fffd}[2Jb\u{fffd}");
        assert_eq!(printable("a\u{202e}b\u{2028}c\u{2066}d é"), "a\u{fffd}b\u{fffd}c\u{fffd}d é");
    }
}
