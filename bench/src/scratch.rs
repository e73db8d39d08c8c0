//! What a run may fill: a folder beside this program, and databases on the server that was named. All go with it.

use crate::Outcome;
use std::{fs, path::PathBuf, sync::Mutex};
use tokio_postgres::{Client, NoTls};

/// A folder and some databases.
pub struct Scratch {
    /// The folder.
    pub folder: PathBuf,
    postgres: Option<String>,
    databases: Mutex<Vec<String>>,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("{} is left behind: {error}", self.folder.display());
        }
    }
}

impl Scratch {
    /// An empty folder; databases are made on this server.
    pub fn new(postgres: Option<String>) -> Outcome<Self> {
        // Beside the binary is a disk, where the system's folder for such things may be memory.
        let folder = std::env::current_exe()?.with_file_name(format!("bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, postgres, databases: Mutex::default() })
    }

    /// Makes an empty database.
    pub async fn database(&self, what: &str) -> Outcome<String> {
        let name = format!("heliograph_bench_{}_{what}", std::process::id());
        self.command(&format!("CREATE DATABASE {name}")).await?;
        let url = self.postgres.as_deref().unwrap_or_default();
        let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
        // What follows the last slash is a database's name, unless that slash belongs to the ://.
        let server = match address.rsplit_once('/') {
            Some((server, _)) if !server.ends_with('/') => server,
            _ => address,
        };
        let url = format!("{server}/{name}{}", query.map(|query| format!("?{query}")).unwrap_or_default());
        self.databases.lock().map_err(|_| "a panic")?.push(name);
        Ok(url)
    }

    /// Drops the databases.
    pub async fn clean(&self) -> Outcome<()> {
        let names = std::mem::take(&mut *self.databases.lock().map_err(|_| "a panic")?);
        for name in names {
            self.command(&format!("DROP DATABASE {name} WITH (FORCE)")).await?;
        }
        Ok(())
    }

    async fn command(&self, sql: &str) -> Outcome<()> {
        let url = self.postgres.as_deref().ok_or("no PostgreSQL server was named")?;
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let connection = tokio::spawn(connection);
        let outcome = client.batch_execute(sql).await;
        drop(client);
        connection.await??;
        Ok(outcome?)
    }
}

/// A connection to a database, for as long as the client is held.
pub async fn connect(url: &str) -> Outcome<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
