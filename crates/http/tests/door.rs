//! The front door over real sockets: who is closed, who is served, and what happens at the end.
#![expect(clippy::unwrap_used, reason = "a failing set-up should fail the test")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heliograph_http::{DoorLimits, serve};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const HEADER_TIMEOUT: Duration = Duration::from_millis(400);
/// How long a test waits for what has to come, and how late what has its time may be: what hangs does so for ever.
const PATIENCE: Duration = Duration::from_secs(60);
const LATE: Duration = Duration::from_secs(10);
const LARGE: usize = 64 << 20;

/// Whether a request to `/held` has begun, and whether it may be answered.
#[derive(Default)]
struct Held {
    begun: Notify,
    go: Notify,
}

/// `/large` answers a lot, `/held` waits, `/panic` panics, `/peer` tells the peer's address, all else echoes the body.
async fn echo(
    request: Request<Incoming>,
    peer: SocketAddr,
    held: Arc<Held>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let text = match request.uri().path() {
        "/held" => {
            held.begun.notify_one();
            held.go.notified().await;
            Bytes::from_static(b"late")
        }
        "/large" => Bytes::from(vec![b'x'; LARGE]),
        "/panic" => panic!("asked to"),
        "/peer" => peer.to_string().into(),
        _ => request.into_body().collect().await.map_or(Bytes::new(), |body| body.to_bytes()),
    };
    Ok(Response::new(Full::new(text)))
}

struct Door {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
    held: Arc<Held>,
}

async fn open(limits: DoorLimits) -> Door {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let held = Arc::<Held>::default();
    let holds = Arc::clone(&held);
    let answer = move |request, peer| echo(request, peer, Arc::clone(&holds));
    let task = tokio::spawn(serve(listener, answer, limits, stop.clone()));
    Door { address, stop, task, held }
}

fn quick() -> DoorLimits {
    DoorLimits { header_timeout: HEADER_TIMEOUT, ..DoorLimits::default() }
}

impl Door {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Connects, sends `bytes` and returns all that comes until the door closes the connection.
    async fn talk(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        rest(&mut stream).await
    }

    /// Connects, and has a request held by the door.
    async fn hold(&self) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(b"GET /held HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
        self.held.begun.notified().await;
        stream
    }
}

/// Reads until the other side closes; a reset counts as closed.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut all)).await.expect("never closed");
    String::from_utf8(all).unwrap()
}

/// Reads until `end` was seen.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut seen = String::new();
    while !seen.ends_with(end) {
        let mut chunk = [0; 1024];
        let read = timeout(PATIENCE, stream.read(&mut chunk)).await.expect("nothing came").unwrap();
        assert_ne!(read, 0, "closed after {seen:?}");
        seen.push_str(std::str::from_utf8(&chunk[..read]).unwrap());
    }
    seen
}

const HELLO: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello";

#[tokio::test]
async fn silent_and_half_spoken_clients_are_closed() {
    let door = open(quick()).await;
    for start in ["", "P", "GET / HTTP/1.1\r\nhost: a\r\nx-slow: ", "PRI * HTTP/2.0\r\n"] {
        let began = Instant::now();
        door.talk(start.as_bytes()).await;
        assert!(began.elapsed() < LATE, "{start:?} held the door");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_answer() {
    let door = open(quick()).await;
    let began = Instant::now();
    let answer = door.talk(HELLO).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
    assert!((HEADER_TIMEOUT..LATE).contains(&began.elapsed()));
}

#[tokio::test]
async fn a_connection_serves_many_requests_also_sent_at_once() {
    let door = open(quick()).await;
    let answers = door.talk(&HELLO.repeat(3)).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 3);
    assert_eq!(answers.matches("hello").count(), 3);
}

#[tokio::test]
async fn the_service_knows_the_peer() {
    let door = open(quick()).await;
    let mut stream = door.connect().await;
    stream.write_all(b"GET /peer HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.ends_with(&stream.local_addr().unwrap().to_string()), "{answer}");
}

#[tokio::test]
async fn oversized_and_malformed_heads_are_answered_and_closed() {
    let door = open(DoorLimits { header_timeout: PATIENCE, ..DoorLimits::default() }).await;
    let bomb = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}", "a".repeat(40 * 1024));
    for head in [format!("{bomb}\r\n\r\n"), bomb] {
        let mut stream = door.connect().await;
        let began = Instant::now();
        // The door may close before it has read all of this.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut first = [0; 12];
        let read = stream.read_exact(&mut first).await;
        assert!(read.is_err() || &first == b"HTTP/1.1 431", "{first:?}");
        assert!(began.elapsed() < PATIENCE / 2, "the limit was not noticed");
    }
    let door = open(quick()).await;
    let answer = door.talk(b"this is not HTTP\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn a_panic_ends_its_own_connection_alone() {
    // To print where it was takes a while, in which nobody should be closed for saying nothing.
    let door = open(DoorLimits { header_timeout: PATIENCE, ..DoorLimits::default() }).await;
    let mut bystander = door.connect().await;
    bystander.write_all(HELLO).await.unwrap();
    read_until(&mut bystander, "hello").await;
    assert_eq!(door.talk(b"GET /panic HTTP/1.1\r\nhost: a\r\n\r\n").await, "");
    bystander.write_all(HELLO).await.unwrap();
    read_until(&mut bystander, "hello").await;
    let mut another = door.connect().await;
    another.write_all(HELLO).await.unwrap();
    read_until(&mut another, "hello").await;
}

#[tokio::test]
async fn beyond_the_limit_a_connection_waits_for_its_turn() {
    let door = open(DoorLimits { max_connections: 1, ..quick() }).await;
    let mut first = door.hold().await;
    let mut second = door.connect().await;
    second.write_all(HELLO).await.unwrap();
    let early = timeout(Duration::from_millis(300), second.read(&mut [0; 1])).await;
    assert!(early.is_err(), "served beyond the limit");
    door.held.go.notify_one();
    assert!(rest(&mut first).await.ends_with("late"));
    assert!(rest(&mut second).await.ends_with("hello"));
}

#[tokio::test]
async fn at_the_end_requests_in_flight_finish_and_nobody_new_comes_in() {
    let door = open(DoorLimits::default()).await;
    let mut idle = door.connect().await;
    idle.write_all(HELLO).await.unwrap();
    read_until(&mut idle, "hello").await;
    let mut silent = door.connect().await;
    let mut busy = door.hold().await;

    door.stop.cancel();
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut silent).await, "");
    assert!(TcpStream::connect(door.address).await.is_err());
    assert!(!door.task.is_finished(), "the one that is busy is waited for");
    door.held.go.notify_one();
    assert!(rest(&mut busy).await.ends_with("late"));
    timeout(PATIENCE, door.task).await.expect("never drained").unwrap();
}

#[tokio::test]
async fn what_outlasts_the_drain_is_cut() {
    let door = open(DoorLimits { drain: Duration::from_millis(300), ..quick() }).await;
    // Nothing but the cut ends this one.
    let mut busy = door.hold().await;
    door.stop.cancel();
    timeout(PATIENCE, door.task).await.expect("waited beyond the drain").unwrap();
    assert_eq!(rest(&mut busy).await, "");
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up() {
    let (patience, pause) = (Duration::from_secs(3), Duration::from_millis(800));
    let door = open(DoorLimits { write_timeout: patience, ..DoorLimits::default() }).await;
    let ask = b"GET /large HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let (mut lazy, mut steady) = (door.connect().await, door.connect().await);
    lazy.write_all(ask).await.unwrap();
    steady.write_all(ask).await.unwrap();
    // Whoever reads, if slowly, gets all of it, also when that takes longer than the door's patience.
    let mut taken = 0;
    let mut piece = vec![0; 16 << 20];
    for _ in 0..5 {
        sleep(pause).await;
        taken += timeout(PATIENCE, steady.read_exact(&mut piece[..8 << 20])).await.unwrap().unwrap();
    }
    let mut rest = Vec::new();
    timeout(PATIENCE, steady.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(taken + rest.len() > LARGE);
    // Whoever did not read finds what the network had taken, and then the end.
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, lazy.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.len() < LARGE, "{}", rest.len());
}
