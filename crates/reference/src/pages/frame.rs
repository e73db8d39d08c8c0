//! What all pages have around them: the head, the list of everything, the reader's values.

use crate::document::{Document, Operation};
use maud::{DOCTYPE, Markup, html};

/// A page.
pub struct Frame<'p> {
    /// Its title.
    pub title: &'p str,
    /// What it is about, in a sentence, for those who list pages.
    pub about: &'p str,
    /// Where it is: the slug of its operation, or its path below `/docs`.
    pub place: &'p str,
    /// The way from it to the folder of the pages, with a slash at the end.
    pub root: &'p str,
    /// The names that its samples leave open.
    pub names: &'p [String],
}

/// The guides: address, title, and what one has in the end.
pub const GUIDES: &[(&str, &str, &str)] = &[
    ("first-key", "Your first key in a minute", "An app, an integration, and a key for it."),
    ("sign-a-token", "Sign a token", "Calls without sending the secret."),
    ("receive-a-webhook", "Receive a webhook", "A program that is told of what happens."),
    ("oauth", "Let partners in by OAuth", "Other people's programs, let in by yours."),
];

impl Frame<'_> {
    /// The whole page.
    pub fn around(&self, document: Document<'_>, content: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" data-root=(self.root) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="description" content=(self.about);
                    title { (self.title) " · Heliograph" }

                    link rel="icon" type="image/svg+xml" href={ (self.root) "docs.svg" };
                    link rel="stylesheet" href={ (self.root) "docs.css" };
                    script src={ (self.root) "docs.js" } defer {}
                }
                body {
                    a.skip href="#content" { "To the content" }
                    header.top {
                        button.menu type="button" aria-expanded="false" aria-controls="pages" { "Menu" }
                        a.home href={ (self.root) "../docs" } {
                            img src={ (self.root) "docs.svg" } alt="" width="22" height="22"; "Heliograph"
                        }
                        nav aria-label="Documents" {
                            a href={ (self.root) "../openapi.json" } { "OpenAPI" }
                            a href={ (self.root) "../openapi.yaml" } { "YAML" }
                            a href={ (self.root) "../postman_collection.json" } { "Postman" }
                        }
                    }
                    div.columns {
                        (self.list(document))
                        main #content tabindex="-1" { (content) }
                    }
                }
            }
        }
    }

    /// Everything there is.
    fn list(&self, document: Document<'_>) -> Markup {
        html! {
            nav.list #pages aria-label="Pages" {
                label.search { span { "Search" kbd aria-hidden="true" { "/" } }
                    input #search type="search" autocomplete="off" spellcheck="false"; }
                p.nothing role="status" hidden { "Nothing found." }
                section {
                    h2 { "Start" }
                    ul {
                        (self.link("", "../docs", "Overview", None))
                        @for (slug, title, _) in GUIDES {
                            (self.link(slug, &format!("guides/{slug}"), title, None))
                        }
                    }
                }
                @for tag in document.tags() {
                    section {
                        h2 { (group(tag)) }
                        ul {
                            @for operation in document.operations().filter(|o| o.tag() == tag) {
                                @let slug = operation.slug();
                                @let Operation { method, path, .. } = operation;
                                @let hint = format!("{} {method} {path} {}", operation.id(), operation.summary());
                                (self.link(&slug, &format!("operations/{slug}"), &operation.title(), Some(&hint)))
                            }
                        }
                    }
                }
            }
        }
    }

    fn link(&self, slug: &str, to: &str, title: &str, hint: Option<&str>) -> Markup {
        html! {
            li data-hint=[hint] {
                a href={ (self.root) (to) } aria-current=[(slug == self.place).then_some("page")] { (title) }
            }
        }
    }

    /// What the reader fills in once, for all samples. On a phone it is folded.
    pub fn values(&self) -> Markup {
        html! {
            section.values aria-labelledby="your-values" {
                button.fold type="button" aria-expanded="false" aria-controls="values" { "Your values" }
                h2 #your-values { "Your values" }
                div #values {
                    div.grid {
                        (field("url", "Server", "url"))
                        fieldset.switch {
                            legend { "Credential" }
                            label { input type="radio" name="scheme" value="basic" checked; " Basic" }
                            label { input type="radio" name="scheme" value="bearer"; " Bearer" }
                        }
                        (field("keyId", "Key id", "text"))
                        (field("secret", "Secret", "password"))
                        div.token {
                            (field("token", "Token", "password"))
                            button #sign type="button" { "Sign one" }
                        }
                        @for name in self.names {
                            (field(name, name, if name.ends_with("Secret") { "password" } else { "text" }))
                        }
                    }
                    p.small { "They fill all samples and stay in this browser; secrets, tokens and codes only as long as this tab. "
                        strong #said role="status" {} }
                }
            }
        }
    }
}

fn field(name: &str, title: &str, kind: &str) -> Markup {
    html! {
        label.field { span { (title) }
            input type=(kind) data-value=(name) autocomplete="off" spellcheck="false" autocapitalize="off"; }
    }
}

/// A program or a text to copy.
pub fn block(label: &str, class: Option<&str>, text: &str) -> Markup {
    html! {
        div.block {
            button.copy type="button" { "Copy" }
            pre class=[class] tabindex="0" role="group" aria-label=(label) { code { (text) } }
        }
    }
}

/// A group's name for people.
pub fn group(tag: &str) -> String {
    match tag {
        "CustomIntegrationApiKeys" => "Integration keys".to_owned(),
        tag => {
            let text = tag.to_lowercase().replace("oauth", "OAuth");
            let (first, rest) = text.split_at(1);
            first.to_uppercase() + rest
        }
    }
}

/// A text with `code` and lists in it.
pub fn prose(text: &str) -> Markup {
    let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
    html! {
        @for paragraph in paragraphs {
            @if paragraph.starts_with("- ") {
                ul { @for line in paragraph.lines() { li { (inline(line.trim_start_matches("- "))) } } }
            } @else {
                p { (inline(paragraph)) }
            }
        }
    }
}

/// A sentence with `code` in it.
pub fn inline(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
