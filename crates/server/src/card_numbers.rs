//! Numbers of payment cards in what people write: all but the last four digits are masked.

/// How many digits a card's number may have.
const DIGITS: std::ops::RangeInclusive<usize> = 13..=19;
/// How many digits stay.
const SHOWN: usize = 4;

/// The text with its card numbers masked; nothing if it holds none.
pub fn masked(text: &str) -> Option<String> {
    // Almost no text holds that many digits.
    if text.bytes().filter(u8::is_ascii_digit).count() < *DIGITS.start() {
        return None;
    }
    let mut bytes = text.as_bytes().to_vec();
    let (mut at, mut found) = (0, false);
    while at < bytes.len() {
        match number_at(&bytes, at) {
            Some(end) => {
                mask(&mut bytes[at..end]);
                (at, found) = (end, true);
            }
            None => at += 1,
        }
    }
    // Digits became asterisks: what was UTF-8 still is.
    found.then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// The same for HTML, whose tags are left alone: an address may hold long numbers.
pub fn masked_html(html: &str) -> Option<String> {
    let mut found = false;
    let parts: Vec<String> = html
        .split_inclusive('>')
        .map(|part| {
            let (text, tag) = part.split_at(part.find('<').unwrap_or(part.len()));
            let masked = masked(text);
            found |= masked.is_some();
            masked.as_deref().unwrap_or(text).to_owned() + tag
        })
        .collect();
    found.then(|| parts.concat())
}

/// Where the card number ends that begins here, if one does.
fn number_at(bytes: &[u8], start: usize) -> Option<usize> {
    // The first digit names the card's industry; what is part of a word, an address or a phone number is no card.
    let before = start.checked_sub(1).map(|at| bytes[at]);
    let free = before.is_none_or(|b| !b.is_ascii_alphanumeric() && !b"/=_&#%@+".contains(&b));
    if !free || !matches!(bytes[start], b'2'..=b'6') {
        return None;
    }
    let (mut digits, mut ends) = (Vec::with_capacity(*DIGITS.end()), Vec::new());
    let mut at = start;
    while at < bytes.len() && digits.len() < *DIGITS.end() {
        match bytes[at] {
            digit @ b'0'..=b'9' => digits.push(digit - b'0'),
            b' ' | b'-' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {}
            _ => break,
        }
        at += 1;
        let ends_here = bytes[at - 1].is_ascii_digit() && !bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
        if ends_here && DIGITS.contains(&digits.len()) {
            ends.push((at, digits.len()));
        }
    }
    ends.into_iter().rev().find(|&(_, length)| luhn(&digits[..length])).map(|(end, _)| end)
}

/// Whether the last digit is the check digit of the others.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, &digit)| match u32::from(digit) {
            digit if at % 2 == 0 => digit,
            digit if digit > 4 => digit * 2 - 9,
            digit => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

fn mask(number: &mut [u8]) {
    let hidden = number.iter().filter(|b| b.is_ascii_digit()).count() - SHOWN;
    number.iter_mut().filter(|b| b.is_ascii_digit()).take(hidden).for_each(|b| *b = b'*');
}

#[cfg(test)]
mod tests {
    use super::{masked, masked_html};
    use proptest::prelude::*;

    #[test]
    fn card_numbers_alone_are_masked() {
        let cases = [
            ("4242424242424242", Some("************4242")),
            ("mine is 4242 4242 4242 4242, thanks", Some("mine is **** **** **** 4242, thanks")),
            ("4242-4242-4242-4242 12/30", Some("****-****-****-4242 12/30")),
            ("378282246310005", Some("***********0005")),
            ("4242424242424242 4242424242424242", Some("************4242 ************4242")),
            ("é4242424242424242é", Some("é************4242é")),
            ("4242424242424241", None),
            ("order A4242424242424242", None),
            ("https://example.org/4242424242424242", None),
            ("https://example.org/?id=4242424242424242", None),
            ("14242424242424242", None),
            ("42424242424242424242424", None),
            ("call +4242424242424242", None),
            ("424242424242", None),
            ("", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(masked(text).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn tags_are_left_alone() {
        assert_eq!(
            masked_html("<a id='4242424242424242'>4242424242424242</a> 4242424242424242").as_deref(),
            Some("<a id='4242424242424242'>************4242</a> ************4242")
        );
        assert_eq!(masked_html("<a id='4242424242424242'>x</a>"), None);
    }

    proptest! {
        #[test]
        fn nothing_but_digits_changes(text in "[0-9 é<>a-]{0,60}") {
            if let Some(masked) = masked(&text) {
                let same = |(a, b): (char, char)| a == b || (a.is_ascii_digit() && b == '*');
                prop_assert!(text.chars().zip(masked.chars()).all(same) && text.len() == masked.len());
            }
        }
    }
}
