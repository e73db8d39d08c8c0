//! Master keys: where they come from, the first words with a database (made with this key, or new), and rotation.
//!
//! A source holds one key, or several, the newest first. Which of them sealed a data key stands in the data key's row, so
//! that during a rotation servers work with both. The server's own data key is sealed anew first: from then on whoever
//! makes an app takes the new master key, and a server that does not know it reads its source again.

use crate::{
    admin,
    audit::{self, Change},
    error::{Error, Result},
    settings::{Settings, StartError},
    vault::{Vault, Wrapping},
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use heliograph_store::{Store, Tx, args};
use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// How many data keys one transaction seals anew.
const BATCH: i64 = 100;
/// How long a command may take to print the keys.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where master keys come from.
#[derive(Clone)]
pub enum Source {
    /// A file, made at the first start.
    File(PathBuf),
    /// A setting.
    Text(Zeroizing<String>),
    /// What this command prints.
    Command(String),
}

/// A key of 32 bytes.
type Key = Zeroizing<[u8; 32]>;

impl Source {
    /// The keys, newest first; none if the file is not there.
    pub fn read(&self) -> Result<Vec<Key>, StartError> {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::Command(command) => run(command)?,
            Self::File(path) => match fs::read_to_string(path) {
                Ok(text) => Zeroizing::new(text),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                Err(error) => return Err(StartError::File { path: path.clone(), error }),
            },
        };
        let keys: Option<Vec<Key>> = text.split_whitespace().map(parse).collect();
        let wrong = || self.refused("it should hold 32 bytes in base64, or several such keys, the newest first");
        keys.filter(|keys| !keys.is_empty()).ok_or_else(wrong)
    }

    /// What is wrong with it, in words that name it but not what it holds.
    fn refused(&self, why: &'static str) -> StartError {
        let path = match self {
            Self::File(path) => path.clone(),
            Self::Text(_) => PathBuf::from("of the environment"),
            Self::Command(_) => PathBuf::from("of the command"),
        };
        StartError::MasterKey { path, why }
    }

    /// Makes a key at the first place of the file, if this is one.
    fn add(&self) -> Result<(), StartError> {
        let Self::File(path) = self else {
            return Err(self.refused("put a new key before the old one first, for every server"));
        };
        let failed = |error| StartError::File { path: path.clone(), error };
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut()).map_err(|error| failed(io::Error::other(error)))?;
        let mut keys = vec![key];
        keys.extend(self.read()?);
        replace(path, &keys).map_err(failed)
    }
}

fn parse(text: &str) -> Option<Key> {
    let mut key = Zeroizing::new([0; 32]);
    matches!(BASE64.decode_slice(text, key.as_mut()), Ok(32)).then_some(key)
}

/// What a command prints. What it says of errors goes where ours do.
fn run(command: &str) -> Result<Zeroizing<String>, StartError> {
    let failed = |why: String| StartError::Setting(format!("the command for the master key {why}"));
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("did not start: {error}")))?;
    let since = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|error| failed(error.to_string()))? {
            Some(status) => break status,
            None if since.elapsed() < PATIENCE => sleep(Duration::from_millis(10)),
            None => {
                // It is given up either way.
                let _ = child.kill().and_then(|()| child.wait());
                return Err(failed(format!("took more than {} seconds", PATIENCE.as_secs())));
            }
        }
    };
    let mut text = Zeroizing::new(String::new());
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
    }
    if status.success() { Ok(text) } else { Err(failed(format!("failed: {status}"))) }
}

/// Puts a file of keys in the place of another at once: a server that reads it sees the one or the other. It is its
/// owner's as before, whoever runs this, so that the server can still read it; what a link leads to is replaced, not the
/// link.
fn replace(path: &Path, keys: &[Key]) -> io::Result<()> {
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = path.file_name().unwrap_or("master.key".as_ref()).to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let _ = fs::remove_file(&beside);
    write(&beside, keys)?;
    let placed = as_before(path, &beside).and_then(|()| fs::rename(&beside, path));
    if placed.is_err() {
        let _ = fs::remove_file(&beside);
    }
    placed?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

/// Gives a file to whom the one that it replaces belongs, if there is one.
fn as_before(replaced: &Path, file: &Path) -> io::Result<()> {
    let before = match fs::metadata(replaced) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        before => before?,
    };
    let made = fs::metadata(file)?;
    let owner = Some(before.uid()).filter(|owner| *owner != made.uid());
    // Whose group it is matters where the group may do something.
    let group = Some(before.gid()).filter(|group| *group != made.gid() && before.mode() & 0o070 != 0);
    let (uid, gid) = (before.uid(), before.gid());
    let refused = |error: io::Error| {
        io::Error::new(error.kind(), format!("it belongs to {uid}:{gid}, and is to go on doing so: {error}"))
    };
    if owner.or(group).is_some() {
        chown(file, owner, group).map_err(refused)?;
    }
    fs::set_permissions(file, before.permissions())
}

fn write(path: &Path, keys: &[Key]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    for key in keys {
        let text = Zeroizing::new(BASE64.encode(**key));
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
    }
    file.sync_all()
}

/// Opens the vault of a database. For a new one the key is made if its file is not there; a known one needs its own.
pub async fn open_vault(store: &Store, source: Source) -> Result<Vault, StartError> {
    let known = store.read(|tx| -> Result<bool> { Ok(wrapped(tx)?.is_some()) }).await?;
    if let Source::File(path) = &source
        && source.read()?.is_empty()
    {
        if known {
            return Err(source.refused("the file is not there, but the database was made with a master key"));
        }
        source.add().map_err(|error| match error {
            StartError::MasterKey { why, .. } => StartError::MasterKey { path: path.clone(), why },
            other => other,
        })?;
    }
    let vault = Arc::new(Vault::new(source.clone())?);
    let maker = Arc::clone(&vault);
    // Two nodes may meet a new database at once: one makes it, the other finds it made.
    store.write(move |tx| if wrapped(tx)?.is_some() { Ok::<_, Error>(()) } else { maker.create(tx, "") }).await?;
    let opener = Arc::clone(&vault);
    let opened = store.read(move |tx| -> Result<bool> { Ok(opener.opens(tx, "")) }).await?;
    if !opened {
        return Err(source.refused("it is not the one the database was made with"));
    }
    match Arc::into_inner(vault) {
        Some(vault) => Ok(vault),
        None => Vault::new(source),
    }
}

// ---- For the command line

/// A master key and what it is used for.
pub struct Usage {
    /// Its id, which tells nothing of it.
    pub id: String,
    /// Whether new data keys are sealed under it.
    pub in_use: bool,
    /// How many data keys are sealed under it.
    pub data_keys: i64,
}

/// The master keys of the source, newest first.
pub async fn status(settings: &Settings) -> Result<Vec<Usage>, StartError> {
    let (store, vault) = admin::open(settings).await?;
    let usage = store.read(move |tx| usage(tx, &vault)).await;
    store.close();
    Ok(usage?)
}

/// Seals all data keys under a new master key, while servers go on, and answers its id. One that was broken off goes on
/// where it was.
pub async fn rotate(settings: &Settings) -> Result<String, StartError> {
    let (store, vault) = admin::open(settings).await?;
    let hand = Arc::clone(&vault);
    let finished = store.read(move |tx| -> Result<bool> { Ok(old(tx, &hand.newest())?.is_empty()) }).await?;
    if finished {
        settings.master_key_source().add()?;
        vault.reload()?;
    }
    loop {
        let hand = Arc::clone(&vault);
        let done = store.write(move |tx| rewrap_some(tx, &hand)).await?;
        if done {
            break;
        }
    }
    store.close();
    Ok(vault.newest().id)
}

/// Takes master keys that nothing is sealed under out of the file, and answers their ids.
pub async fn prune(settings: &Settings) -> Result<Vec<String>, StartError> {
    let source = settings.master_key_source();
    let Source::File(path) = &source else {
        return Err(source.refused("what is not in a file is taken out by whoever put it in"));
    };
    let usage = status(settings).await?;
    let unused = |id: &str| usage.iter().any(|one| one.id == id && one.data_keys == 0 && !one.in_use);
    let keys: Vec<Key> = source.read()?.into_iter().filter(|key| !unused(&Wrapping::new(key).id)).collect();
    let gone: Vec<String> = usage.iter().filter(|one| unused(&one.id)).map(|one| one.id.clone()).collect();
    replace(path, &keys).map_err(|error| StartError::File { path: path.clone(), error })?;
    let (store, vault) = admin::open(settings).await?;
    let told = gone.clone();
    let tell = move |tx: &mut Tx<'_>| -> Result<()> {
        told.iter().try_for_each(|id| {
            let subject = Some(id.clone());
            audit::by_operator(tx, &vault, Change { operation: "master-key prune", subject, ..Change::default() })
        })
    };
    store.write(tell).await?;
    store.close();
    Ok(gone)
}

// ---- Rules

/// Answers whether nothing is left to do.
fn rewrap_some(tx: &mut Tx<'_>, vault: &Vault) -> Result<bool> {
    let newest = vault.newest();
    let apps = old(tx, &newest)?;
    // The server's own comes first: what is made from now on is made under the new key.
    if apps.first().is_some_and(String::is_empty) {
        let subject = Some(newest.id.clone());
        audit::by_operator(tx, vault, Change { operation: "master-key rotate", subject, ..Change::default() })?;
    }
    for app in &apps {
        vault.rewrap(tx, app, &newest)?;
    }
    Ok(apps.is_empty())
}

fn usage(tx: &Tx<'_>, vault: &Vault) -> Result<Vec<Usage>> {
    let in_use = wrapped(tx)?.unwrap_or_default();
    let one = |id: String| {
        let rows = tx.query("SELECT COUNT(*) FROM data_key WHERE wrapped LIKE $1", args![&format!("{id}.%")])?;
        let data_keys = rows.first().map_or(Ok(0), |row| row.int(0))?;
        Ok(Usage { in_use: in_use.starts_with(&id), id, data_keys })
    };
    vault.master_ids().into_iter().map(one).collect()
}

// ---- Rows

/// The server's own data key, sealed.
fn wrapped(tx: &Tx<'_>) -> Result<Option<String>> {
    let rows = tx.query("SELECT wrapped FROM data_key WHERE app_id = $1", args![""])?;
    Ok(rows.first().map(|row| row.text(0).map(str::to_owned)).transpose()?)
}

/// Some apps whose data keys are not sealed under this key.
fn old(tx: &Tx<'_>, newest: &Wrapping) -> Result<Vec<String>> {
    let rows = tx.query(
        "SELECT app_id FROM data_key WHERE wrapped NOT LIKE $1 ORDER BY app_id LIMIT $2",
        args![&format!("{}.%", newest.id), BATCH],
    )?;
    rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
}
