//! Where uploaded files are kept: one seam, and behind it a local folder or an S3 bucket. It knows keys and bytes, and
//! nothing of what they mean.

#[cfg(feature = "s3")]
mod bucket;
mod folder;

use crate::settings::{Settings, StartError};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use heliograph_wire::{attachments::AttachmentId, id::AppId};
use std::{fmt, io, ops::Range};

/// What a file is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The app it belongs to.
    pub app: AppId,
    /// Its own id.
    pub id: AttachmentId,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.app, self.id)
    }
}

/// A file's bytes, as they are read.
pub type Pieces = BoxStream<'static, io::Result<Bytes>>;

/// Keys that were found: the sender ends when nobody wants more.
pub type Finds = tokio::sync::mpsc::Sender<Key>;

/// Where files are kept.
pub enum Blobs {
    /// In a folder of this machine, or one that several machines share.
    Folder(folder::Folder),
    /// In a bucket of an S3-compatible storage.
    #[cfg(feature = "s3")]
    Bucket(bucket::Bucket),
}

impl Blobs {
    /// Opens what the settings name.
    pub fn open(settings: &Settings) -> Result<Self, StartError> {
        match settings.attachments.as_deref() {
            Some(url) if url.starts_with("s3://") => Self::open_bucket(url, settings),
            Some(path) => folder::Folder::open(path.into()).map(Self::Folder),
            None => folder::Folder::open(settings.data.join("attachments")).map(Self::Folder),
        }
    }

    #[cfg(feature = "s3")]
    fn open_bucket(url: &str, settings: &Settings) -> Result<Self, StartError> {
        bucket::Bucket::open(url, &settings.s3).map(Self::Bucket)
    }

    #[cfg(not(feature = "s3"))]
    fn open_bucket(url: &str, _: &Settings) -> Result<Self, StartError> {
        Err(StartError::Setting(format!("attachments {url}: this program was built without S3")))
    }

    /// Begins a file. It is there once it is finished, whole and durable, or not at all.
    pub async fn create(&self, key: Key) -> io::Result<Draft> {
        match self {
            Self::Folder(folder) => folder.create(key).await.map(Draft::Folder),
            #[cfg(feature = "s3")]
            Self::Bucket(bucket) => Ok(Draft::Bucket(bucket.create(key))),
        }
    }

    /// Reads a part of a file.
    pub async fn read(&self, key: Key, range: Range<u64>) -> io::Result<Pieces> {
        match self {
            Self::Folder(folder) => folder.read(key, range).await,
            #[cfg(feature = "s3")]
            Self::Bucket(bucket) => bucket.read(key, range).await,
        }
    }

    /// Removes a file, if it is there.
    pub async fn remove(&self, key: Key) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.remove(key).await,
            #[cfg(feature = "s3")]
            Self::Bucket(bucket) => bucket.remove(key).await,
        }
    }

    /// Removes all files of an app.
    pub async fn remove_app(&self, app: AppId) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.remove_app(app).await,
            #[cfg(feature = "s3")]
            Self::Bucket(bucket) => bucket.remove_app(app).await,
        }
    }

    /// Lists the files that were finished before a moment, in milliseconds since 1970, and clears away what was begun
    /// before it and never finished.
    pub async fn list(&self, before: i64, finds: Finds) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.list(before, finds).await,
            #[cfg(feature = "s3")]
            Self::Bucket(bucket) => bucket.list(before, finds).await,
        }
    }
}

/// A file that is being written. Dropped before it is finished, it leaves nothing behind.
pub enum Draft {
    /// In a folder.
    Folder(folder::Draft),
    /// In a bucket.
    #[cfg(feature = "s3")]
    Bucket(bucket::Draft),
}

impl Draft {
    /// Adds bytes at the end.
    pub async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        match self {
            Self::Folder(draft) => draft.write(piece).await,
            #[cfg(feature = "s3")]
            Self::Bucket(draft) => draft.write(piece).await,
        }
    }

    /// Puts the file in its place, durably.
    pub async fn finish(self) -> io::Result<()> {
        match self {
            Self::Folder(draft) => draft.finish().await,
            #[cfg(feature = "s3")]
            Self::Bucket(draft) => draft.finish().await,
        }
    }
}
