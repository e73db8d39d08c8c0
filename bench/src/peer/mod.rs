//! Peers: small servers of the same work, each a process of its own, so that they share the cores with the load as
//! Heliograph does.

mod bare;
mod bearer;
mod skeleton;
mod skeleton_store;

use crate::Outcome;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, path::PathBuf};
use tokio::{net::TcpListener, runtime::Builder};

/// Which peer.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// axum and a fixed answer.
    Axum,
    /// The same, behind a verified token.
    AxumJwt,
    /// The hot paths on SQLite and nothing else.
    Skeleton,
}

impl Kind {
    /// As the command line names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Axum => "axum",
            Self::AxumJwt => "axum-jwt",
            Self::Skeleton => "skeleton",
        }
    }
}

/// What a peer is told on its standard input.
#[derive(Clone, Serialize, Deserialize)]
pub struct Config {
    /// The one key whose tokens it takes.
    pub key_id: String,
    /// That key's secret.
    pub secret: String,
    /// What it answers to whoever fetches a user.
    pub user: String,
    /// The conversations that exist.
    pub conversations: Vec<String>,
    /// Where its webhooks go.
    pub sink: SocketAddr,
    /// Where it may keep a database.
    pub folder: PathBuf,
}

/// Runs a peer until whoever started it is gone.
pub fn serve(kind: Kind) -> Outcome<()> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let config: Config = serde_json::from_str(&line)?;
    std::thread::spawn(|| {
        // Nothing more comes: this ends when the other end of the pipe does.
        let _ = std::io::stdin().read_line(&mut String::new());
        std::process::exit(0);
    });
    Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let router = match kind {
            Kind::Axum => bare::open(config),
            Kind::AxumJwt => bare::guarded(config),
            Kind::Skeleton => skeleton::router(config)?,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("ready http://{}", listener.local_addr()?);
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            // Without it answers would only be slower.
            let _ = stream.set_nodelay(true);
        });
        Ok(axum::serve(listener, router).await?)
    })
}
