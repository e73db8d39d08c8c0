//! What all pages have around them: the head, the list of everything, the reader's values.

use crate::document::Document;
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

/// The guides: address and title.
pub const GUIDES: &[(&str, &str)] = &[
    ("first-key", "Your first key in a minute"),
    ("sign-a-token", "Sign a token"),
    ("receive-a-webhook", "Receive a webhook"),
    ("oauth", "Let partners in by OAuth"),
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

                    link rel="stylesheet" href={ (self.root) "docs.css" };
                    script src={ (self.root) "docs.js" } defer {}
                }
                body {
                    a.skip href="#content" { "To the content" }
                    header.top {
                        a.home href={ (self.root) "../docs" } { "Heliograph" }
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
            nav.list aria-label="Pages" {
                button.menu type="button" aria-expanded="false" aria-controls="pages" { "All pages" }
                div #pages {
                    label.search { span { "Search" } input #search type="search" autocomplete="off" spellcheck="false"; }
                    p.nothing role="status" hidden { "Nothing found." }
                    section {
                        h2 { "Start" }
                        ul {
                            (self.link("", "../docs", "Overview", None))
                            @for (slug, title) in GUIDES {
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
                                    @let hint = format!("{} {} {}", operation.id(), operation.method, operation.path);
                                    (self.link(&slug, &format!("operations/{slug}"), &operation.title(), Some(&hint)))
                                }
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

    /// What the reader fills in once, for all samples.
    pub fn values(&self) -> Markup {
        html! {
            section.values aria-labelledby="your-values" {
                h2 #your-values { "Your values" }
                p.small { "They fill all samples and stay in this browser; secrets, tokens and codes only as long as this tab." }
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
                        p.small #signed role="status" {}
                    }
                    @for name in self.names {
                        (field(name, name, if name.ends_with("Secret") { "password" } else { "text" }))
                    }
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
