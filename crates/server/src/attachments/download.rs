//! Giving a file out: to whoever knows its address, in parts if they like, and so that no browser runs what is in it.

use super::Kept;
use crate::{
    edge::{Body, whole},
    error::{Error, Result},
    state::State,
};
use bytes::Bytes;
use futures_util::StreamExt;
use heliograph_wire::{attachments::AttachmentId, problem::Missing};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
        CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE, X_CONTENT_TYPE_OPTIONS,
    },
};
use http_body_util::{Either, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::{io, ops::Range};

/// A file does not change, but it may be removed: then nobody keeps a copy for longer than this.
const CACHE: &str = "public, max-age=900, immutable";
/// Nothing in a file runs, loads or submits anything, even if a browser shows it as a page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Answers a GET or HEAD of a file.
pub async fn answer(state: State, method: &Method, path: &str, headers: &HeaderMap) -> Result<Response<Body>> {
    let (id, name) = AttachmentId::in_path(path).ok_or(Missing::ATTACHMENT)?;
    let file = state.store.read(move |tx| super::by_id(tx, id)).await?;
    let file = file.filter(|file| file.name == name).ok_or(Missing::ATTACHMENT)?;
    let mut response = Response::new(whole(Bytes::new()));
    describe(&file, response.headers_mut())?;
    let tag = etag(&file);
    if headers.get_all(IF_NONE_MATCH).iter().any(|known| names(known, &tag)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    let part = match wanted(headers, &tag, file.size) {
        Wanted::All => 0..file.size,
        Wanted::Part(part) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let place = format!("bytes {}-{}/{}", part.start, part.end - 1, file.size);
            response.headers_mut().insert(CONTENT_RANGE, value(&place)?);
            part
        }
        Wanted::Nothing => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            response.headers_mut().insert(CONTENT_RANGE, value(&format!("bytes */{}", file.size))?);
            return Ok(response);
        }
    };
    response.headers_mut().insert(CONTENT_LENGTH, (part.end - part.start).into());
    if method == Method::GET {
        *response.body_mut() = body(state, &file, part).await?;
    }
    Ok(response)
}

async fn body(state: State, file: &Kept, part: Range<u64>) -> Result<Body> {
    let pieces = state.files.blobs.read(file.key, part).await.map_err(|error| match error.kind() {
        // Its row is still there: somebody removed it from the folder, or the bucket.
        io::ErrorKind::NotFound => {
            tracing::warn!(app = %file.key.app, "the storage of attachments lost a file");
            Missing::ATTACHMENT.into()
        }
        _ => Error::Internal(format!("the storage of attachments: {error}")),
    })?;
    let frames = pieces.map(|piece| piece.map(Frame::data));
    Ok(Either::Right(UnsyncBoxBody::new(StreamBody::new(frames))))
}

fn describe(file: &Kept, headers: &mut HeaderMap) -> Result<()> {
    let text = file.media_type.starts_with("text/");
    let charset = if text { "; charset=utf-8" } else { "" };
    headers.insert(CONTENT_TYPE, value(&format!("{}{charset}", file.media_type))?);
    headers.insert(CONTENT_DISPOSITION, value(&disposition(file))?);
    headers.insert(ETAG, value(&etag(file))?);
    headers.insert(CACHE_CONTROL, const { HeaderValue::from_static(CACHE) });
    headers.insert(ACCEPT_RANGES, const { HeaderValue::from_static("bytes") });
    headers.insert(X_CONTENT_TYPE_OPTIONS, const { HeaderValue::from_static("nosniff") });
    headers.insert(CONTENT_SECURITY_POLICY, const { HeaderValue::from_static(POLICY) });
    // Pages of anybody may show it: that is what it was uploaded for.
    headers.insert(RESOURCE_POLICY, const { HeaderValue::from_static("cross-origin") });
    Ok(())
}

/// Pictures, sound, films and plain text are shown; everything else is only ever saved.
fn disposition(file: &Kept) -> String {
    let kind = file.media_type.as_str();
    let shown = kind == "text/plain"
        || kind.starts_with("audio/")
        || kind.starts_with("video/")
        || (kind.starts_with("image/") && kind != "image/svg+xml");
    let plain = |c: char| if (' '..='~').contains(&c) && c != '"' && c != '\\' { c } else { '_' };
    let ascii: String = file.name.chars().map(plain).collect();
    let exact = utf8_percent_encode(&file.name, NON_ALPHANUMERIC);
    format!("{}; filename=\"{ascii}\"; filename*=UTF-8''{exact}", if shown { "inline" } else { "attachment" })
}

fn etag(file: &Kept) -> String {
    format!("\"{}\"", file.key.id)
}

fn names(known: &HeaderValue, tag: &str) -> bool {
    let known = known.to_str().unwrap_or_default();
    known.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == "*" || one == tag)
}

fn value(text: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|error| Error::Internal(format!("a header of our own: {error}")))
}

/// Which part of a file is asked for.
#[derive(Debug, PartialEq)]
enum Wanted {
    All,
    Part(Range<u64>),
    Nothing,
}

/// One range is understood. Several at once, and what is no range of bytes, are answered with the whole file, which is
/// always right.
fn wanted(headers: &HeaderMap, tag: &str, size: u64) -> Wanted {
    let other = headers.get(IF_RANGE).is_some_and(|known| known.as_bytes() != tag.as_bytes());
    let range = headers.get(RANGE).filter(|_| !other).and_then(|range| range.to_str().ok());
    let Some((first, last)) = range.and_then(|range| range.trim().strip_prefix("bytes=")?.split_once('-')) else {
        return Wanted::All;
    };
    let part = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first > last => return Wanted::All,
        (Ok(first), Ok(last)) => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..size,
        (Err(_), Ok(last)) if first.trim().is_empty() => size - last.min(size)..size,
        _ => return Wanted::All,
    };
    if part.start < part.end { Wanted::Part(part) } else { Wanted::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_understood() {
        let ask = |range: &str| {
            let headers = [(RANGE, range.parse().expect("a header"))].into_iter().collect();
            wanted(&headers, "\"t\"", 10)
        };
        assert_eq!(ask("bytes=0-3"), Wanted::Part(0..4));
        assert_eq!(ask("bytes=4-"), Wanted::Part(4..10));
        assert_eq!(ask("bytes=-3"), Wanted::Part(7..10));
        assert_eq!(ask("bytes=-30"), Wanted::Part(0..10));
        assert_eq!(ask("bytes=9-99999999999999999999"), Wanted::All);
        assert_eq!(ask("bytes=9-18446744073709551615"), Wanted::Part(9..10));
        for nothing in ["bytes=10-", "bytes=10-20", "bytes=-0"] {
            assert_eq!(ask(nothing), Wanted::Nothing, "{nothing}");
        }
        for all in ["", "bytes=", "bytes=-", "bytes=3-1", "bytes=0-1,3-4", "lines=1-2", "bytes=a-b", "bytes=1-x"] {
            assert_eq!(ask(all), Wanted::All, "{all}");
        }
    }

    #[test]
    fn a_range_of_another_file_is_the_whole_of_this() {
        let ask = |tag: &'static str| {
            let headers = [(RANGE, HeaderValue::from_static("bytes=0-3")), (IF_RANGE, HeaderValue::from_static(tag))];
            wanted(&headers.into_iter().collect(), "\"t\"", 10)
        };
        assert_eq!(ask("\"t\""), Wanted::Part(0..4));
        assert_eq!(ask("\"u\""), Wanted::All);
    }
}
