//! Files in a folder: `<app>/<id>`. What is being written stands in `.incoming` until it is whole and on the disk.

use super::{Finds, Key, Pieces};
use crate::{serve::create_folder, settings::StartError};
use bytes::Bytes;
use futures_util::StreamExt;
use heliograph_wire::id::AppId;
use std::{
    fs,
    io::{self, ErrorKind, SeekFrom},
    ops::Range,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
    task::spawn_blocking,
};
use tokio_util::io::ReaderStream;

/// Where files are written.
const INCOMING: &str = ".incoming";
/// How much of a file is read or written at once.
const PIECE: usize = 128 * 1024;

/// A folder of files.
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Opens a folder, created when it is missing.
    pub fn open(root: PathBuf) -> Result<Self, StartError> {
        create_folder(&root.join(INCOMING))?;
        Ok(Self { root })
    }

    fn place(&self, key: Key) -> PathBuf {
        self.root.join(key.app.text().as_str()).join(key.id.to_string())
    }

    /// Begins a file.
    pub async fn create(&self, key: Key) -> io::Result<Draft> {
        let unfinished = Unfinished(self.root.join(INCOMING).join(format!("{}-{}", key.app, key.id)));
        let path = unfinished.0.clone();
        let file = spawn_blocking(move || fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path));
        let mut file = File::from_std(file.await??);
        file.set_max_buf_size(PIECE);
        Ok(Draft { file, unfinished, place: self.place(key) })
    }

    /// Reads a part of a file.
    pub async fn read(&self, key: Key, range: Range<u64>) -> io::Result<Pieces> {
        let mut file = File::open(self.place(key)).await?;
        if range.start > 0 {
            file.seek(SeekFrom::Start(range.start)).await?;
        }
        Ok(ReaderStream::with_capacity(file.take(range.end - range.start), PIECE).boxed())
    }

    /// Removes a file, if it is there.
    pub async fn remove(&self, key: Key) -> io::Result<()> {
        absent(tokio::fs::remove_file(self.place(key)).await)
    }

    /// Removes all files of an app.
    pub async fn remove_app(&self, app: AppId) -> io::Result<()> {
        absent(tokio::fs::remove_dir_all(self.root.join(app.text().as_str())).await)
    }

    /// Lists the files from before a moment, and clears away what was not finished since.
    pub async fn list(&self, before: i64, finds: Finds) -> io::Result<()> {
        let (root, before) = (self.root.clone(), UNIX_EPOCH + Duration::from_millis(before.try_into().unwrap_or(0)));
        let old = move |entry: &fs::DirEntry| entry.metadata().and_then(|m| m.modified()).is_ok_and(|at| at < before);
        spawn_blocking(move || {
            for entry in fs::read_dir(root.join(INCOMING))?.filter_map(Result::ok).filter(&old) {
                absent(fs::remove_file(entry.path()))?;
            }
            for folder in fs::read_dir(&root)? {
                let folder = folder?;
                let Some(app) = folder.file_name().to_str().and_then(|name| name.parse::<AppId>().ok()) else {
                    continue;
                };
                // An app may be deleted meanwhile.
                let entries = present(fs::read_dir(folder.path()))?.into_iter().flatten();
                for entry in entries.filter_map(Result::ok).filter(&old) {
                    let id = entry.file_name().to_str().and_then(|name| name.parse().ok());
                    if let Some(id) = id
                        && finds.blocking_send(Key { app, id }).is_err()
                    {
                        return Ok(());
                    }
                }
            }
            Ok(())
        })
        .await?
    }
}

/// Gone is gone, whoever did it.
fn absent(outcome: io::Result<()>) -> io::Result<()> {
    present(outcome).map(|_| ())
}

/// What is there; nothing of what is gone.
fn present<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        outcome => outcome.map(Some),
    }
}

/// A file that is being written.
pub struct Draft {
    file: File,
    unfinished: Unfinished,
    place: PathBuf,
}

/// Goes with its owner.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After it was put in its place there is nothing here; what cannot be removed now is, when the folder is swept.
        let _ = fs::remove_file(&self.0);
    }
}

impl Draft {
    /// Adds bytes at the end.
    pub async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        self.file.write_all(&piece).await
    }

    /// Puts the file in its place: its bytes are on the disk before its name is, and its name before this returns.
    pub async fn finish(mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        let (unfinished, place) = (self.unfinished, self.place);
        spawn_blocking(move || {
            let folder = place.parent().ok_or(ErrorKind::InvalidInput)?;
            if !folder.is_dir() {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
                sync(folder.parent().ok_or(ErrorKind::InvalidInput)?)?;
            }
            fs::rename(&unfinished.0, &place)?;
            sync(folder)
        })
        .await?
    }
}

/// A name is durable once its folder is.
fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt;
    use heliograph_wire::attachments::AttachmentId;

    fn folder() -> (Folder, PathBuf) {
        let root = std::env::temp_dir().join(format!("heliograph-blobs-{:?}", heliograph_store::fresh_id()));
        (Folder::open(root.clone()).unwrap(), root)
    }

    fn key(number: u8) -> Key {
        Key { app: AppId::new([number; 12]), id: AttachmentId::new(1, [number; 10]) }
    }

    async fn keys(folder: &Folder, before: i64) -> Vec<Key> {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(9);
        folder.list(before, sender).await.unwrap();
        let mut found = Vec::new();
        receiver.recv_many(&mut found, 9).await;
        found
    }

    #[tokio::test]
    async fn a_file_is_there_once_it_is_finished() {
        let (folder, root) = folder();
        let mut draft = folder.create(key(1)).await.unwrap();
        draft.write(Bytes::from_static(b"hello ")).await.unwrap();
        draft.write(Bytes::from_static(b"world")).await.unwrap();
        assert!(folder.read(key(1), 0..11).await.is_err());
        draft.finish().await.unwrap();
        let pieces: Vec<Bytes> = folder.read(key(1), 4..8).await.unwrap().try_collect().await.unwrap();
        assert_eq!(pieces.concat(), b"o wo");
        assert_eq!(keys(&folder, i64::MAX / 2).await, [key(1)]);
        assert!(keys(&folder, 1).await.is_empty(), "too young");
        folder.remove(key(1)).await.unwrap();
        folder.remove(key(1)).await.unwrap();
        assert!(keys(&folder, i64::MAX / 2).await.is_empty());
        fs::remove_dir_all(root).unwrap();
    }

    #[tokio::test]
    async fn an_app_that_goes_meanwhile_ends_no_list() {
        let (folder, root) = folder();
        for (app, id) in (1..4).flat_map(|app| (1..4).map(move |id| (app, id))) {
            folder.create(Key { id: key(id).id, ..key(app) }).await.unwrap().finish().await.unwrap();
        }
        // The list waits in the first app's folder while the others go.
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<Key>(1);
        let removing = async {
            let first = receiver.recv().await.unwrap().app;
            for other in [1, 2, 3].map(|app| key(app).app).into_iter().filter(|app| *app != first) {
                folder.remove_app(other).await.unwrap();
            }
            while let Some(found) = receiver.recv().await {
                assert_eq!(found.app, first);
            }
        };
        let (listed, ()) = tokio::join!(folder.list(i64::MAX / 2, sender), removing);
        listed.unwrap();
        fs::remove_dir_all(root).unwrap();
    }

    #[tokio::test]
    async fn what_is_not_finished_leaves_nothing() {
        let (folder, root) = folder();
        let mut draft = folder.create(key(1)).await.unwrap();
        draft.write(Bytes::from_static(b"half")).await.unwrap();
        drop(draft);
        assert_eq!(fs::read_dir(root.join(INCOMING)).unwrap().count(), 0);
        fs::write(root.join(INCOMING).join("of-a-server-that-was-killed"), "half").unwrap();
        assert!(keys(&folder, i64::MAX / 2).await.is_empty());
        assert_eq!(fs::read_dir(root.join(INCOMING)).unwrap().count(), 0);
        folder.remove_app(key(1).app).await.unwrap();
        fs::remove_dir_all(root).unwrap();
    }
}
