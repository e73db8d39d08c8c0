//! Which servers deliver from one database. Only a server that is alone may hand over in memory what it has committed:
//! it alone knows that nothing of the same conversation is in other hands. So it asks whether it is, in the transaction
//! that writes the delivery down. Transactions are serial: either this one comes before another server joined, and then
//! that one finds what was written, or it finds that server. Nobody has to wait for anybody.

use super::{Shared, outbox};
use crate::{error::Result, state::State};
use heliograph_store::{Engine, Tx, args};
use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often a server says that it is there, and looks who else is.
const BEAT: Duration = Duration::from_secs(1);
/// A server that was silent for so long is dead: what it had in hand is free.
const SILENT: Duration = Duration::from_secs(10);
/// As much of the time between two looks counts as silence. If they are further apart the database was away, and nobody could
/// say anything.
const HEARING: Duration = Duration::from_secs(3);

/// Whether this server is the only one.
pub struct Alone {
    engine: Engine,
    /// Whether it was when it last looked. While it was not, nothing is handed over, whoever has left since.
    lately: AtomicBool,
}

const OTHERS: &str = "SELECT id FROM server_node WHERE id <> $1 LIMIT 1";

impl Alone {
    /// On SQLite always, on PostgreSQL when it has looked.
    pub fn on(engine: Engine) -> Self {
        Self { engine, lately: AtomicBool::new(engine == Engine::Sqlite) }
    }

    /// Whether it is, for as long as this transaction lasts.
    pub fn is_sure(&self, tx: &Tx<'_>, node: &str) -> Result<bool> {
        let lately = self.lately.load(SeqCst);
        Ok(lately && (self.engine == Engine::Sqlite || tx.query(OTHERS, args![node])?.is_empty()))
    }

    /// Says that this transaction will ask that.
    pub fn expect(&self, tx: &Tx<'_>, node: &str) {
        if self.engine == Engine::Postgres {
            tx.expect(OTHERS, args![node]);
        }
    }
}

/// Makes this server known to the others.
pub async fn join(state: State, shared: &Shared) -> Result<()> {
    let node = shared.node.clone();
    let others = state.store.write(move |tx| beat(tx, &node)).await?;
    shared.alone.lately.store(others.is_empty(), SeqCst);
    Ok(())
}

/// Says that this server is there, and frees what dead ones had in hand, until it is told to stop.
pub async fn run(state: State, shared: &'static Shared, stop: CancellationToken) {
    if state.store.engine() == Engine::Sqlite {
        return;
    }
    let mut heard = Heard::default();
    loop {
        // A database that does not answer must not hold up the end.
        let beat = async {
            if let Err(error) = look(state, shared, &mut heard).await {
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

/// What was heard of others: what each last said, and for how long it has said nothing new. Told by our own clock alone: those
/// of other machines may differ.
#[derive(Default)]
struct Heard {
    looked: Option<Instant>,
    others: HashMap<String, (i64, Duration)>,
}

impl Heard {
    /// Takes what a look at `now` has found, and tells who is dead.
    fn note(&mut self, others: &HashMap<String, i64>, now: Instant) -> Vec<String> {
        let heard = self.looked.replace(now).map_or(Duration::ZERO, |last| now.duration_since(last).min(HEARING));
        self.others.retain(|id, _| others.contains_key(id));
        for (id, seen_at) in others {
            match self.others.get_mut(id) {
                Some((said, silence)) if said == seen_at => *silence += heard,
                _ => _ = self.others.insert(id.clone(), (*seen_at, Duration::ZERO)),
            }
        }
        let silent = self.others.iter().filter(|(_, (_, silence))| *silence >= SILENT);
        silent.map(|(id, _)| id.clone()).collect()
    }
}

async fn look(state: State, shared: &Shared, heard: &mut Heard) -> Result<()> {
    let was_alone = shared.alone.lately.load(SeqCst);
    let node = shared.node.clone();
    let mut others = state.store.write(move |tx| beat(tx, &node)).await?;
    for id in heard.note(&others, Instant::now()) {
        tracing::warn!(node = id, "a server is silent; its deliveries are taken over");
        let gone = id.clone();
        state.store.write(move |tx| leave(tx, &gone)).await?;
        others.remove(&id);
    }
    if others.is_empty() && !was_alone {
        // What others have left in the store goes first.
        shared.note_waiting(state).await?;
    }
    shared.alone.lately.store(others.is_empty(), SeqCst);
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

/// Gives back what this server has in hand, at its end. While anything waits, it is still counted as there until it has
/// been silent for long: another server may not have seen it at all, and should send what waits before what is new.
pub fn retire(tx: &mut Tx<'_>, node: &str) -> Result<()> {
    outbox::release(tx, Some(node))?;
    tx.execute(
        "DELETE FROM server_node WHERE id = $1 AND NOT EXISTS (SELECT id FROM delivery WHERE due_at IS NOT NULL)",
        args![node],
    )?;
    Ok(())
}

/// Forgets a server, and gives back what it had in hand.
fn leave(tx: &mut Tx<'_>, node: &str) -> Result<()> {
    tx.execute("DELETE FROM server_node WHERE id = $1", args![node])?;
    outbox::release(tx, Some(node))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn others(seen_at: i64) -> HashMap<String, i64> {
        HashMap::from([("other".to_owned(), seen_at)])
    }

    #[test]
    fn who_says_nothing_new_for_long_is_dead() {
        let (mut heard, start) = (Heard::default(), Instant::now());
        let mut at = |seconds, seen_at| heard.note(&others(seen_at), start + Duration::from_secs(seconds));
        for second in 0..20 {
            assert!(at(second, second as i64).is_empty());
        }
        for second in 20..29 {
            assert!(at(second, 19).is_empty());
        }
        assert_eq!(at(29, 19), ["other"]);
    }

    /// Whoever comes back first would take the others for dead, who could not say anything either.
    #[test]
    fn nobody_is_dead_for_what_nobody_could_hear() {
        let (mut heard, start) = (Heard::default(), Instant::now());
        let mut at = |seconds, seen_at| heard.note(&others(seen_at), start + Duration::from_secs(seconds));
        for second in [0, 1, 2, 60, 61, 62, 63, 64] {
            assert!(at(second, 0).is_empty());
        }
        assert_eq!(at(65, 0), ["other"]);
    }
}
