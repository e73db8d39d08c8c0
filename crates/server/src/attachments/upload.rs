//! Taking a file in: a form passes by as a stream, and the file in it goes on to its place as it comes.

use super::{
    pieces::{Allowance, Exhausted, Pieces},
    types,
};
use crate::{
    blobs::{Blobs, Draft, Key},
    call::Streamed,
    error::{Error, Result},
};
use bytes::{Bytes, BytesMut};
use heliograph_wire::attachments::{FIELD, MAX_BYTES};
use http::{
    HeaderMap,
    header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body_util::{BodyExt, Limited};
use multer::{Constraints, Field, Multipart, SizeLimit};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use std::{io, time::Duration};
use tokio::time::timeout;

/// What a form may hold beside the file.
const FORM_BYTES: u64 = 64 * 1024;
/// How much of a form may come until the head of a part is complete.
const PART_HEAD_BYTES: usize = 16 * 1024;
/// How long the next piece may take to arrive.
const PIECE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the whole may take: half an hour's patience would hold a place for whoever sends a byte a second.
const WHOLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// How long the rest of a refused file is read. Most clients send all before they listen, and would miss the answer.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a name may be, in characters, without its extension.
const NAME_LENGTH: usize = 100;

/// A file that has arrived.
pub struct Received {
    /// What its sender called it.
    pub name: String,
    /// What it is.
    pub media_type: &'static str,
    /// How many bytes it has.
    pub size: u64,
    /// The SHA-256 of its name and its bytes, if that was asked for. Not of the form: its boundaries are others each time.
    pub hash: Option<[u8; 32]>,
}

/// What is to be done with a file.
#[derive(Clone, Copy)]
pub struct Intent<'b> {
    /// Where it is put. Nowhere if it is only to be seen whether it is one that was sent before.
    pub place: Option<(&'b Blobs, Key)>,
    /// Whether it is hashed.
    pub hash: bool,
}

/// Reads the form and puts its file in its place.
pub async fn receive(intent: Intent<'_>, request: &mut Streamed) -> Result<Received> {
    if length(&request.head.headers).is_some_and(|length| length > MAX_BYTES + FORM_BYTES) {
        return Err(TOO_LARGE);
    }
    let content_type = request.head.headers.get(CONTENT_TYPE).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(content_type)
        .map_err(|_| Error::UnsupportedMediaType("Content-Type should be multipart/form-data"))?;
    let limits = SizeLimit::new().whole_stream(MAX_BYTES + FORM_BYTES).for_field(FIELD, MAX_BYTES);
    let allowance = Allowance::new();
    let pieces = Pieces::new((&mut request.body).into_data_stream(), allowance.clone());
    let form = Multipart::with_constraints(pieces, boundary, Constraints::new().size_limit(limits));
    timeout(WHOLE_TIMEOUT, read(intent, form, &allowance)).await.unwrap_or(Err(Error::Slow))
}

/// Reads what is left of a refused request.
pub async fn drain(request: Streamed) {
    // hyper closes the connection if more follows.
    let mut rest = Limited::new(request.body, (MAX_BYTES + FORM_BYTES) as usize);
    let all = async { while let Some(Ok(_)) = rest.frame().await {} };
    let _ = timeout(DRAIN_TIMEOUT, all).await;
}

const TOO_LARGE: Error = Error::TooLarge { limit: MAX_BYTES as usize };

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn read(intent: Intent<'_>, mut form: Multipart<'_>, allowance: &Allowance) -> Result<Received> {
    let mut arrived = None;
    while let Some(mut field) = next_field(&mut form, allowance).await? {
        if field.name() != Some(FIELD) {
            while soon(field.chunk()).await?.is_some() {}
            continue;
        }
        if arrived.is_some() {
            return Err(bad("source should be one file"));
        }
        arrived = Some(keep(intent, field).await?);
    }
    let (received, draft) = arrived.ok_or_else(|| bad("should have required property 'source'"))?;
    // The form is complete, and so is the file.
    if let Some(draft) = draft {
        draft.finish().await.map_err(broken)?;
    }
    Ok(received)
}

/// The next part, of which nothing but its head is read. The one before has to be read to its end: what is left of it
/// would count as the head of this one.
async fn next_field<'f>(form: &mut Multipart<'f>, allowance: &Allowance) -> Result<Option<Field<'f>>> {
    allowance.bound(PART_HEAD_BYTES);
    let field = soon(form.next_field()).await;
    allowance.lift();
    field
}

/// Looks at the beginning of a file, and writes it as it comes if it is one that is taken in.
async fn keep(intent: Intent<'_>, mut field: Field<'_>) -> Result<(Received, Option<Draft>)> {
    let name = tidy(&given_name(&field).ok_or_else(|| bad("source should be a file"))?);
    let extension = types::extension(&name)?;
    let mut head = BytesMut::new();
    while head.len() < types::HEAD
        && let Some(piece) = soon(field.chunk()).await?
    {
        head.extend_from_slice(&piece);
    }
    let media_type = types::media_type(extension, &head[..head.len().min(types::HEAD)])?;
    let mut draft = match intent.place {
        Some((blobs, key)) => Some(blobs.create(key).await.map_err(broken)?),
        None => None,
    };
    // No name has a null in it.
    let mut hash = intent.hash.then(|| Sha256::new().chain_update(&name).chain_update([0]));
    let mut size = 0;
    let mut next = Some(head.freeze());
    while let Some(piece) = next {
        size += piece.len() as u64;
        if let Some(hash) = &mut hash {
            hash.update(&piece);
        }
        if let Some(draft) = &mut draft {
            write(draft, piece).await?;
        }
        next = soon(field.chunk()).await?;
    }
    Ok((Received { name, media_type, size, hash: hash.map(|hash| hash.finalize().into()) }, draft))
}

async fn write(draft: &mut Draft, piece: Bytes) -> Result<()> {
    if piece.is_empty() {
        return Ok(());
    }
    draft.write(piece).await.map_err(broken)
}

async fn soon<T>(next: impl Future<Output = multer::Result<T>>) -> Result<T> {
    match timeout(PIECE_TIMEOUT, next).await {
        Ok(outcome) => outcome.map_err(malformed),
        Err(_) => Err(Error::Slow),
    }
}

fn malformed(error: multer::Error) -> Error {
    match error {
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => TOO_LARGE,
        multer::Error::StreamReadFailed(why) if why.is::<Exhausted>() => bad(&why.to_string()),
        multer::Error::StreamReadFailed(_) => Error::invalid("The request body broke off"),
        _ => bad("The form cannot be read"),
    }
}

/// The contract has two words for whatever is wrong with a form; ours follow.
fn bad(why: &str) -> Error {
    Error::Invalid(vec!["Bad request".to_owned(), why.to_owned()])
}

fn broken(error: io::Error) -> Error {
    Error::Internal(format!("the storage of attachments: {error}"))
}

/// The name of a file, in one of the two spellings that forms have for it.
fn given_name(field: &Field<'_>) -> Option<String> {
    if let Some(name) = field.file_name() {
        return Some(name.to_owned());
    }
    let parameters = field.headers().get(CONTENT_DISPOSITION)?.to_str().ok()?.split(';');
    let name = parameters.filter_map(|p| p.trim().strip_prefix("filename*=")).next()?;
    let encoded = name.trim_matches('"').split_once("''")?.1;
    Some(percent_decode_str(encoded).decode_utf8_lossy().into_owned())
}

/// A name without folders, without what cannot be seen, and not too long.
fn tidy(given: &str) -> String {
    let hidden = |c: &char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|c| !hidden(c)).collect();
    match name.trim().rsplit_once('.') {
        Some((stem, extension)) => format!("{}.{extension}", stem.chars().take(NAME_LENGTH).collect::<String>()),
        None => name.trim().chars().take(NAME_LENGTH).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::tidy;

    #[test]
    fn a_name_is_only_a_name() {
        for (given, name) in [
            ("cat.png", "cat.png"),
            ("../../etc/passwd.txt", "passwd.txt"),
            ("C:\\Pictures\\cat.png", "cat.png"),
            (" c\u{0}a\u{202e}t\r\n.png ", "cat.png"),
            ("Überraschung 🐈.jpeg", "Überraschung 🐈.jpeg"),
            ("", ""),
            ("no extension", "no extension"),
        ] {
            assert_eq!(tidy(given), name);
        }
        assert_eq!(tidy(&format!("{}.png", "x".repeat(5000))).len(), 104);
    }
}
