//! What a database costs that has grown: posting, listing, memory and starting, with few messages and with very many.
//! The messages are written by SQL while no server runs; over HTTP it would take hours.

mod fill;

use crate::{
    Options, Outcome, Scratch, StoreKind,
    child::{self, Child, Server},
    http::Connection,
    load::{self, Measured, Requests},
    prepare::Prepared,
    sink::Sink,
    start,
};
use bytes::Bytes;
use std::{fs, sync::Arc};

/// How many messages there are when there are few, when the database has a gigabyte, and when there are many.
pub const FEW: u64 = 10_000;
const GIGABYTE: u64 = 1_700_000;
/// See above.
pub const MANY: u64 = 10_000_000;

/// What was found.
pub struct Growth {
    /// Where the server keeps its data.
    pub store: StoreKind,
    /// To the first answer on a database of this size.
    pub start_ms: f64,
    /// How large that was.
    pub start_mib: f64,
    /// Each round with few messages, and the same with many.
    pub post: Vec<[Measured; 2]>,
    /// Likewise.
    pub list: Vec<[Measured; 2]>,
    /// Resident memory after all that, with few and with many.
    pub memory_mib: [f64; 2],
}

/// One server and all it needs.
struct Side {
    server: Server,
    child: Option<Child>,
    prepared: Prepared,
    sink: Sink,
    filled: u64,
}

/// Two servers, one with few messages and one with many, take turns.
pub async fn measure(options: &Options, store: StoreKind, scratch: &Scratch) -> Outcome<Growth> {
    let mut few = Side::open(options, store, scratch, "few").await?;
    few.fill_up_to(FEW).await?;
    let mut many = Side::open(options, store, scratch, "many").await?;
    many.fill_up_to(GIGABYTE).await?;
    let (start_mib, start_ms) = (start::mib(fill::size(&many.server).await?), start::median(&many.server).await?);
    many.fill_up_to(MANY).await?;
    let (mut post, mut list) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        eprintln!("{}: growth, round {round}", store.title());
        post.push([few.post(options).await?, many.post(options).await?]);
        list.push([few.list(options).await?, many.list(options).await?]);
    }
    let memory_mib = [few.memory()?, many.memory()?];
    Ok(Growth { store, start_ms, start_mib, post, list, memory_mib })
}

impl Side {
    async fn open(options: &Options, store: StoreKind, scratch: &Scratch, name: &str) -> Outcome<Self> {
        let folder = scratch.folder.join(format!("{}-{name}", store.name()));
        fs::create_dir_all(&folder)?;
        let database_url = match store {
            StoreKind::Sqlite => None,
            StoreKind::Postgres => Some(scratch.database(name).await?),
        };
        let server = Server { binary: options.heliograph()?, folder, database_url };
        let child = server.start()?;
        let sink = Sink::open(options.connections).await?;
        let prepared = Prepared::on(&server, &child, &sink, options.connections).await?;
        child.stop()?;
        Ok(Self { server, child: None, prepared, sink, filled: 0 })
    }

    async fn fill_up_to(&mut self, count: u64) -> Outcome<()> {
        eprintln!("{}: writing messages, up to {count}", self.server.folder.display());
        let (app, conversations) = self.prepared.posted();
        fill::messages(&self.server, app, conversations, self.filled..count).await?;
        self.filled = count;
        Ok(())
    }

    /// The server, started when it is first wanted.
    fn running(&mut self) -> Outcome<&Child> {
        if self.child.is_none() {
            self.child = Some(self.server.start()?);
        }
        self.child.as_ref().ok_or_else(|| "no server".into())
    }

    async fn post(&mut self, options: &Options) -> Outcome<Measured> {
        let requests = Arc::clone(&self.prepared.posts);
        let before = self.sink.arrived();
        let measured = self.drive(options, requests).await?;
        // What is measured next should not share the cores with deliveries.
        self.sink.wait_for(before + measured.steps).await?;
        Ok(measured)
    }

    async fn list(&mut self, options: &Options) -> Outcome<Measured> {
        let requests = Arc::clone(&self.prepared.lists_anew);
        self.drive(options, requests).await
    }

    async fn drive(&mut self, options: &Options, requests: Arc<[Bytes]>) -> Outcome<Measured> {
        let child = self.running()?;
        let mut loops = Vec::with_capacity(options.connections);
        for n in 0..options.connections {
            let first = n * requests.len() / options.connections;
            loops.push(Requests::around(Connection::open(child.address).await?, Arc::clone(&requests), first));
        }
        load::drive(loops, options.timing(), Some(child.id())).await
    }

    fn memory(&mut self) -> Outcome<f64> {
        Ok(start::mib(child::memory(self.running()?.id())?))
    }
}
