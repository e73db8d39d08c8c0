//! Where names lead. The system is asked, and whoever asks it holds a thread for as long as the name server is silent.
//! So look-ups take turns: names that answered soon last time have turns of their own, which those that keep the system
//! waiting cannot take from them. Of one name there is one look-up at a time, and whoever else wants to know waits for
//! that.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};

use crate::outbound::Failure;

/// How long a name server may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Within what time a name answers that is quick: those that take longer must not take the turns of those.
const QUICK: Duration = Duration::from_millis(500);
/// How long a look-up may wait for its turn, which is nobody's fault at its own end.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// Look-ups at once: of names that answered soon, of those of which nothing is known, and of those that were silent. Whoever is
/// given up on gives its turn away while its thread stays with the system, for 10 to 30 seconds as that is set up: that makes
/// some 300 threads at the very most, fewer than there may be.
const TURNS: [usize; 3] = [16, 8, 8];
/// Of how many names is kept how they did. Past it one of them is forgotten for each that is new.
const MAX_KNOWN: usize = 10_000;
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

type Found = Result<Arc<[IpAddr]>, Failure>;
type Asking = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// How the last look-up of a name went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Quick,
    Unknown,
    Silent,
}

/// Where a look-up is.
enum Stage {
    Waits,
    Asks,
    Over(Found),
}

/// Looks names up.
pub(crate) struct Names {
    ask: fn(String) -> Asking,
    quick: Duration,
    patience: Duration,
    turns: [Semaphore; 3],
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    under_way: HashMap<String, Arc<watch::Sender<Stage>>>,
    known: HashMap<String, Standing>,
}

impl Names {
    /// By the system's resolver.
    pub(crate) fn of_the_system() -> Arc<Self> {
        Self::new(|name| Box::pin(ask_the_system(name)), QUICK, PATIENCE)
    }

    fn new(ask: fn(String) -> Asking, quick: Duration, patience: Duration) -> Arc<Self> {
        Arc::new(Self { ask, quick, patience, turns: TURNS.map(Semaphore::new), book: Mutex::default() })
    }

    /// The addresses of a name. [`Failure::Resolve`] when there are none, or when the name server is silent;
    /// [`Failure::Timeout`] when nobody could be asked.
    pub(crate) async fn find(self: &Arc<Self>, name: &str) -> Found {
        let mut stage = self.join(name);
        let turn = timeout(TURN_TIMEOUT, stage.wait_for(|stage| !matches!(stage, Stage::Waits)));
        turn.await.map(drop).map_err(|_| Failure::Timeout)?;
        let over = timeout(self.patience, stage.wait_for(|stage| matches!(stage, Stage::Over(_)))).await;
        match over.as_ref().map(Result::as_deref) {
            Ok(Ok(Stage::Over(found))) => found.clone(),
            _ => Err(Failure::Resolve),
        }
    }

    /// The look-up of a name that is under way, or a new one.
    fn join(self: &Arc<Self>, name: &str) -> watch::Receiver<Stage> {
        let mut book = self.book();
        if let Some(stage) = book.under_way.get(name) {
            return stage.subscribe();
        }
        let (stage, watched) = watch::channel(Stage::Waits);
        let stage = Arc::new(stage);
        book.under_way.insert(name.to_owned(), Arc::clone(&stage));
        // A task of its own: it goes on when those who wait have given up.
        tokio::spawn(Arc::clone(self).look_up(name.to_owned(), stage));
        watched
    }

    async fn look_up(self: Arc<Self>, name: String, stage: Arc<watch::Sender<Stage>>) {
        let standing = self.book().standing(&name);
        let turn = self.turns[standing as usize].acquire().await;
        if self.book().is_unwanted(&name) {
            return;
        }
        stage.send_replace(Stage::Asks);
        let (mut asking, began) = ((self.ask)(name.clone()), Instant::now());
        let found = match timeout(self.patience, &mut asking).await {
            Ok(found) => found,
            Err(_) => {
                self.book().learn(&name, Standing::Silent);
                drop(turn);
                asking.await
            }
        };
        let standing = match &found {
            Ok(_) if began.elapsed() <= self.quick => Standing::Quick,
            Err(_) if began.elapsed() >= self.patience => Standing::Silent,
            _ => Standing::Unknown,
        };
        self.book().learn(&name, standing);
        self.book().under_way.remove(&name);
        stage.send_replace(Stage::Over(found.map(Arc::from).map_err(|_| Failure::Resolve)));
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn standing(&self, name: &str) -> Standing {
        self.known.get(name).copied().unwrap_or(Standing::Unknown)
    }

    fn learn(&mut self, name: &str, standing: Standing) {
        if standing == Standing::Unknown {
            self.known.remove(name);
            return;
        }
        if self.known.len() >= MAX_KNOWN
            && let Some(one) = self.known.keys().next().cloned()
        {
            self.known.remove(&one);
        }
        self.known.insert(name.to_owned(), standing);
    }

    /// Whether all who wanted to know have left before its turn came; then the look-up is over.
    fn is_unwanted(&mut self, name: &str) -> bool {
        let unwanted = self.under_way.get(name).is_none_or(|stage| stage.receiver_count() == 0);
        if unwanted {
            self.under_way.remove(name);
        }
        unwanted
    }
}

async fn ask_the_system(name: String) -> io::Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((name, 0)).await?;
    Ok(found.take(MAX_ADDRESSES).map(|address| address.ip()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use tokio::time::sleep;

    const SHORT: Duration = Duration::from_millis(300);

    /// Knows every name but those that begin with `silent`.
    fn resolver(name: String) -> Asking {
        Box::pin(async move {
            if name.starts_with("silent") {
                std::future::pending::<()>().await;
            }
            Ok(vec![Ipv4Addr::LOCALHOST.into()])
        })
    }

    /// Asks for so many names at once, and forgets about them.
    fn flood(names: &Arc<Names>, count: usize, what: impl Fn(usize) -> String) {
        for name in (0..count).map(what) {
            let names = Arc::clone(names);
            tokio::spawn(async move { names.find(&name).await });
        }
    }

    #[tokio::test]
    async fn names_that_were_silent_take_no_turn_from_others() {
        let names = Names::new(resolver, PATIENCE, SHORT);
        assert!(names.find("known").await.is_ok());
        assert_eq!(names.find("silent").await.unwrap_err(), Failure::Resolve);
        while names.book().standing("silent") != Standing::Silent {
            sleep(SHORT / 10).await;
        }
        // A known one waits for nobody, however many unknown ones do.
        flood(&names, 1000, |number| format!("silent {number}"));
        tokio::task::yield_now().await;
        let began = Instant::now();
        assert!(names.find("known").await.is_ok());
        assert!(began.elapsed() < 10 * SHORT, "{:?}: it stood in line", began.elapsed());
        // An unknown one waits, but for the turns of those before it alone: none of them keeps its own.
        let names = Names::new(resolver, PATIENCE, SHORT);
        flood(&names, 40, |number| format!("silent {number}"));
        tokio::task::yield_now().await;
        assert!(names.find("unknown").await.is_ok());
    }

    #[tokio::test]
    async fn those_who_ask_for_one_name_wait_for_one_look_up() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let names = Names::new(
            |_| {
                Box::pin(async {
                    ASKED.fetch_add(1, SeqCst);
                    sleep(SHORT).await;
                    Ok(vec![Ipv4Addr::LOCALHOST.into()])
                })
            },
            PATIENCE,
            PATIENCE,
        );
        let all = (0..100).map(|_| {
            let names = Arc::clone(&names);
            tokio::spawn(async move { names.find("one").await })
        });
        for one in all.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap().unwrap()[..], [IpAddr::from(Ipv4Addr::LOCALHOST)]);
        }
        assert_eq!(ASKED.load(SeqCst), 1);
        assert!(names.book().under_way.is_empty());
    }

    #[tokio::test]
    async fn a_name_that_answers_late_has_no_turn_among_the_quick() {
        let slow = |_| -> Asking {
            Box::pin(async {
                sleep(SHORT).await;
                Ok(vec![Ipv4Addr::LOCALHOST.into()])
            })
        };
        let names = Names::new(slow, SHORT / 3, PATIENCE);
        assert!(names.find("slow").await.is_ok());
        assert_eq!(names.book().standing("slow"), Standing::Unknown);
        // Later than anybody waits: it is not silent all the same.
        let names = Names::new(slow, SHORT / 3, SHORT / 3);
        assert_eq!(names.find("late").await.unwrap_err(), Failure::Resolve);
        while names.book().under_way.contains_key("late") {
            sleep(SHORT / 10).await;
        }
        assert_eq!(names.book().standing("late"), Standing::Unknown);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_asked() {
        let names = Names::new(resolver, PATIENCE, PATIENCE);
        flood(&names, TURNS[Standing::Unknown as usize], |number| format!("silent {number}"));
        tokio::task::yield_now().await;
        assert!(timeout(SHORT, names.find("late")).await.is_err());
        names.turns[Standing::Unknown as usize].add_permits(1);
        while names.book().under_way.contains_key("late") {
            sleep(SHORT / 10).await;
        }
        assert_eq!(names.book().standing("late"), Standing::Unknown);
    }

    #[test]
    fn what_is_known_has_a_bound() {
        let mut book = Book::default();
        (0..=MAX_KNOWN).for_each(|number| book.learn(&number.to_string(), Standing::Silent));
        assert_eq!(book.known.len(), MAX_KNOWN);
        book.learn(&MAX_KNOWN.to_string(), Standing::Unknown);
        assert_eq!(book.known.len(), MAX_KNOWN - 1);
    }
}
