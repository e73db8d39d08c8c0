//! How an answer's fields are walked, for the languages that reach into what they have read. (Go reads into a type, curl
//! asks jq, PowerBuilder counts: they walk by themselves.)

use crate::{
    answer::{Field, Kind},
    text::Code,
};

/// How a language takes an answer apart.
pub struct Walk {
    /// A variable's name, of its words.
    pub name: fn(&[String]) -> String,
    /// Fills a variable with what is at a path in another variable, and prints it.
    pub value: fn(&str, &str, &[String], Kind) -> String,
    /// Begins a loop: its variable, and where the list is.
    pub each: fn(&str, &str, &[String]) -> String,
    /// Ends a loop; '' if the indent does.
    pub end: &'static str,
}

impl Walk {
    /// Takes apart what is in the variable `from`.
    pub fn take_apart(&self, code: &mut Code, fields: &[Field], from: &str) {
        for field in fields {
            match field {
                Field::Value { path, name, kind } => {
                    code.add((self.value)(&(self.name)(name), from, path, *kind));
                }
                Field::List { path, item, fields } => {
                    let item = (self.name)(item);
                    code.add((self.each)(&item, from, path));
                    code.inside(|code| self.take_apart(code, fields, &item));
                    if !self.end.is_empty() {
                        code.add(self.end);
                    }
                }
            }
        }
    }
}
