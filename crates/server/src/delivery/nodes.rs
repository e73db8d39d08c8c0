//! Which servers deliver from one database. Only a server that is alone may hand over in memory what it has committed:
//! it alone knows that nothing of the same conversation is in other hands. So being alone is a lease, too: it is renewed
//! by looking, and a server that joins waits before its first request until every other has had to look again.

use super::{Shared, outbox};
use crate::{error::Result, state::State};
use heliograph_store::{Engine, Tx, args};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often a server says that it is there, and looks who else is.
const BEAT: Duration = Duration::from_secs(1);
/// For how long a server that saw nobody else believes that it is alone.
const BELIEVED: Duration = Duration::from_secs(2);
/// How long a server that is not alone waits before its first request: as long as others may believe that they are, and
/// until what they began meanwhile is committed.
const JOINING: Duration = Duration::from_millis(2500);
/// A server that was silent for so long is dead: what it had in hand is free.
const SILENT: Duration = Duration::from_secs(10);

/// Whether this server is surely the only one.
pub struct Alone {
    since: Instant,
    /// Milliseconds after `since` until which it is.
    until: AtomicU64,
}

impl Alone {
    /// On SQLite always, on PostgreSQL when it has looked.
    pub fn on(engine: Engine) -> Self {
        let until = match engine {
            Engine::Sqlite => u64::MAX,
            Engine::Postgres => 0,
        };
        Self { since: Instant::now(), until: AtomicU64::new(until) }
    }

    /// Whether it is.
    pub fn is_sure(&self) -> bool {
        let until = self.until.load(Ordering::Acquire);
        until == u64::MAX || self.since.elapsed().as_millis() < u128::from(until)
    }

    /// Nobody else was there when somebody began to look.
    fn believe(&self, looked: Instant) {
        let until = (looked + BELIEVED).duration_since(self.since).as_millis();
        self.until.store(u64::try_from(until).unwrap_or(0), Ordering::Release);
    }
}

/// Makes this server known to the others and, if there are any, waits until they know.
pub async fn join(state: &State, shared: &Shared) -> Result<()> {
    let looked = Instant::now();
    let node = shared.node.clone();
    let others = state.store.write(move |tx| beat(tx, &node)).await?;
    if others.is_empty() {
        shared.alone.believe(looked);
    } else {
        tokio::time::sleep(JOINING).await;
    }
    Ok(())
}

/// Says that this server is there, and frees what dead ones had in hand, until it is told to stop.
pub async fn run(state: State, shared: Arc<Shared>, stop: CancellationToken) {
    if state.store.engine() == Engine::Sqlite {
        return;
    }
    // Told by our own clock alone: those of other machines may differ.
    let mut heard: HashMap<String, (i64, Instant)> = HashMap::new();
    loop {
        // A database that does not answer must not hold up the end.
        let beat = async {
            if let Err(error) = look(&state, &shared, &mut heard).await {
                tracing::warn!(%error, "could not look for other servers on this database; looking again");
            }
            tokio::time::sleep(BEAT).await;
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = beat => {}
        }
    }
}

async fn look(state: &State, shared: &Arc<Shared>, heard: &mut HashMap<String, (i64, Instant)>) -> Result<()> {
    let looked = Instant::now();
    let was_alone = shared.alone.is_sure();
    let node = shared.node.clone();
    let mut others = state.store.write(move |tx| beat(tx, &node)).await?;
    heard.retain(|id, _| others.contains_key(id));
    for (id, seen_at) in &others {
        let said = heard.entry(id.clone()).or_insert((*seen_at, looked));
        if said.0 != *seen_at {
            *said = (*seen_at, looked);
        }
    }
    let dead = heard.iter().filter(|(_, (_, at))| looked.duration_since(*at) >= SILENT);
    for id in dead.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
        tracing::warn!(node = id, "a server is silent; its deliveries are taken over");
        let gone = id.clone();
        state.store.write(move |tx| leave(tx, &gone)).await?;
        heard.remove(&id);
        others.remove(&id);
    }
    if others.is_empty() {
        if !was_alone {
            // What others have left in the store goes first.
            shared.note_waiting(state).await?;
        }
        shared.alone.believe(looked);
    }
    Ok(())
}

/// Says that this server is there. Answers the others, and when each last said so.
fn beat(tx: &mut Tx<'_>, node: &str) -> Result<HashMap<String, i64>> {
    tx.execute(
        "INSERT INTO server_node (id, seen_at) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET seen_at = $2",
        args![node, tx.now()],
    )?;
    let mut rows = tx.query("SELECT id, seen_at FROM server_node WHERE id <> $1", args![node])?;
    rows.iter_mut().map(|row| Ok((row.take_text(0)?, row.int(1)?))).collect()
}

/// Forgets a server, and gives back what it had in hand.
pub fn leave(tx: &mut Tx<'_>, node: &str) -> Result<()> {
    tx.execute("DELETE FROM server_node WHERE id = $1", args![node])?;
    outbox::release(tx, Some(node))
}
