//! Files on their way up: a form that is sent piece by piece, and never held in memory whole.

use crate::{
    answer::Answer,
    client::Client,
    connect::Sending,
    error::{Error, TransportError},
};
use futures_util::TryStreamExt;
use heliograph_wire::{attachments::FIELD, op::Operation};
use http::{
    Request,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use std::{
    io::{self, Cursor},
    path::Path,
    time::Duration,
};
use tokio::{
    fs::{File, metadata},
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};
use tokio_util::io::ReaderStream;

/// How much of a file is in memory at a time.
const PIECE: usize = 64 * 1024;
/// How long an upload may take: as long as the server waits for one.
const DEADLINE: Duration = Duration::from_secs(600);

/// A file that is to be sent.
#[derive(Debug)]
pub struct Upload<R> {
    /// Its name, with the extension by which servers know what it is.
    pub name: String,
    /// How many bytes it has.
    pub length: u64,
    /// The bytes.
    pub content: R,
}

impl Upload<File> {
    /// A file of this machine, under its own name. Refused is what is no regular file: how long a pipe will be is not
    /// known before it ends, and the length is sent first.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        // Before it is opened: opening a pipe waits for whoever writes into it.
        if !metadata(path).await?.is_file() {
            let why = "it is no regular file; what comes by a pipe has to be written to a file first";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let content = File::open(path).await?;
        let length = content.metadata().await?.len();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self { name, length, content })
    }
}

impl Client {
    /// Calls an operation that takes a file, in the form's only field. The file is read once, as it is sent; so it is
    /// sent once, whatever becomes of it.
    pub async fn upload<O: Operation>(
        &self,
        path: &O::Path,
        query: &O::Query,
        file: Upload<impl AsyncRead + Send + 'static>,
    ) -> Result<Answer, Error> {
        let boundary = boundary()?;
        let (length, body) = form(file, &boundary);
        let request = Request::builder()
            .method(O::METHOD)
            .uri(self.target(O::PATH, path, query)?)
            .header(CONTENT_LENGTH, length)
            .header(CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}"));
        let late = |_| Error::Transport(TransportError::Deadline(DEADLINE));
        timeout(DEADLINE, self.exchange(request, body)).await.map_err(late)?.map_err(Error::of::<O>)
    }
}

/// The form of one file, and how long it is.
fn form<R: AsyncRead + Send + 'static>(file: Upload<R>, boundary: &str) -> (u64, Sending) {
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"{FIELD}\"; filename=\"{}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n",
        quoted(&file.name)
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let length = head.len() as u64 + file.length + tail.len() as u64;
    let whole = Cursor::new(head).chain(file.content.take(file.length)).chain(Cursor::new(tail));
    let pieces = ReaderStream::with_capacity(whole, PIECE).map_ok(Frame::data);
    (length, BodyExt::map_err(StreamBody::new(pieces), Into::into).boxed_unsync())
}

/// A name as it stands between quotes in a header, where nothing else may end the line.
fn quoted(name: &str) -> String {
    let kept = name.chars().filter(|c| !c.is_control());
    kept.flat_map(|c| ['\\'].into_iter().filter(move |_| matches!(c, '"' | '\\')).chain([c])).collect()
}

/// What stands in no file but by an improbable chance.
fn boundary() -> Result<String, Error> {
    let chance = || getrandom::u64().map_err(|_| Error::Setup("the system has no source of randomness"));
    Ok(format!("heliograph{:016x}{:016x}", chance()?, chance()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_form_is_as_long_as_it_says() {
        let content = vec![b'x'; 3 * PIECE + 7];
        let file =
            Upload { name: "a \"b\"\r\n.txt".to_owned(), length: content.len() as u64, content: Cursor::new(content) };
        let (length, body) = form(file, "B");
        let sent = body.collect().await.expect("a form").to_bytes();
        assert_eq!(sent.len() as u64, length);
        let text = String::from_utf8_lossy(&sent);
        assert!(
            text.starts_with(
                "--B\r\nContent-Disposition: form-data; name=\"source\"; filename=\"a \\\"b\\\".txt\"\r\n"
            )
        );
        assert!(text.ends_with("xxx\r\n--B--\r\n"));
    }

    #[tokio::test]
    async fn only_a_regular_file_is_opened() {
        let file = Upload::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).await.expect("a file");
        assert!(file.name == "Cargo.toml" && file.length > 0);
        for path in [env!("CARGO_MANIFEST_DIR"), "/dev/null"] {
            let refused = Upload::open(path).await.expect_err("no regular file");
            assert!(refused.to_string().contains("no regular file"), "{refused}");
        }
    }

    #[test]
    fn no_two_boundaries_are_the_same() {
        assert_ne!(boundary().expect("a boundary"), boundary().expect("another"));
    }
}
