//! Measures Heliograph beside its peers, in one run and on the same cores, and prints the ratios: `docs/performance.md`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints what it finds, and how far it is")]

mod child;
mod contest;
mod growth;
mod http;
mod load;
mod peer;
mod prepare;
mod raw;
mod report;
mod scratch;
mod sink;
mod sqlite;
mod start;

use clap::{Args, Parser, Subcommand, ValueEnum};
use contest::{Contest, Path, rivals};
use load::Timing;
use report::Results;
use scratch::Scratch;
use std::{error::Error, path::PathBuf, process::ExitCode, time::Duration};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What may fail here ends the run, and somebody reads why.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures Heliograph beside its peers.
#[derive(Parser)]
#[command(name = "heliograph-bench", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a peer. The benchmark does this itself.
    #[command(hide = true)]
    Peer {
        /// Which.
        kind: peer::Kind,
    },
}

/// What to measure.
#[derive(Args, Clone)]
pub struct Options {
    /// How long each measurement counts, in seconds.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// How often everything is measured; the medians are told.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How many connections send requests side by side.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// On which store. Default: both if --postgres is given, else SQLite.
    #[arg(long, value_enum)]
    store: Option<Stores>,
    /// Measure only this; may be given several times.
    #[arg(long, value_enum, value_name = "NAME")]
    only: Vec<Path>,
    /// A PostgreSQL server to make (and drop) databases on: postgres://USER@HOST/NAME.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// The server's binary, a release build. Default: `heliograph` beside this program.
    #[arg(long, value_name = "FILE")]
    heliograph: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stores {
    Sqlite,
    Postgres,
    Both,
}

/// Where the server keeps its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl StoreKind {
    /// For folders.
    const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// For people.
    const fn title(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

impl Options {
    fn stores(&self) -> Outcome<Vec<StoreKind>> {
        let wanted = self.store.unwrap_or(if self.postgres.is_some() { Stores::Both } else { Stores::Sqlite });
        if wanted != Stores::Sqlite && self.postgres.is_none() {
            return Err("say with --postgres where a PostgreSQL server is".into());
        }
        Ok(match wanted {
            Stores::Sqlite => vec![StoreKind::Sqlite],
            Stores::Postgres => vec![StoreKind::Postgres],
            Stores::Both => vec![StoreKind::Sqlite, StoreKind::Postgres],
        })
    }

    fn wants(&self, path: Path) -> bool {
        self.only.contains(&path) || self.only.is_empty() && path != Path::Growth
    }

    fn timing(&self) -> Timing {
        Timing { warm: Duration::from_secs(1), counted: Duration::from_secs_f64(self.seconds) }
    }

    fn heliograph(&self) -> Outcome<PathBuf> {
        let beside = std::env::current_exe()?.with_file_name("heliograph");
        let file = self.heliograph.clone().unwrap_or(beside);
        if !file.is_file() {
            return Err(format!("{} is not there: cargo build --release -p heliograph", file.display()).into());
        }
        Ok(file)
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Some(Command::Peer { kind }) => peer::serve(kind),
        // One thread for all connections and the webhooks' target: the load is to leave the cores to the server.
        None => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Into::into)
            .and_then(|runtime| runtime.block_on(run(&cli.options))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("heliograph-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Outcome<()> {
    let scratch = Scratch::new(options.postgres.clone())?;
    let outcome = measure(options, &scratch).await;
    scratch.clean().await?;
    println!("{}", outcome?);
    Ok(())
}

async fn measure(options: &Options, scratch: &Scratch) -> Outcome<String> {
    let (mut tables, mut goals) = (String::new(), report::GOALS_HEAD.to_owned());
    for store in options.stores()? {
        let paths: Vec<Path> = Path::value_variants().iter().copied().filter(|path| options.wants(*path)).collect();
        if paths.iter().any(|path| !matches!(path, Path::Start | Path::Growth)) {
            let results = rounds(options, store, scratch, &paths).await?;
            tables += &results.table(store);
            goals += &results.goals(store);
        }
        if options.wants(Path::Start) {
            eprintln!("{}: start", store.title());
            goals += &report::start_goals(&start::measure(options, store, scratch).await?);
        }
        if options.wants(Path::Growth) {
            let growth = growth::measure(options, store, scratch).await?;
            tables += &report::growth_table(&growth);
            goals += &report::growth_goals(&growth);
        }
    }
    Ok(tables + &goals)
}

/// Rivals take turns, so that what slows the machine for a while does not slow one of them alone.
async fn rounds(options: &Options, store: StoreKind, scratch: &Scratch, paths: &[Path]) -> Outcome<Results> {
    eprintln!("{}: preparing", store.title());
    let contest = Contest::open(options, store, scratch).await?;
    let mut results = Results::default();
    for round in 1..=options.rounds {
        results.add_others(child::taken_by_others().await?);
        for path in paths {
            let mut rivals = rivals(*path, store).to_vec();
            if round % 2 == 0 {
                rivals.reverse();
            }
            for rival in rivals {
                for (row, measured) in contest.measure(*path, rival).await? {
                    eprintln!("{}, round {round}: {row:?} {rival:?} {:.0}/s", store.title(), measured.rate);
                    results.add(row, rival, measured);
                }
            }
        }
    }
    Ok(results)
}
