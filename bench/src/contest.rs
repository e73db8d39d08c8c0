//! Who is measured beside whom: everything that runs for one store, and one measurement of one rival on one path.

use crate::{
    Options, Outcome, Scratch, StoreKind,
    child::{self, Child, Server},
    http::Connection,
    load::{self, Measured, Requests, RoundTrips, Timing},
    peer::{self, Kind},
    prepare::Prepared,
    raw,
    sink::Sink,
};
use bytes::Bytes;
use clap::ValueEnum;
use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc, time::Instant};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Path {
    /// Fetch a user by id, with a token.
    Get,
    /// Create an integration's key.
    Key,
    /// Post a message that a webhook is told of; and how long until it was told of all.
    Post,
    /// List a conversation of 25 messages: again and again, and anew.
    List,
    /// From a message to its webhook, one at a time on each connection.
    Deliver,
    /// Start, memory, size.
    Start,
    /// The same with ten million messages; takes long, and is measured only if it is named.
    Growth,
}

/// A row of the result: posting and listing give two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Row {
    /// See [`Path`].
    Get,
    /// See [`Path`].
    Key,
    /// Messages taken in.
    Post,
    /// Messages taken in and told of, until the last one was.
    Sustained,
    /// The same conversations over and over.
    List,
    /// Listed under addresses that were not asked for lately.
    ListAnew,
    /// See [`Path`].
    Deliver,
}

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rival {
    /// The server.
    Heliograph,
    /// A bare handler.
    Axum,
    /// A handler that verifies a token.
    AxumJwt,
    /// The hot paths and nothing around them.
    Skeleton,
    /// The same rows without a server.
    Raw,
}

/// Who is measured on a path, and on which store.
pub fn rivals(path: Path, store: StoreKind) -> &'static [Rival] {
    use Rival::*;
    match (path, store) {
        (Path::Get, StoreKind::Sqlite) => &[Heliograph, AxumJwt, Axum],
        (Path::Get, StoreKind::Postgres) => &[Heliograph, AxumJwt],
        (Path::Key | Path::Post, StoreKind::Sqlite) => &[Heliograph, Skeleton, Raw],
        (Path::Key | Path::Post, StoreKind::Postgres) => &[Heliograph, Raw],
        (Path::List | Path::Deliver, StoreKind::Sqlite) => &[Heliograph, Skeleton],
        (Path::Deliver, StoreKind::Postgres) => &[Heliograph, Raw],
        (Path::List, StoreKind::Postgres) => &[Heliograph],
        (Path::Start | Path::Growth, _) => &[],
    }
}

/// Everything that runs for one store.
pub struct Contest {
    store: StoreKind,
    heliograph: Child,
    peers: Vec<(Rival, Child)>,
    prepared: Prepared,
    sink: Sink,
    folder: PathBuf,
    raw_database: Option<String>,
    connections: usize,
    timing: Timing,
}

impl Contest {
    /// Starts the server on an empty database, fills it, and starts the peers.
    pub async fn open(options: &Options, store: StoreKind, scratch: &Scratch) -> Outcome<Self> {
        let folder = scratch.folder.join(store.name());
        fs::create_dir_all(&folder)?;
        let (database_url, raw_database) = match store {
            StoreKind::Sqlite => (None, None),
            StoreKind::Postgres => (Some(scratch.database("server").await?), Some(scratch.database("raw").await?)),
        };
        let server = Server { binary: options.heliograph()?, folder: folder.clone(), database_url };
        let (heliograph, connections) = (server.start()?, options.connections);
        let sink = Sink::open(connections).await?;
        let prepared = Prepared::on(&server, &heliograph, &sink, connections).await?;
        let config = peer::Config {
            key_id: prepared.key.0.clone(),
            secret: prepared.key.1.clone(),
            user: prepared.user.clone(),
            conversations: prepared.conversations.clone(),
            sink: sink.address,
            folder: folder.clone(),
        };
        let mut peers = vec![(Rival::AxumJwt, Child::peer(Kind::AxumJwt, &config)?)];
        if store == StoreKind::Sqlite {
            peers.push((Rival::Axum, Child::peer(Kind::Axum, &config)?));
            let skeleton = Child::peer(Kind::Skeleton, &config)?;
            prepared.fill_listed(skeleton.address).await?;
            peers.push((Rival::Skeleton, skeleton));
        }
        let timing = options.timing();
        Ok(Self { store, heliograph, peers, prepared, sink, folder, raw_database, connections, timing })
    }

    /// Measures one rival on one path, once.
    pub async fn measure(&self, path: Path, rival: Rival) -> Outcome<Vec<(Row, Measured)>> {
        if rival == Rival::Raw && path == Path::Deliver {
            return Ok(vec![(Row::Deliver, self.raw_deliver().await?)]);
        }
        if rival == Rival::Raw {
            let (rows, row) =
                if path == Path::Key { (raw::Rows::Key, Row::Key) } else { (raw::Rows::Message, Row::Post) };
            return Ok(vec![(row, self.raw(rows).await?)]);
        }
        let child = self.child(rival)?;
        let around = |requests: &Arc<[Bytes]>| self.around(child.address, Arc::clone(requests));
        let drive = |loops| load::drive(loops, self.timing, Some(child.id()));
        Ok(match path {
            Path::Get => vec![(Row::Get, drive(around(&self.prepared.gets).await?).await?)],
            Path::List => vec![
                (Row::List, drive(around(&self.prepared.lists).await?).await?),
                (Row::ListAnew, drive(around(&self.prepared.lists_anew).await?).await?),
            ],
            Path::Key => {
                let loops = match rival {
                    Rival::Heliograph => self.fresh_keys(child.address).await?,
                    _ => around(&self.prepared.peer_key()).await?,
                };
                vec![(Row::Key, drive(loops).await?)]
            }
            Path::Post => self.post(child).await?,
            Path::Deliver => vec![(Row::Deliver, self.deliver(child).await?)],
            Path::Start | Path::Growth => Vec::new(),
        })
    }

    fn child(&self, rival: Rival) -> Outcome<&Child> {
        if rival == Rival::Heliograph {
            return Ok(&self.heliograph);
        }
        let found = self.peers.iter().find(|(name, _)| *name == rival);
        found.map(|(_, child)| child).ok_or_else(|| format!("{rival:?} does not run").into())
    }

    /// The raw loop that delivers, too, is there for PostgreSQL alone: on SQLite the skeleton does the same.
    async fn raw_deliver(&self) -> Outcome<Measured> {
        let url = self.raw_database.as_ref().ok_or("there is no database for the raw loop")?;
        raw::deliver::measure(url, &self.sink, self.connections, self.timing).await
    }

    async fn raw(&self, rows: raw::Rows) -> Outcome<Measured> {
        match (&self.raw_database, self.store) {
            (Some(url), StoreKind::Postgres) => raw::postgres::measure(url, rows, self.connections, self.timing).await,
            _ => raw::sqlite::measure(&self.folder, rows, self.connections, self.timing).await,
        }
    }

    /// Every connection goes round all requests, each beginning elsewhere.
    async fn around(&self, address: SocketAddr, requests: Arc<[Bytes]>) -> Outcome<Vec<Requests>> {
        let mut loops = Vec::with_capacity(self.connections);
        for n in 0..self.connections {
            let first = n * requests.len() / self.connections;
            loops.push(Requests::around(Connection::open(address).await?, Arc::clone(&requests), first));
        }
        Ok(loops)
    }

    /// An integration takes ten keys, so there are enough new ones, made before the clock runs.
    async fn fresh_keys(&self, address: SocketAddr) -> Outcome<Vec<Requests>> {
        const MORE_THAN_IT_MAKES_IN_A_SECOND: f64 = 25_000.0;
        let time = self.timing.warm + self.timing.counted;
        let count = (time.as_secs_f64() * MORE_THAN_IT_MAKES_IN_A_SECOND) as usize;
        let mut loops = Vec::with_capacity(self.connections);
        for requests in self.prepared.keys(address, count).await? {
            loops.push(Requests::once(Connection::open(address).await?, requests));
        }
        Ok(loops)
    }

    /// Posts, and waits until the webhook was told of everything.
    async fn post(&self, child: &Child) -> Outcome<Vec<(Row, Measured)>> {
        let loops = self.around(child.address, Arc::clone(&self.prepared.posts)).await?;
        let (arrived, began, cpu) = (self.sink.arrived(), Instant::now(), child::cpu(child.id())?);
        let posted = load::drive(loops, self.timing, Some(child.id())).await?;
        self.sink.wait_for(arrived + posted.steps).await?;
        let (elapsed, cpu) = (began.elapsed(), child::cpu(child.id())? - cpu);
        let each = |seconds: f64| seconds / posted.steps as f64;
        let sustained = Measured {
            rate: 1.0 / each(elapsed.as_secs_f64()),
            latency: None,
            cpu_us: Some(each(cpu.as_secs_f64()) * 1e6),
            steps: posted.steps,
            refused: posted.refused,
        };
        Ok(vec![(Row::Post, posted), (Row::Sustained, sustained)])
    }

    async fn deliver(&self, child: &Child) -> Outcome<Measured> {
        let mut loops = Vec::with_capacity(self.connections);
        for n in 0..self.connections {
            let connection = Connection::open(child.address).await?;
            let requests = Requests::around(connection, self.prepared.posts_of(n), 0);
            loops.push(RoundTrips { requests, slot: self.sink.slot(n) });
        }
        load::drive(loops, self.timing, Some(child.id())).await
    }
}
