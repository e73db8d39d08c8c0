//! What all languages need to be written: lines with an indent, texts in quotes, JSON as a language's own literals.

use serde_json::Value;

/// Code, line by line.
pub struct Code {
    text: String,
    depth: usize,
    unit: &'static str,
}

impl Code {
    /// Nothing yet. `unit` is one step of the indent.
    pub fn new(unit: &'static str) -> Self {
        Self { text: String::new(), depth: 0, unit }
    }

    /// Adds lines, at the present indent.
    pub fn add(&mut self, lines: impl AsRef<str>) -> &mut Self {
        for line in lines.as_ref().split('\n') {
            if !line.is_empty() {
                self.text += &self.unit.repeat(self.depth);
                self.text += line;
            }
            self.text.push('\n');
        }
        self
    }

    /// Adds a line in which there is a text that must stay as it is, whatever lines that has itself.
    pub fn add_as_is(&mut self, line: impl AsRef<str>) -> &mut Self {
        self.text += &self.unit.repeat(self.depth);
        self.text += line.as_ref();
        self.text.push('\n');
        self
    }

    /// Adds an empty line.
    pub fn gap(&mut self) -> &mut Self {
        self.text.push('\n');
        self
    }

    /// Adds what is one step further in.
    pub fn inside(&mut self, write: impl FnOnce(&mut Self)) -> &mut Self {
        self.depth += 1;
        write(self);
        self.depth -= 1;
        self
    }

    /// The code.
    pub fn finish(self) -> String {
        self.text
    }
}

/// How a language writes JSON.
pub struct Literals {
    /// Before and after the fields of an object.
    pub object: (&'static str, &'static str),
    /// Between the name of a field and its value.
    pub pair: fn(&str) -> String,
    /// Before and after the items of a list.
    pub list: (&'static str, &'static str),
    /// Before a list that is an item of another, where the outer one would swallow it.
    pub nested: &'static str,
    /// A text.
    pub text: fn(&str) -> String,
    /// The words for null, true and false.
    pub words: [&'static str; 3],
    /// What is between fields and items.
    pub comma: &'static str,
    /// Whether it also stands after the last one.
    pub trailing: bool,
    /// An object without fields, and a list without items.
    pub empty: (&'static str, &'static str),
    /// One step of the indent.
    pub unit: &'static str,
}

impl Literals {
    /// A value as this language writes it. Its first line has no indent.
    pub fn write(&self, value: &Value) -> String {
        self.at(value, 0)
    }

    fn at(&self, value: &Value, depth: usize) -> String {
        match value {
            Value::Null => self.words[0].to_owned(),
            Value::Bool(truth) => self.words[if *truth { 1 } else { 2 }].to_owned(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => (self.text)(text),
            Value::Object(fields) if fields.is_empty() => self.empty.0.to_owned(),
            Value::Array(items) if items.is_empty() => self.empty.1.to_owned(),
            Value::Object(fields) => {
                let field = |(name, value): (&String, &Value)| (self.pair)(name) + &self.at(value, depth + 1);
                self.block(self.object, fields.iter().map(field).collect(), depth)
            }
            // What is short stands in one line.
            Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
                let items: Vec<String> = items.iter().map(|item| self.at(item, depth)).collect();
                format!("{}{}{}", self.list.0, items.join(", "), self.list.1)
            }
            Value::Array(items) => {
                let item = |item: &Value| {
                    let before = if item.is_array() { self.nested } else { "" };
                    before.to_owned() + &self.at(item, depth + 1)
                };
                self.block(self.list, items.iter().map(item).collect(), depth)
            }
        }
    }

    fn block(&self, (open, close): (&str, &str), parts: Vec<String>, depth: usize) -> String {
        let (outer, inner) = (self.unit.repeat(depth), self.unit.repeat(depth + 1));
        let last = parts.len() - 1;
        let mut text = open.replace('\n', &format!("\n{outer}")) + "\n";
        for (at, part) in parts.into_iter().enumerate() {
            let comma = if at < last || self.trailing { self.comma } else { "" };
            text += &format!("{inner}{part}{comma}\n");
        }
        text + &outer + close
    }
}

/// JSON as it is sent, indented.
pub fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// A text in double quotes, as JSON has it and most languages take it.
pub fn double(text: &str) -> String {
    Value::from(text).to_string()
}

/// A text in single quotes, in which a backslash or a quote needs a backslash.
pub fn single(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Whether a name can stand in code without quotes.
pub fn is_plain(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(good) && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// A comment: what the request is, in lines that begin with `mark`.
pub fn heading(title: &str, about: &str, mark: &str) -> String {
    let about = about.replace(['\n', '\r'], " ");
    let dot = if about.is_empty() || about.ends_with('.') { "" } else { "." };
    let title = title.replace(['\n', '\r'], " ");
    let text = if about.is_empty() { format!("{title}.") } else { format!("{title}: {about}{dot}") };
    let mut lines = vec![mark.to_owned()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let line = lines.last_mut().map(|line| {
            if line.len() + word.len() < 100 {
                line.push(' ');
                line.push_str(word);
                true
            } else {
                false
            }
        });
        if line != Some(true) {
            lines.push(format!("{mark} {word}"));
        }
    }
    lines.join("\n")
}
