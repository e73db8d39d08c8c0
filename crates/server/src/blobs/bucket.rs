//! Files in a bucket of an S3-compatible storage: `<prefix>/<app>/<id>`.

use super::{Finds, Key, Pieces};
use crate::settings::{S3, StartError};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use heliograph_http::{Direct, Failure};
use heliograph_wire::id::AppId;
use http_body_util::BodyExt;
use object_store::{
    ClientOptions, GetOptions, ObjectStore, ObjectStoreExt,
    aws::AmazonS3Builder,
    buffered::BufWriter,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
        HttpResponseBody, HttpService,
    },
    path::Path,
};
use std::{io, ops::Range, pin::Pin, sync::Arc, time::Duration};
use tokio::io::AsyncWriteExt;

/// How long the storage may take to answer, and then for each piece of what it answers.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is sent at once; smaller files go whole.
const PART: usize = 5 * 1024 * 1024;
/// How many parts of a file are on their way at once: with what is being gathered, this bounds an upload's memory.
const PARTS: usize = 2;
/// How many files are removed at once.
const REMOVALS: usize = 16;

/// A bucket, or the part of one that is below a prefix.
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Bucket {
    /// Opens `s3://bucket/prefix`. What the settings leave out comes from the environment, or from the machine, in the
    /// way of Amazon's own programs.
    pub fn open(url: &str, settings: &S3) -> Result<Self, StartError> {
        let refused = |why: String| StartError::Setting(format!("attachments {url}: {why}"));
        let (bucket, prefix) = url.trim_start_matches("s3://").split_once('/').unwrap_or((&url["s3://".len()..], ""));
        if bucket.is_empty() {
            return Err(refused("no bucket is named".to_owned()));
        }
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_http_connector(Connector);
        if let Some(region) = &settings.region {
            builder = builder.with_region(region);
        }
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        if let (Some(id), Some(secret)) = (&settings.access_key_id, &settings.secret_access_key) {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        }
        let store = builder.build().map_err(|error| refused(error.to_string()))?;
        Ok(Self { store: Arc::new(store), prefix: Path::from(prefix) })
    }

    fn place(&self, key: Key) -> Path {
        self.folder(key.app).join(key.id.to_string())
    }

    fn folder(&self, app: AppId) -> Path {
        self.prefix.clone().join(app.to_string())
    }

    /// Begins a file.
    pub fn create(&self, key: Key) -> Draft {
        let writer = BufWriter::with_capacity(Arc::clone(&self.store), self.place(key), PART);
        Draft { writer: Some(writer.with_max_concurrency(PARTS)) }
    }

    /// Reads a part of a file.
    pub async fn read(&self, key: Key, range: Range<u64>) -> io::Result<Pieces> {
        if range.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
        let found = self.store.get_opts(&self.place(key), options).await?;
        let pieces = stream::try_unfold(found.into_stream(), |mut pieces| async {
            match tokio::time::timeout(PATIENCE, pieces.try_next()).await {
                Ok(Ok(piece)) => Ok(piece.map(|piece| (piece, pieces))),
                Ok(Err(error)) => Err(error.into()),
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            }
        });
        Ok(pieces.boxed())
    }

    /// Removes a file, if it is there.
    pub async fn remove(&self, key: Key) -> io::Result<()> {
        absent(self.store.delete(&self.place(key)).await)
    }

    /// Removes all files of an app.
    pub async fn remove_app(&self, app: AppId) -> io::Result<()> {
        let files = self.store.list(Some(&self.folder(app))).map_err(io::Error::from);
        files
            .try_for_each_concurrent(REMOVALS, |file| async move { absent(self.store.delete(&file.location).await) })
            .await
    }

    /// Lists the files from before a moment. What was begun and not finished, the storage's own rules clear away.
    pub async fn list(&self, before: i64, finds: Finds) -> io::Result<()> {
        let mut files = self.store.list(Some(&self.prefix));
        while let Some(file) = files.try_next().await? {
            if file.last_modified.timestamp_millis() < before
                && let Some(key) = self.key(&file.location)
                && finds.send(key).await.is_err()
            {
                break;
            }
        }
        Ok(())
    }

    fn key(&self, location: &Path) -> Option<Key> {
        let mut parts = location.prefix_match(&self.prefix)?;
        let (app, id) = (parts.next()?, parts.next()?);
        let key = Key { app: app.as_ref().parse().ok()?, id: id.as_ref().parse().ok()? };
        parts.next().is_none().then_some(key)
    }
}

/// Gone is gone, whoever did it.
fn absent(outcome: object_store::Result<()>) -> io::Result<()> {
    match outcome {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        other => Ok(other?),
    }
}

/// A file that is being sent.
pub struct Draft {
    writer: Option<BufWriter>,
}

impl Draft {
    /// Adds bytes at the end.
    pub async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        match &mut self.writer {
            Some(writer) => Ok(writer.put(piece).await?),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Has the storage put the file in its place.
    pub async fn finish(mut self) -> io::Result<()> {
        match &mut self.writer {
            Some(writer) => writer.shutdown().await?,
            None => return Err(io::ErrorKind::BrokenPipe.into()),
        }
        self.writer = None;
        Ok(())
    }
}

impl Drop for Draft {
    /// Parts that were sent already cost their owner money until they are called off.
    fn drop(&mut self) {
        if let (Some(mut writer), Ok(runtime)) = (self.writer.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                if let Err(error) = writer.abort().await {
                    tracing::warn!(%error, "an upload to the object storage could not be called off");
                }
            });
        }
    }
}

/// The way to the storage: our own client, in place of one more.
#[derive(Clone, Copy, Debug)]
struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Way(Direct::new(PATIENCE))))
    }
}

#[derive(Debug)]
struct Way(Direct<HttpRequestBody>);

impl HttpService for Way {
    fn call<'s, 'f>(
        &'s self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let response = self.0.call(request).await.map_err(|failure| HttpError::new(kind(failure), failure))?;
            let broken = |error| HttpError::new(HttpErrorKind::Interrupted, error);
            Ok(response.map(|body| HttpResponseBody::new(body.map_err(broken))))
        })
    }
}

/// What may be tried again, in the storage library's words.
fn kind(failure: Failure) -> HttpErrorKind {
    match failure {
        Failure::Connect | Failure::Resolve | Failure::Tls | Failure::Refused | Failure::Proxy => {
            HttpErrorKind::Connect
        }
        Failure::Timeout => HttpErrorKind::Timeout,
        Failure::Broken => HttpErrorKind::Interrupted,
    }
}
