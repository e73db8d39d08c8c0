//! One value's walk along the nodes of a schema.

use super::{Checker, compile::Node, types::Type};
use serde_json::{Map, Number, Value};
use std::collections::HashMap;

/// A refusal lists at most this many problems.
const MAX_PROBLEMS: usize = 10;

/// One walk over a value.
pub(super) struct Run<'c> {
    checker: &'c Checker,
    path: String,
    problems: Vec<String>,
}

impl<'c> Run<'c> {
    /// Says what is wrong with `value`.
    pub(super) fn over(checker: &'c Checker, value: &mut Value) -> Vec<String> {
        let mut run = Self { checker, path: String::new(), problems: Vec::new() };
        // PostgreSQL keeps no such character, and nobody means it.
        if let Some(place) = place_of_null(value) {
            run.inside(format_args!("{place}"), |run| run.problem("should NOT contain the character U+0000"));
        }
        run.visit(checker.root, value);
        run.problems.truncate(MAX_PROBLEMS);
        run.problems
    }

    fn problem(&mut self, sentence: impl std::fmt::Display) {
        let space = if self.path.is_empty() { "" } else { " " };
        self.problems.push(format!("{}{space}{sentence}", self.path));
    }

    fn inside(&mut self, step: std::fmt::Arguments<'_>, look: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        use std::fmt::Write;
        // Writing into a String cannot fail.
        let _ = self.path.write_fmt(step);
        look(self);
        self.path.truncate(length);
    }

    fn visit(&mut self, place: usize, value: &mut Value) {
        let checker = self.checker;
        let node = &checker.nodes[place];
        if self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        if checker.coerce {
            coerce(node, value);
        }
        if !node.types.is_empty() && !node.types.iter().any(|t| t.holds(value)) {
            let names: Vec<_> = node.types.iter().map(|t| t.name()).collect();
            return self.problem(format_args!("should be {}", names.join(",")));
        }
        if !node.allowed.is_empty() && !node.allowed.contains(value) {
            return self.problem("should be equal to one of the allowed values");
        }
        match value {
            Value::String(text) => self.text(node, text),
            Value::Number(number) => {
                if let Some(whole) = self.number(node, number) {
                    *value = whole.into();
                }
            }
            Value::Array(items) => self.array(node, items),
            Value::Object(object) => self.object(node, object),
            _ => {}
        }
        self.combined(node, value);
    }

    fn text(&mut self, node: &Node, text: &str) {
        if node.min_length.is_some() || node.max_length.is_some() {
            let length = text.chars().count();
            if let Some(min) = node.min_length.filter(|&min| length < min) {
                self.problem(format_args!("should NOT be shorter than {min} characters"));
            }
            if let Some(max) = node.max_length.filter(|&max| length > max) {
                self.problem(format_args!("should NOT be longer than {max} characters"));
            }
        }
        if let Some(pattern) = node.pattern.as_ref().filter(|p| !p.is_match(text)) {
            self.problem(format_args!("should match pattern \"{}\"", pattern.as_str()));
        }
        if let Some(format) = node.format.filter(|f| !f.holds(text)) {
            self.problem(format_args!("should match format \"{}\"", format.name()));
        }
    }

    /// Where an integer is wanted, `2.0` is written as `2`: a Rust integer takes no other spelling.
    fn number(&mut self, node: &Node, number: &Number) -> Option<i64> {
        let size = number.as_f64().unwrap_or_default();
        if let Some(min) = node.minimum.filter(|&min| size < min) {
            self.problem(format_args!("should be >= {min}"));
        } else if let Some(max) = node.maximum.filter(|&max| size > max) {
            self.problem(format_args!("should be <= {max}"));
        } else if node.types.contains(&Type::Integer) {
            match whole(number) {
                Some(whole) => return Some(whole),
                None if size < 0.0 => self.problem(format_args!("should be >= {}", i64::MIN)),
                None => self.problem(format_args!("should be <= {}", i64::MAX)),
            }
        }
        None
    }

    fn array(&mut self, node: &Node, items: &mut [Value]) {
        if let Some(min) = node.min_items.filter(|&min| items.len() < min) {
            self.problem(format_args!("should NOT have fewer than {min} items"));
        }
        if let Some(max) = node.max_items.filter(|&max| items.len() > max) {
            self.problem(format_args!("should NOT have more than {max} items"));
        }
        if node.unique && items.iter().enumerate().any(|(at, item)| items[..at].contains(item)) {
            self.problem("should NOT have duplicate items");
        }
        if let Some(place) = node.items {
            for (at, item) in items.iter_mut().enumerate() {
                self.inside(format_args!("[{at}]"), |run| run.visit(place, item));
            }
        }
    }

    fn object(&mut self, node: &Node, object: &mut Map<String, Value>) {
        for name in &node.read_only {
            if member(object, name).is_some() {
                object.remove(name);
            }
        }
        for name in node.required.iter().filter(|name| member(object, name).is_none()) {
            self.problem(format_args!("should have required property '{name}'"));
        }
        let dot = if self.path.is_empty() { "" } else { "." };
        for (name, place) in &node.properties {
            if let Some(value) = member(object, name) {
                self.inside(format_args!("{dot}{name}"), |run| run.visit(*place, value));
            }
        }
        if let Some(place) = node.others {
            let known = |name: &String| node.properties.iter().any(|(known, _)| known == name);
            for (name, value) in object.iter_mut().filter(|(name, _)| !known(name)) {
                self.inside(format_args!("{dot}{name}"), |run| run.visit(place, value));
            }
        }
    }

    fn combined(&mut self, node: &Node, value: &mut Value) {
        for &place in &node.all {
            self.visit(place, value);
        }
        if let Some((tag, variants)) = &node.by_tag {
            return self.variant(node, tag, variants, value);
        }
        if !node.any.is_empty() && !node.any.iter().any(|&place| self.matches(place, value)) {
            // With one variant beside null its own problems say more than the name of the rule.
            match node.any.as_slice() {
                [place, null] if self.checker.nodes[*null].types == [Type::Null] => self.visit(*place, value),
                _ => self.problem("should match some schema in anyOf"),
            }
        }
        if !node.one.is_empty() && !node.one.iter().any(|&place| self.matches(place, value)) {
            self.problem("should match exactly one schema in oneOf");
        }
    }

    fn variant(&mut self, node: &Node, tag: &str, variants: &HashMap<String, usize>, value: &mut Value) {
        let dot = if self.path.is_empty() { "" } else { "." };
        match value.get(tag) {
            None if node.required.iter().any(|name| name == tag) => {}
            None => self.problem(format_args!("should have required property '{tag}'")),
            Some(Value::String(name)) => match variants.get(name) {
                Some(&place) => self.visit(place, value),
                None if node.unknown.is_some() => self.problems.extend(node.unknown.clone()),
                None => {
                    let path = format!("{}{dot}{tag}", self.path);
                    self.problems.push(format!("{path} should be equal to one of the allowed values"));
                }
            },
            Some(_) => self.problems.push(format!("{}{dot}{tag} should be string", self.path)),
        }
    }

    /// Tries a variant without keeping its problems.
    fn matches(&mut self, place: usize, value: &mut Value) -> bool {
        let mut trial = Run { checker: self.checker, path: String::new(), problems: Vec::new() };
        trial.visit(place, value);
        trial.problems.is_empty()
    }
}

/// The member with this name. Most objects have few: to look at all their names is quicker than to hash one.
fn member<'o>(object: &'o mut Map<String, Value>, name: &str) -> Option<&'o mut Value> {
    const FEW: usize = 8;
    if object.len() > FEW {
        return object.get_mut(name);
    }
    object.iter_mut().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The integer that a number without a fraction is, if it is one of those that are kept.
fn whole(number: &Number) -> Option<i64> {
    // The first that is too large.
    const END: f64 = 9_223_372_036_854_775_808.0;
    let written = number.as_f64().filter(|size| number.is_f64() && (-END..END).contains(size));
    number.as_i64().or(written.map(|size| size as i64))
}

/// Where U+0000 stands, in a text or a name, whatever the schema says of it.
fn place_of_null(value: &Value) -> Option<String> {
    let inside = |step: std::fmt::Arguments<'_>, value: &Value| {
        let rest = place_of_null(value)?;
        let dot = if rest.is_empty() || rest.starts_with('[') { "" } else { "." };
        Some(format!("{step}{dot}{rest}"))
    };
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => items.iter().enumerate().find_map(|(at, item)| inside(format_args!("[{at}]"), item)),
        Value::Object(object) => object.iter().find_map(|(name, value)| {
            if name.contains('\0') { Some(String::new()) } else { inside(format_args!("{name}"), value) }
        }),
        _ => None,
    }
}

/// A query's text, as the number it spells where a number is wanted.
fn coerce(node: &Node, value: &mut Value) {
    if node.types == [Type::Integer]
        && let Some(number) = value.as_str().and_then(|text| text.parse::<i64>().ok())
    {
        *value = number.into();
    }
}
