//! An answer as all languages see it: which of its fields go into which variables.

use crate::names::{singular, words};
use serde_json::Value;
use std::collections::BTreeSet;

/// A field of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// A text, a number or a truth.
    Value {
        /// Where it is, from the object around it.
        path: Vec<String>,
        /// The words of its variable's name.
        name: Vec<String>,
        /// What it is.
        kind: Kind,
    },
    /// Several of a kind.
    List {
        /// Where it is, from the object around it.
        path: Vec<String>,
        /// The words of the name of the variable that is one after the other.
        item: Vec<String>,
        /// What each holds. A value without a path is the item itself.
        fields: Vec<Field>,
    },
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text; also what was null when somebody looked.
    Text,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Flag,
}

/// How many variables one sample fills at most: nobody reads more.
const MANY: usize = 24;

/// The fields of an answer.
pub fn fields(answer: &Value) -> Vec<Field> {
    let mut reader = Reader { taken: BTreeSet::new(), left: MANY };
    match answer {
        Value::Array(items) => reader.list(&[], &["items".to_owned()], items).into_iter().collect(),
        answer => reader.read(answer, &[], &[]),
    }
}

struct Reader {
    taken: BTreeSet<String>,
    left: usize,
}

impl Reader {
    /// Reads what is at `path`; `around` are the words of what it is in.
    fn read(&mut self, value: &Value, path: &[String], around: &[String]) -> Vec<Field> {
        match value {
            Value::Object(fields) => {
                let inner = fields.iter().flat_map(|(name, value)| {
                    let path: Vec<String> = path.iter().cloned().chain([name.clone()]).collect();
                    let around: Vec<String> = around.iter().cloned().chain(words(name)).collect();
                    self.read(value, &path, &around)
                });
                inner.collect()
            }
            Value::Array(items) => self.list(path, around, items).into_iter().collect(),
            value => self.value(value, path, around).into_iter().collect(),
        }
    }

    fn value(&mut self, value: &Value, path: &[String], around: &[String]) -> Option<Field> {
        self.left = self.left.checked_sub(1)?;
        let kind = match value {
            Value::Bool(_) => Kind::Flag,
            Value::Number(number) if number.is_f64() => Kind::Number,
            Value::Number(_) => Kind::Integer,
            _ => Kind::Text,
        };
        Some(Field::Value { path: path.to_vec(), name: self.take(around), kind })
    }

    fn list(&mut self, path: &[String], around: &[String], items: &[Value]) -> Option<Field> {
        let first = items.first().filter(|_| self.left > 0)?;
        let item = self.take(&singular(around));
        let fields = match first {
            // The item itself is the value, under the name it has already.
            Value::Object(_) | Value::Array(_) => self.read(first, &[], &item),
            value => {
                let name: Vec<String> = item.iter().cloned().chain(["value".to_owned()]).collect();
                self.value(value, &[], &name).into_iter().collect()
            }
        };
        (!fields.is_empty()).then(|| Field::List { path: path.to_vec(), item, fields })
    }

    /// A name that no other variable has, and no language.
    fn take(&mut self, name: &[String]) -> Vec<String> {
        let mut name: Vec<String> = name.iter().filter(|word| !word.is_empty()).cloned().collect();
        let begins_badly = name.first().is_none_or(|word| word.starts_with(|c: char| !c.is_ascii_alphabetic()));
        if begins_badly {
            name.insert(0, "value".to_owned());
        }
        // A single word may mean something in one of the languages, or be a variable of the sample.
        if name.len() == 1 && RESERVED.split(' ').any(|word| word == name[0]) {
            name.push("value".to_owned());
        }
        let free = name.clone();
        let mut number = 2;
        while !self.taken.insert(name.concat()) {
            name = free.iter().cloned().chain([number.to_string()]).collect();
            number += 1;
        }
        name
    }
}

const RESERVED: &str = "\
    abstract alias and args arguments as assert async await base become begin body bool boolean box break byte case \
    catch chan char checked class client code console const continue crate data debugger decimal def default defer \
    defined del delegate delete do double dyn elif else elsif end ensure enum error eval event except exit explicit \
    export extends extern fallthrough false field file final finally fixed float fmt fn for foreach form from func \
    function global go goto home host http i if impl implements implicit import in input instanceof int integer \
    interface internal is item items json lambda let list lock log long loop macro map match mod module move mut \
    name namespace native new next nil nonlocal not null object operator or out override package params part pass \
    path pid print priv private process protected pub public query raise range readonly redo ref request require \
    rescue response retry return sbyte sealed select self short sizeof stackalloc static status strictfp string \
    struct super switch synchronized system text then this throw throws time trait transient true try type typeof \
    uint ulong unchecked undef undefined unless unsafe unsized until uri url use ushort using value var virtual void \
    volatile when where while with yield";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(fields: &[Field]) -> String {
        let one = |field: &Field| match field {
            Field::Value { path, name, kind } => format!("{}={}:{kind:?}", name.join("_"), path.join(".")),
            Field::List { path, item, fields } => format!("{}<{}[{}]", item.join("_"), path.join("."), shown(fields)),
        };
        fields.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn fields_become_variables() {
        let answer = json!({ "key": { "id": "int_1", "displayName": "x" }, "status": 3, "meta": { "hasMore": false } });
        assert_eq!(
            shown(&fields(&answer)),
            "key_id=key.id:Text key_display_name=key.displayName:Text status_value=status:Integer \
             meta_has_more=meta.hasMore:Flag"
        );
        let answer = json!({ "users": [{ "id": "1", "tags": ["a"], "none": [] }], "user_id": 1.5 });
        assert_eq!(
            shown(&fields(&answer)),
            "user<users[user_id=id:Text user_tag<tags[user_tag_value=:Text]] user_id_2=user_id:Number"
        );
        assert_eq!(shown(&fields(&json!([1]))), "item_value<[item_value_value=:Integer]");
        assert_eq!(fields(&json!({})), []);
    }
}
