//! What the secrets of keys look like: the form that scanners can recognise, and what is shown of any secret later.
//!
//! `hlg_`, the key's id, `_`, 43 random letters and digits (256 bits), and six more that are their checksum: the CRC-32
//! (IEEE) of everything before it, in base 62 with the digits `0-9A-Za-z`. Who finds one knows whose it is, and can tell
//! without asking anybody that it is one.

/// The regular expression for scanners. What matches and has the right checksum is a secret.
pub const PATTERN: &str = "hlg_(act|svc|app|int)_[0-9a-f]{24}_[0-9A-Za-z]{49}";
/// How many characters such a secret has.
pub const LENGTH: usize = ID_END + 1 + RANDOM + CHECKSUM;

const MARK: &str = "hlg_";
const ID_END: usize = MARK.len() + 28;
const RANDOM: usize = 43;
const CHECKSUM: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// How many characters at the end of a secret a hint shows.
const SHOWN: usize = 4;

/// A secret for the key with this id, from as many random bytes as it takes.
pub fn compose(key_id: &str, mut random: impl FnMut() -> [u8; 64]) -> String {
    let mut secret = format!("{MARK}{key_id}_");
    let end = secret.len() + RANDOM;
    while secret.len() < end {
        // 248 is the largest multiple of 62 in a byte: what is above would favour the first digits.
        let letters =
            random().into_iter().filter(|byte| *byte < 248).map(|byte| DIGITS[usize::from(byte % 62)] as char);
        secret.extend(letters.take(end - secret.len()));
    }
    let checksum = checksum(secret.as_bytes());
    secret.extend(checksum.map(char::from));
    secret
}

/// Whether a text claims to be of the recognisable form: then it is one, or it is wrong.
pub fn claims_form(text: &str) -> bool {
    text.starts_with(MARK)
}

/// The id of the key whose secret this is, if it is of the recognisable form and its checksum is right.
pub fn key_id(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    if bytes.len() != LENGTH || !text.starts_with(MARK) || bytes[ID_END] != b'_' {
        return None;
    }
    let (body, sum) = bytes.split_at(LENGTH - CHECKSUM);
    let good = is_key_id(&bytes[MARK.len()..ID_END])
        && body[ID_END + 1..].iter().all(u8::is_ascii_alphanumeric)
        && sum == checksum(body);
    if good { text.get(MARK.len()..ID_END) } else { None }
}

/// Every secret of the recognisable form in these bytes: where it begins, and whose it is.
pub fn find_all(bytes: &[u8]) -> Vec<(usize, &str)> {
    let starts = bytes.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK.as_bytes());
    starts
        .filter_map(|(at, _)| {
            let text = std::str::from_utf8(bytes.get(at..at + LENGTH)?).ok()?;
            Some((at, key_id(text)?))
        })
        .collect()
}

/// What may be shown of a secret: as many characters, of which all but the last few, and what tells its form and key,
/// are stars. No secret has a star in it.
pub fn hint(secret: &str) -> String {
    let shown_first = if key_id(secret).is_some() { ID_END + 1 } else { 0 };
    let length = secret.chars().count();
    // Of a short text the last few characters would be too much.
    let shown_last = if length >= 8 * SHOWN { length - SHOWN } else { length };
    let show = |(at, c): (usize, char)| if at < shown_first || at >= shown_last { c } else { '*' };
    secret.chars().enumerate().map(show).collect()
}

fn is_key_id(bytes: &[u8]) -> bool {
    let (prefix, digits) = bytes.split_at(4);
    matches!(prefix, b"act_" | b"svc_" | b"app_" | b"int_")
        && digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut rest = crc32(bytes);
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

/// The CRC-32 of zip files and Ethernet. A table would be quicker, but nobody waits for 76 bytes.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _: u32| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "int_0123456789abcdef01234567";

    #[test]
    fn the_checksum_is_the_well_known_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        // As docs/keys.md has it.
        assert_eq!(compose(ID, || [0; 64]), format!("hlg_{ID}_{}39661u", "0".repeat(43)));
    }

    proptest! {
        #[test]
        fn what_is_composed_is_recognised(bytes: [[u8; 32]; 2]) {
            let mut random = [0; 64];
            random[..32].copy_from_slice(&bytes[0]);
            random[32..].copy_from_slice(&bytes[1]);
            // A generator that gives nothing usable would never end.
            random[0] = 7;
            let secret = compose(ID, || random);
            prop_assert_eq!(key_id(&secret), Some(ID));
            let pattern = regex_lite::Regex::new(&format!("^{PATTERN}$")).expect("a pattern");
            prop_assert!(pattern.is_match(&secret));
            let around = format!("a hlg_ b\u{e9}\"{secret}\"{secret}");
            prop_assert_eq!(find_all(around.as_bytes()).len(), 2);
        }

        #[test]
        fn one_changed_character_is_no_secret(at in 0..LENGTH, to in "[0-9A-Za-z_*]") {
            let secret = compose(ID, || [77; 64]);
            let changed = format!("{}{to}{}", &secret[..at], &secret[at + 1..]);
            prop_assert!(changed == secret || key_id(&changed).is_none());
        }

        #[test]
        fn any_text_is_taken(text in "\\PC{0,100}") {
            prop_assert!(key_id(&text).is_none() && find_all(text.as_bytes()).is_empty());
            prop_assert_eq!(hint(&text).chars().count(), text.chars().count());
        }
    }

    #[test]
    fn a_hint_shows_the_shape_and_four_characters() {
        let secret = compose(ID, || [77; 64]);
        let hint_of = hint(&secret);
        assert_eq!(hint_of.len(), LENGTH);
        assert!(hint_of.starts_with(&format!("hlg_{ID}_****")) && hint_of.ends_with(&secret[LENGTH - 4..]));
        assert_eq!(hint_of.matches('*').count(), RANDOM + CHECKSUM - SHOWN);
        assert_eq!(hint(&"x".repeat(86)), format!("{}xxxx", "*".repeat(82)));
        assert_eq!(hint("short"), "*****");
    }
}
