//! A thread with a connection: takes jobs, runs them, answers them, and reconnects when it has to.

use super::{
    connect::{Failure, Target, words},
    connection::{Connection, Mode, NotCommitted},
    crew::{Crew, Role},
    group::{self, Apart},
    lane::Lane,
    turns::{Turn, Turns},
};
use crate::{
    Error, Tx, id,
    job::{Job, Verdict},
    stats::Counters,
};
use std::{
    collections::HashSet,
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};
use tokio::runtime::{Builder, Runtime};

/// How many waiting writes may share a commit.
const GROUP: usize = 128;
/// For how long a job is tried before its caller hears of contention.
const CONTENTION: Duration = Duration::from_secs(5);
/// How long a job in hand waits for a server that restarts.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the threads share.
pub(super) struct Shared {
    pub(super) target: Target,
    pub(super) lane: Lane,
    pub(super) turns: Arc<Turns>,
    pub(super) counters: Arc<Counters>,
}

pub(super) struct Worker {
    crew: Arc<Crew>,
    shared: Arc<Shared>,
    runtime: Option<Rc<Runtime>>,
    connection: Option<Connection>,
    /// Whether the server was out of reach when last tried: then one try is enough to find out if it still is.
    down: bool,
    /// How many writes to take at a time: fewer after a group lost to others, more while all goes well.
    reach: usize,
    /// The kinds of reads known to need more than one statement.
    wide: HashSet<&'static str>,
}

/// How an attempt of a single job ended.
enum Attempt {
    Answer(Result<(), Error>),
    Committed(Turn),
    Again,
}

impl Attempt {
    /// Answers the job, in its turn. Gives it back if it has to go again.
    fn tell(self, job: Box<dyn Job>) -> Option<Box<dyn Job>> {
        match self {
            Self::Answer(outcome) => job.answer(outcome),
            Self::Committed(turn) => {
                turn.come();
                job.answer(Ok(()));
            }
            Self::Again => return Some(job),
        }
        None
    }
}

impl Worker {
    pub(super) fn new(crew: Arc<Crew>) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.inspect_err(|error| tracing::error!(%error, "a thread of the store cannot start"));
        let shared = Arc::clone(&crew.shared);
        Self {
            crew,
            shared,
            runtime: runtime.ok().map(Rc::new),
            connection: None,
            down: false,
            reach: GROUP,
            wide: HashSet::new(),
        }
    }

    /// Serves until there is nothing to do for long, or never will be again.
    pub(super) fn serve(mut self) {
        let Some(runtime) = self.runtime.clone() else {
            // Somebody must tell the callers.
            while let Some(job) = self.crew.take() {
                job.answer(Err(Error::Unavailable("a thread of the store cannot start".into())));
            }
            return self.crew.leave();
        };
        if !self.ready() {
            return self.crew.leave();
        }
        let bell = Arc::default();
        loop {
            match self.crew.take() {
                Some(job) => self.handle(job),
                // The connection is driven while we wait, so that we notice when it breaks.
                None if runtime.block_on(self.crew.rest(&bell)) => {}
                None => break,
            }
        }
        self.disconnect();
    }

    fn handle(&mut self, job: Box<dyn Job>) {
        match self.crew.role {
            Role::Read => self.read(job),
            Role::Write => {
                self.write(job);
                self.drain_lane();
            }
        }
    }

    /// Whether to take jobs. Who gets no connection leaves them to those of the crew who have one; if nobody has one,
    /// somebody must tell the callers.
    fn ready(&mut self) -> bool {
        let Err(error) = self.connect_once() else { return true };
        if self.crew.is_over() || self.crew.connected.load(Relaxed) == 0 {
            return true;
        }
        tracing::warn!(%error, "one connection more to PostgreSQL could not be opened");
        // Nobody is called in our place meanwhile.
        std::thread::sleep(Duration::from_millis(250));
        false
    }

    fn is_connected(&mut self) -> bool {
        let alive = self.connection.as_ref().is_some_and(Connection::is_alive);
        if !alive {
            self.disconnect();
        }
        alive
    }

    fn disconnect(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.crew.connected.fetch_sub(1, Relaxed);
            connection.close();
        }
    }

    fn connect_once(&mut self) -> Result<(), Error> {
        let Some(runtime) = &self.runtime else { return Err(Error::closed()) };
        match Connection::open(runtime, &self.shared.target) {
            Ok(connection) => {
                self.connection = Some(connection);
                self.crew.connected.fetch_add(1, Relaxed);
                self.down = false;
                Ok(())
            }
            Err(error) => Err(Error::Unavailable(format!("cannot connect to PostgreSQL: {}", words(&error)))),
        }
    }

    /// A connection for a job in hand, waiting a little for a server that restarts.
    fn connection(&mut self) -> Result<&Connection, Error> {
        let since = Instant::now();
        let mut pause = Duration::from_millis(25);
        while !self.is_connected() {
            if let Err(error) = self.connect_once() {
                if self.down || since.elapsed() > PATIENCE {
                    self.down = true;
                    return Err(error);
                }
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(500));
            }
        }
        self.connection.as_ref().ok_or_else(Error::closed)
    }

    fn read(&mut self, mut job: Box<dyn Job>) {
        let since = Instant::now();
        while since.elapsed() < CONTENTION {
            let mode = if self.wide.contains(job.kind()) { Mode::Snapshot } else { Mode::Single };
            let connection = match self.connection() {
                Ok(connection) => connection,
                Err(error) => return job.answer(Err(error)),
            };
            connection.start(mode);
            let verdict = job.run(&mut Tx::new(connection));
            if connection.outgrown() {
                connection.abandon();
                self.wide.insert(job.kind());
                continue;
            }
            let contended = verdict == Verdict::Contended || failed_with_contention(connection);
            if !contended && !connection.lost() {
                job.answer(Ok(()));
                return connection.abandon();
            }
            connection.abandon();
            self.shared.counters.retried();
        }
        job.answer(Err(Error::Contention));
    }

    /// Serves `first`, and as many of those waiting behind it as share a commit with it.
    fn write(&mut self, first: Box<dyn Job>) {
        let mut group: Vec<_> = std::iter::once(first).chain(self.crew.take_up_to(self.reach - 1)).collect();
        let together = if group.len() == 1 { None } else { self.commit_together(&mut group) };
        match together {
            Some(outcome) => {
                self.reach = GROUP.min(self.reach + 1);
                let (turn, outcome) = outcome.map_or_else(|error| (None, Err(error)), |turn| (Some(turn), Ok(())));
                turn.iter().for_each(Turn::come);
                for job in group {
                    job.answer(outcome.clone());
                }
            }
            None => {
                let alone = group.len() == 1;
                let clean = group.into_iter().map(|job| self.write_alone(job)).fold(true, |all, one| all & one);
                self.reach = if alone && clean { GROUP.min(self.reach + 1) } else { (self.reach / 2).max(1) };
            }
        }
    }

    /// Runs all jobs in one transaction. `None` when each has to go alone.
    fn commit_together(&mut self, jobs: &mut [Box<dyn Job>]) -> Option<Result<Turn, Error>> {
        let turns = Arc::clone(&self.shared.turns);
        let connection = match self.connection() {
            Ok(connection) => connection,
            Err(error) => return Some(Err(error)),
        };
        match group::commit(connection, jobs, &turns) {
            Ok(turn) => {
                self.shared.counters.committed(jobs.len());
                Some(Ok(turn))
            }
            Err(Apart::Each) => None,
            Err(Apart::Unknown(why)) => Some(Err(unknown(&why))),
        }
    }

    /// Runs a job in a transaction of its own; false when it lost to others and has to go again.
    fn write_alone(&mut self, mut job: Box<dyn Job>) -> bool {
        let again = self.attempt(&mut *job).tell(job);
        let clean = again.is_none();
        again.into_iter().for_each(|job| self.shared.lane.join(job));
        clean
    }

    /// Serves those who lost, if no other thread is doing so.
    fn drain_lane(&mut self) {
        let shared = Arc::clone(&self.shared);
        shared.lane.drain(|mut job| {
            let since = Instant::now();
            for n in 0.. {
                if since.elapsed() > CONTENTION {
                    break;
                }
                if n > 0 {
                    std::thread::sleep(backoff(n));
                }
                self.shared.counters.retried();
                match self.attempt(&mut *job).tell(job) {
                    Some(again) => job = again,
                    None => return,
                }
            }
            job.answer(Err(Error::Contention));
        });
    }

    /// Runs the job in a transaction of its own, once.
    fn attempt(&mut self, job: &mut dyn Job) -> Attempt {
        let turns = Arc::clone(&self.shared.turns);
        let connection = match self.connection() {
            Ok(connection) => connection,
            Err(error) => return Attempt::Answer(Err(error)),
        };
        connection.start(Mode::Serial);
        let verdict = job.run(&mut Tx::new(connection));
        let again = verdict == Verdict::Contended || connection.lost() || failed_with_contention(connection);
        if again || verdict == Verdict::Rollback && (connection.wrote() || connection.failure().is_some()) {
            connection.abandon();
            return if again { Attempt::Again } else { Attempt::Answer(Ok(())) };
        }
        // A refusal that wrote nothing commits too: what it read counts only once the server says it was serial.
        let turn = turns.take();
        match connection.commit() {
            Ok(()) => {
                self.shared.counters.committed(1);
                Attempt::Committed(turn)
            }
            Err(NotCommitted::RolledBack(Failure::Refused(Error::Contention) | Failure::Lost(_))) => Attempt::Again,
            Err(NotCommitted::RolledBack(Failure::Refused(error))) => Attempt::Answer(Err(error)),
            Err(NotCommitted::Unknown(why)) => Attempt::Answer(Err(unknown(&why))),
        }
    }
}

fn failed_with_contention(connection: &Connection) -> bool {
    matches!(connection.failure(), Some(Failure::Refused(Error::Contention)))
}

fn unknown(why: &str) -> Error {
    Error::Engine(format!("the connection to PostgreSQL broke during COMMIT, so its outcome is not known: {why}"))
}

/// Between nothing and twice 2, 4, 8, … milliseconds, up to a cap: those who collided once should not do so again.
fn backoff(n: u32) -> Duration {
    let [dice] = id::random::<1>();
    Duration::from_micros((1_000u64 << n.min(6)) * u64::from(dice) / 128)
}
