//! What the files that messages name are: kind and size, as the servers that have them say. Nobody waits long for that;
//! what is not found out is left out.

use crate::{attachments, error::Result, state::State};
use futures_util::future::join_all;
use heliograph_http::{Outbound, parse_target};
use heliograph_wire::{
    content::{Content, FileMessage, ImageMessage, Item},
    id::AppId,
};
use http::{
    HeaderMap, Method, Uri,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use std::{collections::HashMap, time::Duration};

/// How long a server has to say what a file is.
const DEADLINE: Duration = Duration::from_secs(3);
/// How long the name of a kind may be.
const MAX_TYPE: usize = 128;

/// What is known of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// What kind of file it is.
    pub media_type: Option<String>,
    /// How many bytes it has.
    pub media_size: Option<u64>,
}

/// The addresses of the files that a message names without saying what they are.
pub fn named(content: &mut Content) -> Vec<String> {
    let mut urls: Vec<String> = files(content).into_iter().map(|file| file.url().to_owned()).collect();
    urls.sort_unstable();
    urls.dedup();
    urls
}

/// Finds out what these files are: our own at once, and of the others the servers that have them are asked, all at the
/// same time.
pub async fn ask(state: State, app: AppId, urls: Vec<String>) -> Result<HashMap<String, About>> {
    let ours = attachments::known(state, app, &urls).await?;
    let others = urls.into_iter().filter(|url| !ours.contains_key(url)).map(|url| async {
        let about = about(&state.outbound, &url).await;
        Some((url, about?))
    });
    let mut known: HashMap<String, About> = join_all(others).await.into_iter().flatten().collect();
    known.extend(
        ours.into_iter()
            .map(|(url, file)| (url, About { media_type: Some(file.media_type), media_size: Some(file.size) })),
    );
    Ok(known)
}

async fn about(outbound: &Outbound, url: &str) -> Option<About> {
    let target = parse_target(url).ok()?;
    let headers = tokio::time::timeout(DEADLINE, headers(outbound, &target)).await.ok()??;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    Some(About {
        media_type: text(CONTENT_TYPE).filter(|t| !t.is_empty() && t.len() <= MAX_TYPE).map(str::to_owned),
        media_size: text(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
    })
}

/// Some servers answer only those who really want the file.
async fn headers(outbound: &Outbound, target: &Uri) -> Option<HeaderMap> {
    for method in [Method::HEAD, Method::GET] {
        let head = outbound.head_of(method, target, DEADLINE).await.ok()?;
        if head.status.is_success() {
            return Some(head.headers);
        }
    }
    None
}

/// Writes down in a message what its files are.
pub fn describe(content: &mut Content, known: &HashMap<String, About>) {
    for file in files(content) {
        let Some(about) = known.get(file.url()).cloned() else { continue };
        match file {
            File::Whole(file) => {
                file.media_type = about.media_type;
                file.media_size = about.media_size;
            }
            File::OfItem(_, media_type) => *media_type = about.media_type,
        }
    }
}

/// A file that a message names: it is the message, or an item's picture.
enum File<'c> {
    Whole(&'c mut FileMessage),
    OfItem(&'c str, &'c mut Option<String>),
}

impl File<'_> {
    fn url(&self) -> &str {
        match self {
            Self::Whole(file) => &file.media_url,
            Self::OfItem(url, _) => url,
        }
    }
}

fn files(content: &mut Content) -> Vec<File<'_>> {
    match content {
        Content::File(file) | Content::Image(ImageMessage { file, .. }) => vec![File::Whole(file)],
        Content::Carousel(carousel) => carousel.items.iter_mut().filter_map(of_item).collect(),
        Content::List(list) => list.items.iter_mut().filter_map(of_item).collect(),
        _ => Vec::new(),
    }
}

/// An item's picture, unless the sender has said what it is.
fn of_item(Item { media_url, media_type, .. }: &mut Item) -> Option<File<'_>> {
    let url = media_url.as_deref().filter(|_| media_type.is_none())?;
    Some(File::OfItem(url, media_type))
}
