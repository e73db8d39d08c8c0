//! PowerBuilder's side of JSON: Chilkat's `JsonObject` reaches everything by a path, such as `webhooks[0].target`.

use super::powerbuilder::{create, quote};
use crate::{
    answer::{Field, Kind},
    names::pascal,
    text::Code,
};
use serde_json::Value;

/// The indices that a path may hold, from outside in: a JsonObject has these three.
const INDICES: [&str; 3] = ["i", "j", "k"];

/// The code that builds a body.
pub fn build(value: &Value) -> String {
    let mut code = Code::new("    ");
    code.add("integer li_rc\noleobject loo_Json");
    create(&mut code, "loo_Json", "JsonObject");
    put(&mut code, "loo_Json", value);
    code.finish()
}

/// Puts all fields of a value into a JsonObject.
pub fn put(code: &mut Code, object: &str, value: &Value) {
    match value {
        Value::Object(fields) if fields.values().all(|v| !v.is_object() && !v.is_array()) => {
            fields.iter().for_each(|(name, value)| update(code, object, &step("", name), value));
        }
        Value::Object(fields) => fields.iter().for_each(|(name, value)| walk(code, object, &step("", name), value)),
        // A JsonObject holds an object; anything else is loaded as it is.
        other => {
            code.add(format!("{object}.Load({})", quote(&other.to_string())));
        }
    }
}

fn walk(code: &mut Code, object: &str, path: &str, value: &Value) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().for_each(|(name, value)| walk(code, object, &step(path, name), value));
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(at, value)| walk(code, object, &format!("{path}[{at}]"), value));
        }
        value => update(code, object, path, value),
    }
}

fn update(code: &mut Code, object: &str, path: &str, value: &Value) {
    let path = quote(path);
    code.add(match value {
        Value::Null => format!("{object}.UpdateNull({path})"),
        Value::Bool(truth) => format!("{object}.UpdateBool({path}, {})", u8::from(*truth)),
        Value::Number(number) if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => {
            format!("{object}.UpdateInt({path}, {number})")
        }
        Value::Number(number) => format!("{object}.UpdateNumber({path}, \"{number}\")"),
        Value::String(text) => format!("{object}.UpdateString({path}, {})", quote(text)),
        Value::Object(_) => format!("{object}.UpdateNewObject({path})"),
        Value::Array(_) => format!("{object}.UpdateNewArray({path})"),
    });
}

/// A name with a dot in it stands in quotes.
fn step(path: &str, name: &str) -> String {
    let name = if name.contains(['.', '[', '"']) { format!("\"{name}\"") } else { name.to_owned() };
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// The code that takes an answer apart.
pub fn parse(fields_: &[Field]) -> String {
    let mut code = Code::new("    ");
    code.add("// ls_Text is the answer's body.\ninteger li_rc\noleobject loo_Json")
        .add(declarations(fields_).trim_end());
    create(&mut code, "loo_Json", "JsonObject");
    code.add("loo_Json.Load(ls_Text)");
    fields(&mut code, fields_, "loo_Json");
    code.add("destroy loo_Json");
    code.finish()
}

/// The declarations of the variables.
pub fn declarations(fields: &[Field]) -> String {
    fn walk(code: &mut Code, fields: &[Field], depth: usize) {
        for field in fields {
            match field {
                Field::Value { name, kind, .. } => {
                    let (word, _) = form(*kind);
                    code.add(format!("{word} {}", variable(name, *kind)));
                }
                Field::List { fields, .. } if depth < INDICES.len() => walk(code, fields, depth + 1),
                Field::List { .. } => {}
            }
        }
    }
    let mut code = Code::new("");
    for index in &INDICES[..depth(fields).min(INDICES.len())] {
        code.add(format!("long ll_{0}\nlong ll_Count_{0}", index.to_uppercase()));
    }
    walk(&mut code, fields, 0);
    code.finish()
}

fn depth(fields: &[Field]) -> usize {
    let of = |field: &Field| match field {
        Field::Value { .. } => 0,
        Field::List { fields, .. } => 1 + depth(fields),
    };
    fields.iter().map(of).max().unwrap_or(0)
}

/// Takes apart what is in a JsonObject.
pub fn fields(code: &mut Code, fields: &[Field], object: &str) {
    take(code, fields, object, "", 0);
}

fn take(code: &mut Code, fields: &[Field], object: &str, around: &str, depth: usize) {
    let place = |path: &[String]| path.iter().fold(around.to_owned(), |place, name| step(&place, name));
    for field in fields {
        match field {
            Field::Value { path, name, kind } => {
                let (_, read) = form(*kind);
                let read = read.replace("OBJECT", object).replace("PATH", &quote(&place(path)));
                code.add(format!("{} = {read}", variable(name, *kind)));
            }
            // A path has three indices and no more.
            Field::List { .. } if depth >= INDICES.len() => {}
            Field::List { path, fields, .. } => {
                let (index, list) = (INDICES[depth], place(path));
                let upper = index.to_uppercase();
                code.add(format!("ll_Count_{upper} = {object}.SizeOfArray({})\nll_{upper} = 0", quote(&list)));
                code.add(format!("do while ll_{upper} < ll_Count_{upper}"));
                code.inside(|code| {
                    code.add(format!("{object}.{upper} = ll_{upper}"));
                    take(code, fields, object, &format!("{list}[{index}]"), depth + 1);
                    code.add(format!("ll_{upper} = ll_{upper} + 1"));
                });
                code.add("loop");
            }
        }
    }
}

/// The type of a variable, and how it is read: `OBJECT` is the object, `PATH` the place.
fn form(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Text => ("string", "OBJECT.StringOf(PATH)"),
        Kind::Integer => ("long", "OBJECT.IntOf(PATH)"),
        Kind::Number => ("double", "double(OBJECT.StringOf(PATH))"),
        Kind::Flag => ("integer", "OBJECT.BoolOf(PATH)"),
    }
}

fn variable(name: &[String], kind: Kind) -> String {
    let mark = match kind {
        Kind::Text => "ls",
        Kind::Integer => "ll",
        Kind::Number => "ld",
        Kind::Flag => "li",
    };
    format!("{mark}_{}", pascal(name))
}
