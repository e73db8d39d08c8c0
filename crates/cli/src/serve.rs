//! `heliograph serve`: logs, signals, and what is said when the server answers.

use crate::{
    config::{self, LogFormat, Resolved, ServeFlags},
    output::{self, Outcome},
};
use heliograph_server::{FirstKey, Started};
use std::{
    io::{self, IsTerminal},
    time::Duration,
};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// How long the end may wait for threads that still hold a file or a socket.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// Runs the server until it is told to stop.
pub fn run(flags: ServeFlags) -> Outcome {
    let resolved = flags.resolve(&config::environment)?;
    log_to_stderr(&resolved)?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let stop = CancellationToken::new();
        stop_on_signals(stop.clone())?;
        heliograph_server::serve(resolved.settings, stop, announce).await?;
        Ok(())
    });
    runtime.shutdown_timeout(LAST_WAIT);
    outcome
}

/// Four threads at least: on one or two cores a thread that waits for the disk must not hold up all the others.
pub fn runtime() -> io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Builder::new_multi_thread().worker_threads(cores.max(4)).enable_all().build()
}

fn log_to_stderr(resolved: &Resolved) -> Outcome {
    // PostgreSQL's own notices come first, so that the operator's filter can still ask for them.
    let filter: Targets = format!("tokio_postgres=warn,{}", resolved.log)
        .parse()
        .map_err(|error| format!("the log filter '{}' cannot be read: {error}", resolved.log))?;
    let (shown, log) = (tracing_subscriber::registry().with(filter), fmt::layer().with_writer(io::stderr));
    match resolved.log_format {
        LogFormat::Text => shown.with(log.with_ansi(io::stderr().is_terminal())).init(),
        LogFormat::Json => shown.with(log.json()).init(),
    }
    Ok(())
}

/// The first signal asks the server to finish, the second ends it.
fn stop_on_signals(stop: CancellationToken) -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if stop.is_cancelled() {
                std::process::exit(130);
            }
            stop.cancel();
        }
    });
    Ok(())
}

fn announce(started: &Started) {
    // A closed stdout is no reason not to serve.
    let _ = output::print(&banner(started));
}

/// What is said when the server answers. The last line is for programs that wait for it.
fn banner(started: &Started) -> String {
    let url = &started.url;
    let mut text = format!("Heliograph {} at {url}\n", env!("CARGO_PKG_VERSION"));
    text += &format!("every operation, with programs that call it: {url}/docs\n");
    for note in &started.notes {
        text += &format!("{note}\n");
    }
    if let Some(key) = &started.first_key {
        text += &first_steps(url, key);
    }
    text + &format!("ready {url}")
}

/// The first credential, and a job to try it with. Only curl and sed, so that it can be pasted into any shell.
fn first_steps(url: &str, key: &FirstKey) -> String {
    let (id, secret, file) = (&key.id, &key.secret, key.file.display());
    // The first id of an answer: what precedes it and what follows it falls away.
    let id_of = r#"sed 's/"id": *"\([^"]*\)".*/@\1/; s/.*@//'"#;
    format!(
        r#"
The first account key. It is shown this once; it is also in {file}

  key id   {id}
  secret   {secret}

To try it, paste this into a shell. It creates an app, a custom integration in it, and a key for the integration:

URL='{url}'
KEY='{id}:{secret}'
APP=$(curl -sS -u "$KEY" -H 'Content-Type: application/json' -d '{{"displayName":"My app"}}' "$URL/v2/apps" | {id_of})
INTEGRATION=$(curl -sS -u "$KEY" -H 'Content-Type: application/json' -d '{{"type":"custom","displayName":"My integration","webhooks":[{{"target":"https://example.com/webhook","triggers":["conversation:message"]}}]}}' "$URL/v2/apps/$APP/integrations" | {id_of})
curl -X POST \
  -u "$KEY" \
  -H "Content-Type: application/json" \
  -d '{{
  "displayName": "My custom key"
}}' \
  "$URL/v2/apps/$APP/integrations/$INTEGRATION/keys"

"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(first_key: Option<FirstKey>) -> Started {
        let notes = vec!["Webhooks may go to private addresses.".to_owned()];
        Started { url: "http://127.0.0.1:8080".to_owned(), first_key, notes }
    }

    #[test]
    fn the_last_line_is_for_programs() {
        let key = FirstKey { id: "act_1".to_owned(), secret: "hush".to_owned(), file: "/d/first-key.json".into() };
        let first = banner(&started(Some(key)));
        assert!(first.contains("act_1:hush") && first.contains("/d/first-key.json"), "{first}");
        let later = banner(&started(None));
        assert!(later.contains("private addresses"), "{later}");
        for text in [first, later] {
            assert_eq!(text.lines().last(), Some("ready http://127.0.0.1:8080"));
        }
    }
}
