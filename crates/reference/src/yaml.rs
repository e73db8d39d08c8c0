//! JSON as YAML. Texts stand in JSON's double quotes, which YAML takes as they are: none is taken for something else.

use crate::text::is_plain;
use serde_json::Value;

/// A value as a YAML document.
pub fn write(value: &Value) -> String {
    let mut out = String::new();
    put(&mut out, value, 0);
    out.push('\n');
    out
}

fn put(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (at, (name, value)) in fields.iter().enumerate() {
                line(out, at, depth);
                *out += &key(name);
                out.push(':');
                below(out, value, depth);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (at, value) in items.iter().enumerate() {
                line(out, at, depth);
                out.push('-');
                match value {
                    // The first field stands behind the dash.
                    Value::Object(fields) if !fields.is_empty() => {
                        out.push(' ');
                        put(out, value, depth + 1);
                    }
                    value => below(out, value, depth),
                }
            }
        }
        scalar => *out += &scalar.to_string(),
    }
}

/// Begins a line, save the first, which stands where it is.
fn line(out: &mut String, at: usize, depth: usize) {
    if at > 0 {
        out.push('\n');
        *out += &"  ".repeat(depth);
    }
}

fn below(out: &mut String, value: &Value, depth: usize) {
    let has_lines = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if has_lines {
        out.push('\n');
        *out += &"  ".repeat(depth + 1);
        put(out, value, depth + 1);
    } else {
        out.push(' ');
        put(out, value, depth);
    }
}

/// A name needs no quotes if it looks like nothing but a name.
fn key(name: &str) -> String {
    let means_something = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let plain = is_plain(name) && !means_something.contains(&name.to_lowercase().as_str());
    if plain { name.to_owned() } else { Value::from(name).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_document_is_written() {
        let value = json!({ "a": { "b": [1, { "c": "x: y", "d": {} }, []] }, "no": null, "200": true });
        let wanted = "a:\n  b:\n    - 1\n    - c: \"x: y\"\n      d: {}\n    - []\n\"no\": null\n\"200\": true\n";
        assert_eq!(super::write(&value), wanted);
    }
}
