//! What messages may hold, as far as the schema cannot say it, and what the server adds to it: HTML for Markdown, text for
//! channels that show nothing else, names for pictures that have none.
//!
//! Nothing here asks the store: it happens before the transaction.

use crate::{
    card_numbers,
    error::{Error, Result},
    rich_text,
};
use heliograph_wire::{
    actions::{AnyAction, Postback},
    content::*,
    messages::{AuthorSubtype, AuthorType, MessagePost},
    metadata::Metadata,
};

/// The one channel whose own form of a message is taken.
const NATIVE: &str = "whatsapp";
/// How long the words for a picture may be.
const MAX_ALT_TEXT: usize = 128;

/// Holds a message against the rules, and completes it.
pub fn prepare(post: &mut MessagePost) -> Result<()> {
    check_author(post)?;
    check_schema(post)?;
    complete(&mut post.content)
}

/// The same for what a user wrote on a channel. A form that was filled in is held against its form later, in the store.
pub fn prepare_of_user(content: &mut Content) -> Result<()> {
    if !may_be_of_user(content) && !matches!(content, Content::FormResponse(_)) {
        return Err(only_of_business(format!("content.type {}", content.kind())));
    }
    complete(content)
}

fn complete(content: &mut Content) -> Result<()> {
    match content {
        Content::Text(text) => complete_text(text)?,
        Content::File(file) | Content::Image(ImageMessage { file, .. }) => complete_file(file)?,
        Content::Carousel(carousel) => {
            complete_items(&mut carousel.items)?;
            carousel.text = Some(items_as_text(&carousel.items));
        }
        Content::List(list) => {
            complete_items(&mut list.items)?;
            list.text = Some(items_as_text(&list.items));
        }
        Content::Location(location) => location.text = Some(place_as_text(&location.coordinates)),
        Content::Form(form) => {
            check_fields(&form.fields)?;
            form.submitted = Some(false);
        }
        Content::Template(_) | Content::FormResponse(_) => {}
    }
    complete_actions(content)
}

const fn may_be_of_user(content: &Content) -> bool {
    matches!(content, Content::Text(_) | Content::Image(_) | Content::File(_) | Content::Location(_))
}

fn only_of_business(what: impl std::fmt::Display) -> Error {
    Error::invalid(format!("{what} can only be sent by author.type business"))
}

/// Who may say what: a user writes, and the business offers choices.
fn check_author(post: &MessagePost) -> Result<()> {
    let subtypes = post.author.subtypes.as_deref().unwrap_or_default();
    if let Content::FormResponse(_) = post.content {
        return Err(Error::invalid("content.type formResponse cannot be sent by this API"));
    }
    if post.author.r#type == AuthorType::Business {
        // The other kinds are the server's to say.
        return match subtypes.iter().all(|subtype| *subtype == AuthorSubtype::Ai) {
            true => Ok(()),
            false => Err(Error::invalid("author.subtypes[0] should be equal to one of the allowed values")),
        };
    }
    let refused = (!may_be_of_user(&post.content))
        .then(|| format!("content.type {}", post.content.kind()))
        .or((!subtypes.is_empty()).then(|| "author.subtypes".to_owned()))
        .or(post.destination.as_ref().map(|_| "destination".to_owned()))
        .or(post.r#override.as_ref().map(|_| "override".to_owned()))
        .or(post.references.as_ref().map(|_| "references".to_owned()));
    match refused {
        Some(what) => Err(only_of_business(what)),
        None => Ok(()),
    }
}

fn check_schema(post: &MessagePost) -> Result<()> {
    match (&post.content, post.schema.as_deref()) {
        (_, Some(schema)) if schema != NATIVE => {
            Err(Error::invalid("schema should be equal to one of the allowed values"))
        }
        (Content::Template(_), None) => Err(Error::invalid("content.type template needs schema whatsapp")),
        _ => Ok(()),
    }
}

fn complete_text(message: &mut TextMessage) -> Result<()> {
    let TextMessage { text, html_text, markdown_text, actions, .. } = message;
    let has_actions = actions.as_ref().is_some_and(|a| !a.is_empty());
    if text.is_none() && html_text.is_none() && markdown_text.is_none() && !has_actions {
        return Err(Error::invalid("content should have required property 'text'"));
    }
    complete_forms(text, html_text, markdown_text)
}

fn complete_file(file: &mut FileMessage) -> Result<()> {
    complete_forms(&mut file.text, &mut file.html_text, &mut file.markdown_text)?;
    file.alt_text = file.alt_text.take().or_else(|| file_name(&file.media_url));
    Ok(())
}

/// Markdown is kept as HTML, and whoever shows neither gets text.
fn complete_forms(text: &mut Option<String>, html: &mut Option<String>, markdown: &mut Option<String>) -> Result<()> {
    if html.is_some() && markdown.is_some() {
        return Err(Error::invalid("content should have only one of htmlText and markdownText"));
    }
    if let Some(markdown) = markdown.take() {
        let made = rich_text::markdown_to_html(&markdown);
        if made.chars().count() > MAX_TEXT {
            return Err(Error::invalid(format!(
                "content.markdownText should NOT be longer than {MAX_TEXT} characters when it is HTML"
            )));
        }
        *html = Some(made);
    }
    if let (None, Some(html)) = (&text, &html) {
        *text = Some(rich_text::html_to_text(html));
    }
    Ok(())
}

fn complete_items(items: &mut [Item]) -> Result<()> {
    for (at, item) in items.iter_mut().enumerate() {
        clean(&mut item.metadata, format_args!("content.items[{at}].metadata"))?;
        if let Some(url) = &item.media_url {
            item.alt_text = item.alt_text.take().or_else(|| file_name(url));
        }
    }
    Ok(())
}

/// The postback action with this payload, if the content offers one.
pub fn postback(content: &mut Content, payload: &str) -> Option<Postback> {
    actions(content).into_iter().find_map(|(_, action)| match action {
        AnyAction::Postback(postback) if postback.payload == payload => Some(postback.clone()),
        _ => None,
    })
}

/// The last part of an address, as the words for a picture that has none.
fn file_name(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next()?.split_once("://")?.1.split_once('/')?.1;
    let name = percent_encoding::percent_decode_str(path.rsplit('/').next()?).decode_utf8_lossy();
    // What was percent-encoded is not known to the schema's rules: no other text holds U+0000 either.
    Some(name.chars().filter(|c| !c.is_control()).take(MAX_ALT_TEXT).collect()).filter(|n: &String| !n.is_empty())
}

/// Each item with its links, as people write lists.
fn items_as_text(items: &[Item]) -> String {
    let one = |(at, item): (usize, &Item)| {
        let mut lines = vec![format!("{}. {}", at + 1, item.title)];
        lines.extend(item.description.clone().filter(|d| !d.is_empty()));
        lines.extend(item.actions.iter().filter_map(|action| match action {
            ItemAction::Link(link) => Some(format!("{}: {}", link.text, link.uri)),
            _ => None,
        }));
        lines.join("\n")
    };
    items.iter().enumerate().map(one).collect::<Vec<_>>().join("\n\n")
}

fn place_as_text(Coordinates { lat, long }: &Coordinates) -> String {
    format!("Location shared:\nhttps://maps.google.com/maps?q={lat},{long}")
}

/// A form's fields, and a field's options, are told apart by their names.
fn check_fields(fields: &[FormField]) -> Result<()> {
    for (at, asked @ FormField { field, options, .. }) in fields.iter().enumerate() {
        let place = format!("content.fields[{at}]");
        if fields[..at].iter().any(|other| other.field.name == field.name) {
            return Err(Error::invalid(format!("{place}.name should be unique in the form")));
        }
        // The sizes that a form does not say are those of a text.
        let said = asked.min_size.zip(asked.max_size);
        let (min, max) = if field.r#type == FieldType::Text { asked.sizes() } else { said.unwrap_or_default() };
        if min > max {
            return Err(Error::invalid(format!("{place}.minSize should NOT be greater than maxSize")));
        }
        let options = options.as_deref().unwrap_or_default();
        if field.r#type == FieldType::Select && options.is_empty() {
            return Err(Error::invalid(format!("{place} should have required property 'options'")));
        }
        for (nth, option) in options.iter().enumerate() {
            if option.name.is_some() && options[..nth].iter().any(|other| other.name == option.name) {
                return Err(Error::invalid(format!("{place}.options[{nth}].name should be unique in the field")));
            }
        }
    }
    Ok(())
}

fn complete_actions(content: &mut Content) -> Result<()> {
    let mut opening = 0;
    for (place, mut action) in actions(content) {
        clean(action.metadata(), format_args!("{place}.metadata"))?;
        match action {
            AnyAction::Postback(postback) => postback.uri = Some(String::new()),
            AnyAction::Webview(webview) if webview.open_on_receive == Some(true) => opening += 1,
            _ => {}
        }
    }
    if opening > 1 {
        return Err(Error::invalid("content should have openOnReceive true in only one action"));
    }
    Ok(())
}

/// All actions of a message, with their places.
fn actions(content: &mut Content) -> Vec<(String, AnyAction<'_>)> {
    fn of_items(items: &mut [Item]) -> impl Iterator<Item = (String, AnyAction<'_>)> {
        items.iter_mut().enumerate().flat_map(|(item, of)| {
            let place = move |nth| format!("content.items[{item}].actions[{nth}]");
            of.actions.iter_mut().enumerate().map(move |(nth, action)| (place(nth), action.any()))
        })
    }
    let place = |nth| format!("content.actions[{nth}]");
    match content {
        Content::Text(TextMessage { actions, .. }) | Content::Image(ImageMessage { actions, .. }) => {
            actions.iter_mut().flatten().enumerate().map(|(nth, action)| (place(nth), action.any())).collect()
        }
        Content::Carousel(carousel) => of_items(&mut carousel.items).collect(),
        Content::List(list) => {
            let own = list.actions.iter_mut().flatten().enumerate().map(|(nth, action)| (place(nth), action.any()));
            of_items(&mut list.items).chain(own).collect()
        }
        _ => Vec::new(),
    }
}

fn clean(metadata: &mut Option<Metadata>, place: std::fmt::Arguments<'_>) -> Result<()> {
    *metadata = metadata.take().map(Metadata::without_nulls);
    match metadata {
        Some(metadata) if metadata.too_large() => {
            Err(Error::invalid(format!("{place} is limited to 4096 bytes in size.")))
        }
        _ => Ok(()),
    }
}

/// The content with its card numbers masked; nothing if it holds none.
pub fn masked(content: &Content) -> Option<Content> {
    if let Content::FormResponse(response) = content {
        return masked_response(response).map(Content::FormResponse);
    }
    let (text, html) = match content {
        Content::Text(text) => (&text.text, &text.html_text),
        Content::File(file) | Content::Image(ImageMessage { file, .. }) => (&file.text, &file.html_text),
        Content::Form(form) => (&form.text, &None),
        _ => return None,
    };
    let text = text.as_deref().and_then(card_numbers::masked);
    let html = html.as_deref().and_then(card_numbers::masked_html);
    if text.is_none() && html.is_none() {
        return None;
    }
    let mut content = content.clone();
    let (in_text, in_html) = match &mut content {
        Content::Text(text) => (&mut text.text, &mut text.html_text),
        Content::File(file) | Content::Image(ImageMessage { file, .. }) => (&mut file.text, &mut file.html_text),
        Content::Form(form) => (&mut form.text, &mut None),
        _ => return None,
    };
    *in_text = text.or(in_text.take());
    *in_html = html.or(in_html.take());
    Some(content)
}

fn masked_response(response: &FormResponseMessage) -> Option<FormResponseMessage> {
    let mut masked = response.clone();
    masked.text_fallback = Some(card_numbers::masked(response.text_fallback.as_deref()?)?);
    for one in &mut masked.fields {
        if let Some(text) = one.field.text.as_deref().and_then(card_numbers::masked) {
            one.field.text = Some(text);
        }
    }
    Some(masked)
}
