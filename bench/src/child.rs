//! Processes that are measured, and what the system knows of them.

use crate::{Outcome, http::Connection, peer};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// The unit in which Linux tells processor time to programs.
const TICK: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that ends with this value.
pub struct Child {
    process: std::process::Child,
    /// Where it answers.
    pub address: SocketAddr,
}

impl Drop for Child {
    fn drop(&mut self) {
        // It keeps nothing that anybody needs.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Child {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(mut self) -> Outcome<()> {
        let asked = Command::new("kill").arg(self.id().to_string()).status()?;
        let ended = self.process.wait()?;
        if asked.success() && ended.success() { Ok(()) } else { Err(format!("a child ended badly: {ended}").into()) }
    }

    /// Starts a peer: this program under another name.
    pub fn peer(kind: peer::Kind, config: &peer::Config) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["peer", kind.name()]).stdin(Stdio::piped());
        let mut process = command.stdout(Stdio::piped()).spawn()?;
        if let Some(stdin) = &mut process.stdin {
            writeln!(stdin, "{}", serde_json::to_string(config)?)?;
        }
        Self::once_ready(process)
    }

    fn once_ready(mut process: std::process::Child) -> Outcome<Self> {
        let stdout = process.stdout.take().ok_or("a child without output")?;
        for line in BufReader::new(stdout).lines() {
            if let Some(url) = line?.strip_prefix("ready http://") {
                return Ok(Self { address: url.trim().parse()?, process });
            }
        }
        Err(format!("a child ended before it was ready: {}", process.wait()?).into())
    }
}

/// How to start the server.
#[derive(Clone)]
pub struct Server {
    /// The binary.
    pub binary: PathBuf,
    /// The folder for its data, and what else it makes beside it.
    pub folder: PathBuf,
    /// Its database, unless that is SQLite in the folder.
    pub database_url: Option<String>,
}

impl Server {
    /// Starts it and waits until it says that it is ready.
    pub fn start(&self) -> Outcome<Child> {
        Child::once_ready(self.command("127.0.0.1:0").stdout(Stdio::piped()).spawn()?)
    }

    /// Starts it and waits for its first answer; how long that took.
    pub async fn time_start(&self) -> Outcome<(Child, Duration)> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = self.command(&address.to_string());
        let began = Instant::now();
        let child = Child { process: command.stdout(Stdio::null()).spawn()?, address };
        let request = crate::http::request("GET", "/healthz", "none", None);
        loop {
            if let Ok(mut connection) = Connection::open(address).await {
                connection.attempt(&request).await?;
                return Ok((child, began.elapsed()));
            }
            if began.elapsed() > PATIENCE {
                return Err("the server does not answer".into());
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    }

    /// The key it made at its first start: id and secret.
    pub fn first_key(&self) -> Outcome<(String, String)> {
        let key: serde_json::Value = serde_json::from_slice(&fs::read(self.folder.join("data/first-key.json"))?)?;
        let text = |name: &str| key[name].as_str().map(str::to_owned).ok_or("first-key.json is not as expected");
        Ok((text("keyId")?, text("secret")?))
    }

    fn command(&self, listen: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(["serve", "--log", "warn", "--listen", listen, "--data"]).arg(self.folder.join("data"));
        if let Some(url) = &self.database_url {
            command.args(["--database-url", url]);
        }
        command.stdin(Stdio::null());
        command
    }
}

/// The processor time a process has had.
pub fn cpu(process: u32) -> Outcome<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in brackets, may hold anything; user and system time are fields 14 and 15 of the line.
    let fields = stat.rsplit_once(") ").ok_or("/proc is not as expected")?.1;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u32>).sum::<Result<u32, _>>()?;
    Ok(TICK * ticks)
}

/// How much of the cores is taken while this run does nothing, between 0 and 1: what others on the machine take.
pub async fn taken_by_others() -> Outcome<f64> {
    const LOOK: Duration = Duration::from_millis(500);
    let before = cores()?;
    tokio::time::sleep(LOOK).await;
    let after = cores()?;
    let (busy, all) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    Ok(busy as f64 / all.max(1) as f64)
}

/// What all cores have spent on something, and in all.
fn cores() -> Outcome<(u64, u64)> {
    let stat = fs::read_to_string("/proc/stat")?;
    let first = stat.lines().next().and_then(|line| line.strip_prefix("cpu ")).ok_or("/proc is not as expected")?;
    // User, nice, system, idle, waiting for the disk, interrupts, soft interrupts, stolen.
    let spent = first.split_whitespace().take(8).map(str::parse).collect::<Result<Vec<u64>, _>>()?;
    let all = spent.iter().sum();
    let idle: u64 = spent.iter().skip(3).take(2).sum();
    Ok((all - idle, all))
}

/// The memory a process has, in bytes.
pub fn memory(process: u32) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("/proc is not as expected")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

/// How large a file is, in bytes.
pub fn size(file: &Path) -> Outcome<u64> {
    Ok(fs::metadata(file)?.len())
}
