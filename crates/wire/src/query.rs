//! Query strings: `page[after]=…` and its relatives, read into one JSON object and written from one.
//!
//! The official clients disagree about the form: brackets plain or percent-encoded, or (Python) the whole of `page` and
//! `filter` as JSON. All are read; brackets are written.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value};

/// Parameters that hold an object, which some clients send as JSON.
const OBJECTS: [&str; 2] = ["page", "filter"];

/// Parameters that hold a list in one text, separated by commas: some clients name them once for each element.
const LISTS: [(&str, &str); 1] = [("filter", "types")];

/// Reads a query. Later values of the same name win, save in a list; a name with unreadable brackets is an ordinary name.
pub fn read(query: &str) -> Value {
    let mut root = Map::new();
    for (name, value) in query.split('&').filter(|pair| !pair.is_empty()).map(pair) {
        let name = of_element(&name);
        match name.split_once('[').and_then(|(outer, rest)| Some((outer, rest.strip_suffix(']')?))) {
            Some((outer, inner)) => {
                let object = root.entry(outer).or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(object) = object {
                    match object.get_mut(inner) {
                        Some(Value::String(list)) if LISTS.contains(&(outer, inner)) => list.extend([",", &value]),
                        _ => {
                            object.insert(inner.to_owned(), value.into());
                        }
                    }
                }
            }
            None => {
                let object = OBJECTS.contains(&name).then(|| serde_json::from_str(&value).ok()).flatten();
                root.insert(name.to_owned(), object.filter(Value::is_object).unwrap_or(Value::String(value)));
            }
        }
    }
    root.into()
}

/// The name of the list, where an element of it is named: `a[]`, `a[b][]` and `a[b][0]` say no more than `a` and `a[b]`.
fn of_element(name: &str) -> &str {
    let Some((list, index)) = name.strip_suffix(']').and_then(|name| name.rsplit_once('[')) else { return name };
    let numbered = list.ends_with(']') && index.bytes().all(|digit| digit.is_ascii_digit());
    if index.is_empty() || numbered { list } else { name }
}

fn pair(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (decode(name), decode(value))
}

fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// Writes a query, with its `?`; nothing for an empty one.
pub fn write(query: &Value) -> String {
    let mut out = String::new();
    for (name, value) in query.as_object().into_iter().flatten() {
        match value {
            Value::Object(inner) => {
                inner.iter().for_each(|(key, value)| push(&mut out, &format!("{name}[{key}]"), value))
            }
            value => push(&mut out, name, value),
        }
    }
    out
}

fn push(out: &mut String, name: &str, value: &Value) {
    const KEPT: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    // The contract prints brackets as they are.
    const NAME: &percent_encoding::AsciiSet = &KEPT.remove(b'[').remove(b']');
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    out.push(if out.is_empty() { '?' } else { '&' });
    out.extend(utf8_percent_encode(name, NAME));
    out.push('=');
    out.extend(utf8_percent_encode(&text, KEPT));
}

#[cfg(test)]
mod tests {
    use super::{read, write};
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn every_form_the_clients_send() {
        let meant = json!({ "page": { "after": "a", "size": "10" } });
        assert_eq!(read("page[after]=a&page[size]=10"), meant);
        assert_eq!(read("page%5Bafter%5D=a&page%5Bsize%5D=10"), meant);
        assert_eq!(read("page=%7B%22after%22%3A%22a%22%2C%22size%22%3A%2210%22%7D"), meant);
        assert_eq!(read("filter[identities.email]=a%2Bb%40c"), json!({ "filter": { "identities.email": "a+b@c" } }));
        assert_eq!(read("page[size]=1&page[size]=2&page[after][]=a"), json!({ "page": { "size": "2", "after": "a" } }));
        for types in [
            "[types]=a,b&filter[types]=c",
            "[types][]=a&filter[types][]=b&filter[types][]=c",
            "%5Btypes%5D%5B%5D=a,b,c",
            "[types][0]=a&filter[types][1]=b&filter[types][12]=c",
        ] {
            assert_eq!(read(&format!("filter{types}")), json!({ "filter": { "types": "a,b,c" } }));
        }
        assert_eq!(read("state=%7B%22a%22%3A1%7D"), json!({ "state": "{\"a\":1}" }));
        assert_eq!(read("page[after=a&&=&page"), json!({ "page[after": "a", "": "", "page": "" }));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in "\\PC{0,30}", size in 0u32..1000) {
            let query = json!({ "filter": { "userExternalId": value.clone() }, "brandId": value, "page": { "size": size.to_string() } });
            prop_assert_eq!(read(write(&query).trim_start_matches('?')), query);
        }

        #[test]
        fn no_text_whatever_makes_it_panic(text in "\\PC{0,60}") {
            read(&text);
        }
    }
}
