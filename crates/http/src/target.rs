//! The shape an outside address must have before anything is sent to it.

use std::net::Ipv6Addr;

use http::Uri;
use http::uri::Scheme;

const NOT_ABSOLUTE: &str = "should be an absolute http or https URL";

/// Reads an absolute `http` or `https` URL that another party named. The error names the rule that was broken and
/// nothing of the text, so that it can be shown after the name of the field.
///
/// A fragment is dropped: it is never sent. International host names have to come in their ASCII form.
pub fn parse_target(text: &str) -> Result<Uri, &'static str> {
    let uri: Uri = text.parse().map_err(|_| NOT_ABSOLUTE)?;
    check_target(&uri)?;
    Ok(uri)
}

/// The rules of [`parse_target`] for an address that was read before.
pub(crate) fn check_target(uri: &Uri) -> Result<(), &'static str> {
    if uri.scheme() != Some(&Scheme::HTTP) && uri.scheme() != Some(&Scheme::HTTPS) {
        return Err(NOT_ABSOLUTE);
    }
    let authority = uri.authority().ok_or(NOT_ABSOLUTE)?.as_str();
    if authority.contains('@') {
        return Err("should not hold a user name or password");
    }
    let host = uri.host().unwrap_or_default();
    if !is_host(host) {
        return Err("should name a valid host");
    }
    // The parser takes any digits for a port and then forgets those that do not fit.
    let names_port = authority.len() > host.len();
    if names_port && matches!(uri.port_u16(), None | Some(0)) {
        return Err("should name a port between 1 and 65535");
    }
    Ok(())
}

/// A DNS name, an IPv4 address in any spelling, or an IPv6 address in brackets. What the name leads to is not judged
/// here but where the connection is made, because only there it is known.
fn is_host(host: &str) -> bool {
    match unbracket(host) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            (1..=253).contains(&host.len())
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    }
}

/// What stands between the brackets of an IPv6 host.
pub(crate) fn unbracket(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_targets_are_taken() {
        for text in [
            "http://example.com",
            "https://example.com/hook?x=1&y=%20",
            "https://example.com/hook#part",
            "HTTPS://EXAMPLE.com:8443/",
            "http://192.0.2.1:80/",
            "http://[2001:db8::1]:8080/x",
            "https://xn--mnchen-3ya.example/",
            "http://a_b.example./",
        ] {
            assert!(parse_target(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn every_other_shape_is_refused_with_its_rule() {
        let cases = [
            (
                "absolute",
                vec!["", "/hook", "example.com", "example.com:80", "ftp://example.com/", "file:///etc/passwd"],
            ),
            ("absolute", vec!["javascript:alert(1)", "http:/example.com", "http:///x", "http://", "*", " http://a/"]),
            ("absolute", vec!["http://a b/", "http://a/\r\nX: y", "http://127。0。0。1/", "http://１２７.0.0.1/"]),
            ("user name", vec!["http://user@example.com/", "http://user:pass@example.com/", "http://a@b@example.com/"]),
            (
                "host",
                vec![
                    "http://%31/",
                    "http://:80/",
                    "http://[fe80::1%25eth0]/",
                    "http://[::1.example]/",
                    "http://a,b/",
                    "http://[v1.a]/",
                ],
            ),
            ("port", vec!["http://example.com:0/", "http://example.com:65536/", "http://example.com:99999/"]),
        ];
        for (rule, texts) in cases {
            for text in texts {
                let reason = parse_target(text).expect_err(text);
                let parser_refused = text.parse::<Uri>().is_err();
                assert!(reason.contains(rule) || parser_refused, "{text}: {reason}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken_or_refused_but_never_trusted_with_credentials(text in "(http|https|ftp)://[ -~]{0,40}") {
            if let Ok(uri) = parse_target(&text) {
                let host = uri.host().unwrap_or_default();
                proptest::prop_assert!(!host.is_empty() && !uri.authority().is_some_and(|a| a.as_str().contains('@')));
            }
        }
    }
}
