//! Text in its three forms: Markdown becomes HTML, HTML becomes plain text.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, html};

/// What a link in Markdown may lead to. Anything else, such as a script, leads nowhere.
const SCHEMES: [&str; 4] = ["http", "https", "mailto", "tel"];
/// What ends a line of plain text.
const BLOCKS: [&str; 19] = [
    "address",
    "article",
    "blockquote",
    "br",
    "div",
    "dl",
    "dt",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "p",
    "pre",
    "section",
    "tr",
];
/// What is not text although it stands between tags.
const UNSEEN: [&str; 3] = ["script", "style", "title"];
/// How long the name of a character may be.
const LONGEST_ENTITY: usize = 10;

/// Markdown as HTML. HTML inside of it is shown, not obeyed.
pub fn markdown_to_html(markdown: &str) -> String {
    let events = Parser::new_ext(markdown, Options::ENABLE_STRIKETHROUGH).map(|event| match event {
        Event::Html(raw) | Event::InlineHtml(raw) => Event::Text(raw),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Link { link_type, dest_url: harmless(dest_url), title, id })
        }
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Image { link_type, dest_url: harmless(dest_url), title, id })
        }
        other => other,
    });
    let mut out = String::with_capacity(markdown.len() * 3 / 2);
    html::push_html(&mut out, events);
    out.truncate(out.trim_end().len());
    out
}

fn harmless(url: CowStr<'_>) -> CowStr<'_> {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme).filter(|s| !s.contains(['/', '?', '#']));
    match scheme {
        Some(scheme) if !SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) => "".into(),
        _ => url,
    }
}

/// The words of HTML, a line for each block.
pub fn html_to_text(html: &str) -> String {
    let mut words = Words { out: String::with_capacity(html.len()), space: false };
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        words.text(&rest[..at]);
        rest = &rest[at..];
        let Some(tag) = Tagged::read(rest) else {
            // A sign that opens no tag is itself.
            words.push('<');
            rest = &rest[1..];
            continue;
        };
        rest = &rest[tag.length..];
        if BLOCKS.contains(&tag.name.as_str()) {
            words.line();
        }
        if !tag.closes && UNSEEN.contains(&tag.name.as_str()) {
            rest = after_closing(rest, &tag.name);
        }
    }
    words.text(rest);
    words.out.truncate(words.out.trim_end().len());
    words.out
}

/// A tag at the start of a text.
struct Tagged {
    name: String,
    closes: bool,
    length: usize,
}

impl Tagged {
    fn read(text: &str) -> Option<Self> {
        if let Some(comment) = text.strip_prefix("<!--") {
            let length = comment.find("-->").map_or(text.len(), |at| at + 7);
            return Some(Self { name: String::new(), closes: false, length });
        }
        let inside = &text[1..];
        let closes = inside.starts_with('/');
        let name = inside.trim_start_matches(['/', '!', '?']);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next()?.to_ascii_lowercase();
        Some(Self { name, closes, length: end_of_tag(text) })
    }
}

/// How long the tag at the start of a text is: a sign between quotes does not end it.
fn end_of_tag(text: &str) -> usize {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return at + 1,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    text.len()
}

fn after_closing<'t>(text: &'t str, name: &str) -> &'t str {
    let closing = text
        .match_indices("</")
        .find(|(at, _)| text.get(at + 2..at + 2 + name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)));
    closing.map_or("", |(at, _)| &text[at..])
}

/// Plain text in the making: white space is one space, lines are not empty.
struct Words {
    out: String,
    space: bool,
}

impl Words {
    fn push(&mut self, c: char) {
        if std::mem::take(&mut self.space) && !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push(' ');
        }
        self.out.push(c);
    }

    fn line(&mut self) {
        self.space = false;
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push('\n');
        }
    }

    fn text(&mut self, mut text: &str) {
        while let Some(c) = text.chars().next() {
            let (c, length) = match entity(text) {
                Some(found) => found,
                None if c.is_whitespace() => {
                    self.space = true;
                    text = &text[c.len_utf8()..];
                    continue;
                }
                None => (c, c.len_utf8()),
            };
            self.push(c);
            text = &text[length..];
        }
    }
}

/// The character that the start of a text spells, and how long its spelling is.
fn entity(text: &str) -> Option<(char, usize)> {
    let name = text.strip_prefix('&')?;
    let end = name.bytes().take(LONGEST_ENTITY).position(|b| b == b';')?;
    let name = &name[..end];
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?).filter(|&c| c != '\0')?
        }
    };
    Some((c, end + 2))
}

#[cfg(test)]
mod tests {
    use super::{html_to_text, markdown_to_html};
    use proptest::prelude::*;

    #[test]
    fn markdown_is_html_and_its_own_html_is_shown() {
        assert_eq!(markdown_to_html("# Hello!"), "<h1>Hello!</h1>");
        assert_eq!(markdown_to_html("**a** ~~b~~"), "<p><strong>a</strong> <del>b</del></p>");
        assert_eq!(markdown_to_html("[a](https://example.org)"), "<p><a href=\"https://example.org\">a</a></p>");
        assert_eq!(markdown_to_html("a <b onclick=x>c"), "<p>a &lt;b onclick=x&gt;c</p>");
        assert!(!markdown_to_html("<script>alert(1)</script>\n\nb").contains("<script"));
        for scheme in ["javascript:x", "JavaScript:x", "data:text/html,x", "vbscript:x"] {
            assert_eq!(markdown_to_html(&format!("[a]({scheme})")), "<p><a href=\"\">a</a></p>", "{scheme}");
        }
        assert_eq!(markdown_to_html("[a](/b?c=d:e)"), "<p><a href=\"/b?c=d:e\">a</a></p>");
    }

    #[test]
    fn html_is_text() {
        let cases = [
            ("<h1>Hello!</h1>", "Hello!"),
            ("<p>a  b\n c</p><p>d</p>", "a b c\nd"),
            ("a<br>b<br/>c", "a\nb\nc"),
            ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
            ("a &lt;b&gt; &amp;amp; &#65;&#x42; &nope; &#0;", "a <b> &amp; AB &nope; &#0;"),
            ("<a title='x > y' href=\"z\">link</a>s", "links"),
            ("a<!-- <p>no</p> -->b<script>if (a < b) {}</script>c", "abc"),
            ("1 < 2 and <3", "1 < 2 and <3"),
            ("<b", ""),
        ];
        for (html, text) in cases {
            assert_eq!(html_to_text(html), text, "{html}");
        }
    }

    proptest! {
        #[test]
        fn no_text_whatever_makes_it_panic(text in "[<>/&#;a-z\"'é !\\[\\]()*:-]{0,60}") {
            html_to_text(&markdown_to_html(&text));
            prop_assert!(html_to_text(&text).chars().count() <= text.chars().count());
        }
    }
}
