//! Names, from one way of writing to another.

/// The words of a name, in small letters: `displayName` has two.
pub fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut inside = false;
    let letters: Vec<char> = name.chars().collect();
    for (at, &letter) in letters.iter().enumerate() {
        if !letter.is_ascii_alphanumeric() {
            inside = false;
            continue;
        }
        let after_small = at > 0 && !letters[at - 1].is_ascii_uppercase();
        // The last capital of several begins the next word: `subscribeSDKClient`.
        let before_small = letters.get(at + 1).is_some_and(char::is_ascii_lowercase);
        if !inside || (letter.is_ascii_uppercase() && (after_small || before_small)) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(letter.to_ascii_lowercase());
        }
        inside = true;
    }
    words
}

/// `display_name`
pub fn snake(words: &[String]) -> String {
    words.join("_")
}

/// `displayName`
pub fn camel(words: &[String]) -> String {
    let rest: String = words.iter().skip(1).map(|word| capital(word)).collect();
    words.first().cloned().unwrap_or_default() + &rest
}

/// `DisplayName`
pub fn pascal(words: &[String]) -> String {
    words.iter().map(|word| capital(word)).collect()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

/// One of several: `messages` gives `message`.
pub fn singular(words: &[String]) -> Vec<String> {
    let mut one = words.to_vec();
    if let Some(last) = one.last_mut() {
        *last = match last.as_str() {
            word if word.ends_with("ies") => format!("{}y", &word[..word.len() - 3]),
            word if word.ends_with('s') && !word.ends_with("ss") => word[..word.len() - 1].to_owned(),
            word => format!("{word}_item"),
        };
    }
    one.iter().flat_map(|word| word.split('_').map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_and_put_together() {
        for (name, wanted) in [
            ("displayName", "display name"),
            ("CreateCustomIntegrationKey", "create custom integration key"),
            ("subscribeSDKClient", "subscribe sdk client"),
            ("token_type", "token type"),
            ("identities.email", "identities email"),
            ("ListOauthClients", "list oauth clients"),
        ] {
            assert_eq!(words(name).join(" "), wanted);
        }
        let name = words("displayName");
        assert_eq!(
            (snake(&name), camel(&name), pascal(&name)),
            ("display_name".to_owned(), "displayName".to_owned(), "DisplayName".to_owned())
        );
        let one = |name| camel(&singular(&words(name)));
        assert_eq!(
            [one("messages"), one("identities"), one("data"), one("oauthClients")],
            ["message", "identity", "dataItem", "oauthClient"].map(str::to_owned)
        );
    }
}
