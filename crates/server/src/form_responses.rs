//! Forms that users filled in: whether what was entered fits the form, and how it reads as text.

use crate::error::{Error, Result};
use heliograph_wire::content::*;
use serde_json::Value;

/// Holds what was entered against the form, and completes it: the labels are the form's.
pub fn complete(response: &mut FormResponseMessage, form: &FormMessage) -> Result<()> {
    let names: Vec<String> = response.fields.iter().map(|one| one.field.name.clone()).collect();
    for (at, one) in response.fields.iter_mut().enumerate() {
        let place = format!("content.fields[{at}]");
        let asked = form.fields.iter().find(|asked| asked.field.name == one.field.name);
        let asked =
            asked.ok_or_else(|| Error::invalid(format!("{place}.name should be that of a field of the form")))?;
        if names[..at].contains(&one.field.name) {
            return Err(Error::invalid(format!("{place}.name should be unique in the response")));
        }
        check(&one.field, asked).map_err(|rule| Error::invalid(format!("{place}{rule}")))?;
        one.field.label.clone_from(&asked.field.label);
        one.field.format = asked.field.format;
        chosen(&mut one.field, asked.options.as_deref().unwrap_or_default());
        one.quoted_message_id = None;
    }
    response.text_fallback = Some(as_text(&response.fields));
    Ok(())
}

/// One field's value: it is of the field's type, and what the form allows. Else the rule that it breaks.
fn check(given: &Field, asked: &FormField) -> Result<(), String> {
    if given.r#type != asked.field.r#type {
        return Err(".type should be that of the field of the form".to_owned());
    }
    match given.r#type {
        FieldType::Text => {
            let text = given.text.as_deref().ok_or(" should have required property 'text'")?;
            let length = text.chars().count() as u32;
            let (min, max) = asked.sizes();
            if length < min {
                return Err(format!(".text should NOT be shorter than {min} characters"));
            }
            if length > max {
                return Err(format!(".text should NOT be longer than {max} characters"));
            }
            match asked.field.format {
                Some(FieldFormat::Integer) if !is_number(text, false) => Err(".text should be integer".to_owned()),
                Some(FieldFormat::Decimal) if !is_number(text, true) => Err(".text should be decimal".to_owned()),
                _ => Ok(()),
            }
        }
        FieldType::Email => {
            let email = given.email.as_deref().ok_or(" should have required property 'email'")?;
            let (name, host) = email.split_once('@').unwrap_or_default();
            if name.is_empty() || host.is_empty() || host.contains('@') || email.contains(char::is_whitespace) {
                return Err(".email should match format \"email\"".to_owned());
            }
            Ok(())
        }
        FieldType::Select => {
            let chosen = given.select.as_deref().unwrap_or_default();
            if chosen.is_empty() {
                return Err(" should have required property 'select'".to_owned());
            }
            let offered = asked.options.as_deref().unwrap_or_default();
            let known = |name: &str| offered.iter().any(|option| option.name.as_deref() == Some(name));
            match chosen.iter().position(|one| !one.get("name").and_then(Value::as_str).is_some_and(known)) {
                Some(nth) => Err(format!(".select[{nth}].name should be that of an option of the field")),
                None => Ok(()),
            }
        }
    }
}

/// What was chosen, as the form offers it.
fn chosen(field: &mut Field, offered: &[FormOption]) {
    for one in field.select.iter_mut().flatten() {
        let named = |option: &&FormOption| option.name.as_deref() == one.get("name").and_then(Value::as_str);
        if let Some(label) = offered.iter().find(named).and_then(|option| option.label.clone()) {
            one.insert("label".to_owned(), label.into());
        }
    }
}

/// A sign, digits, and where it may have one a fraction.
fn is_number(text: &str, fraction: bool) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    match unsigned.split_once(['.', ',']).filter(|_| fraction) {
        Some((whole, rest)) => digits(whole) && digits(rest),
        None => digits(unsigned),
    }
}

/// A line for each field: label and value.
fn as_text(fields: &[FormResponseField]) -> String {
    let value = |field: &Field| match field.r#type {
        FieldType::Text => field.text.clone().unwrap_or_default(),
        FieldType::Email => field.email.clone().unwrap_or_default(),
        FieldType::Select => {
            let chosen = field.select.as_deref().unwrap_or_default().iter();
            let word = |one: &serde_json::Map<String, Value>| {
                ["label", "name"].iter().find_map(|key| one.get(*key)?.as_str().map(str::to_owned))
            };
            chosen.filter_map(word).collect::<Vec<_>>().join(", ")
        }
    };
    let lines = fields.iter().map(|one| format!("{}: {}", one.field.label, value(&one.field)));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn outcome(form: Value, response: Value) -> Result<FormResponseMessage, String> {
        let form: FormMessage = serde_json::from_value(json!({ "fields": [form] })).map_err(|e| e.to_string())?;
        let mut response: FormResponseMessage =
            serde_json::from_value(json!({ "fields": [response] })).map_err(|e| e.to_string())?;
        complete(&mut response, &form).map_err(|error| error.to_string())?;
        Ok(response)
    }

    #[test]
    fn what_was_entered_fits_the_form() {
        let field = |more: Value| {
            let mut field = json!({ "name": "n", "label": "N" });
            field.as_object_mut().into_iter().for_each(|f| f.extend(more.as_object().cloned().unwrap_or_default()));
            field
        };
        let text = |more: Value| {
            let mut asked = field(more);
            asked["type"] = "text".into();
            asked
        };
        let entered = |text: &str| field(json!({ "type": "text", "text": text }));
        let size = json!({ "minSize": 2, "maxSize": 3 });
        for (form, given, wanted) in [
            (text(size.clone()), entered("é"), ".text should NOT be shorter than 2 characters"),
            (text(size.clone()), entered("éééé"), ".text should NOT be longer than 3 characters"),
            (text(size), entered("ééé"), ""),
            (text(json!({ "format": "integer" })), entered("1.5"), ".text should be integer"),
            (text(json!({ "format": "integer" })), entered("-15"), ""),
            (text(json!({ "format": "decimal" })), entered("1,5"), ""),
            (text(json!({ "format": "decimal" })), entered("1,"), ".text should be decimal"),
            (text(json!({})), field(json!({ "type": "text" })), " should have required property 'text'"),
            (text(json!({})), field(json!({ "type": "email" })), ".type should be that of the field of the form"),
            (
                field(json!({ "type": "email" })),
                field(json!({ "type": "email", "email": "a@b@c" })),
                ".email should match format \"email\"",
            ),
            (
                field(json!({ "type": "select", "options": [{ "name": "a", "label": "A" }] })),
                field(json!({ "type": "select", "select": [{ "name": "a" }, { "name": "b" }] })),
                ".select[1].name should be that of an option of the field",
            ),
        ] {
            let found = outcome(form, given).err().unwrap_or_default();
            let wanted = if wanted.is_empty() { String::new() } else { format!("content.fields[0]{wanted}") };
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn it_reads_as_text_with_the_labels_of_the_form() {
        let form =
            json!({ "type": "select", "name": "n", "label": "Size", "options": [{ "name": "a", "label": "Large" }] });
        let given =
            json!({ "type": "select", "name": "n", "label": "Forged", "select": [{ "name": "a", "label": "Forged" }] });
        let text = outcome(form, given).map(|response| response.text_fallback);
        assert_eq!(text, Ok(Some("Size: Large".to_owned())));
    }
}
