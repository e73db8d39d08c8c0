//! The back door over real sockets: servers that mean harm, and addresses that must not be reached.
#![expect(clippy::unwrap_used, reason = "a failing set-up should fail the test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use heliograph_http::{Answer, Failure, MAX_ANSWER_BYTES, Outbound, OutboundOptions, parse_target};
use http::{HeaderMap, HeaderValue};
use hyper::body::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

/// The deadline of calls that are to run into it, and that of all others, which no slow machine should.
const DEADLINE: Duration = Duration::from_millis(600);
const ENOUGH: Duration = Duration::from_secs(30);

/// A loopback server that does one thing with every connection, and counts them.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start<F>(treat: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(treat(stream));
            }
        });
        Self { address, connections }
    }

    /// Reads what comes, then sends `answer` and leaves the connection open.
    async fn saying(answer: impl Into<Bytes>) -> Self {
        let answer: Bytes = answer.into();
        Self::start(move |mut stream| {
            let answer = answer.clone();
            async move {
                while stream.read(&mut [0; 4096]).await? > 0 {
                    stream.write_all(&answer).await?;
                }
                Ok(())
            }
        })
        .await
    }

    fn seen(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn open_door() -> Outbound {
    Outbound::new(OutboundOptions { allow_private: true, ..OutboundOptions::default() })
}

async fn post(outbound: &Outbound, target: &str, deadline: Duration) -> Result<Answer, Failure> {
    let target = parse_target(target).unwrap();
    outbound.post(&target, HeaderMap::new(), Bytes::from_static(b"{}"), deadline).await
}

/// Posts to a server, and checks that it did not take longer than the deadline allows: what holds a call does so for ever.
async fn call(server: &Server, deadline: Duration) -> Result<Answer, Failure> {
    let began = Instant::now();
    let outcome = post(&open_door(), &format!("http://{}/hook", server.address), deadline).await;
    assert!(began.elapsed() < deadline + Duration::from_secs(10), "{:?}", began.elapsed());
    outcome
}

#[tokio::test]
async fn a_call_carries_its_headers_and_body() {
    let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let sender = sender.clone();
        async move {
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).await?;
            let _ = sender.send(String::from_utf8_lossy(&buffer[..read]).into_owned());
            stream.write_all(b"HTTP/1.1 202 Accepted\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\nok").await
        }
    })
    .await;
    let target = parse_target(&format!("http://{}/hook?x=1#part", server.address)).unwrap();
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let answer = open_door().post(&target, headers, Bytes::from_static(b"{\"a\":1}"), ENOUGH).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (202, &b"ok"[..]));
    let request = received.recv().await.unwrap();
    assert!(request.starts_with("POST /hook?x=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: {}\r\n", server.address)), "{request}");
    assert!(request.contains("content-type: application/json\r\n"), "{request}");
    assert!(request.contains("user-agent: Heliograph/"), "{request}");
    assert!(request.contains("content-length: 7\r\n") && request.ends_with("{\"a\":1}"), "{request}");
}

#[tokio::test]
async fn the_head_of_an_answer_is_had_without_its_body() {
    let server = Server::saying("HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 1000000\r\n\r\n").await;
    let target = parse_target(&format!("http://{}/a.png", server.address)).unwrap();
    for method in [http::Method::HEAD, http::Method::GET] {
        let head = open_door().head_of(method, &target, ENOUGH).await.unwrap();
        assert_eq!(
            (head.status.as_u16(), &head.headers["content-type"]),
            (200, &HeaderValue::from_static("image/png"))
        );
        assert_eq!(head.headers["content-length"], "1000000");
    }
    let silent = Server::saying("").await;
    let target = parse_target(&format!("http://{}/", silent.address)).unwrap();
    assert_eq!(open_door().head_of(http::Method::GET, &target, DEADLINE).await.unwrap_err(), Failure::Timeout);
    let guarded = Outbound::new(OutboundOptions::default());
    assert_eq!(guarded.head_of(http::Method::GET, &target, ENOUGH).await.unwrap_err(), Failure::Refused);
}

#[tokio::test]
async fn servers_that_stall_cost_no_more_than_the_deadline() {
    let stalls = ["", "HTTP/1.1 200 OK\r\ncontent-le", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"];
    for start in stalls {
        let server = Server::saying(start).await;
        assert_eq!(call(&server, DEADLINE).await.unwrap_err(), Failure::Timeout, "{start:?}");
    }
}

#[tokio::test]
async fn a_body_that_drips_for_ever_costs_no_more_than_the_deadline() {
    let server = Server::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
        loop {
            stream.write_all(b"1\r\nx\r\n").await?;
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(call(&server, DEADLINE).await.unwrap_err(), Failure::Timeout);
}

#[tokio::test]
async fn interim_answers_without_end_cost_no_more_than_the_deadline() {
    let server = Server::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await?;
        loop {
            stream.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n").await?;
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(call(&server, DEADLINE).await.unwrap_err(), Failure::Timeout);
}

#[tokio::test]
async fn an_endless_body_is_cut_and_its_connection_closed() {
    let (sender, mut stopped) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let sender = sender.clone();
        async move {
            let _ = stream.read(&mut [0; 4096]).await?;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            let _ = sender.send(());
            Ok(())
        }
    })
    .await;
    let answer = call(&server, ENOUGH).await.unwrap();
    assert_eq!(answer.body, vec![b'x'; MAX_ANSWER_BYTES]);
    timeout(ENOUGH, stopped.recv()).await.expect("the flood went on");
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_read_and_the_connection_kept() {
    let body = "y".repeat(MAX_ANSWER_BYTES);
    let server = Server::saying(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await;
    let outbound = open_door();
    for _ in 0..5 {
        let answer = post(&outbound, &format!("http://{}/", server.address), ENOUGH).await.unwrap();
        assert_eq!(answer.body.len(), MAX_ANSWER_BYTES);
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.seen(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced_without_a_failure() {
    let server = Server::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await
    })
    .await;
    let outbound = open_door();
    for _ in 0..10 {
        post(&outbound, &format!("http://{}/", server.address), ENOUGH).await.unwrap();
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.seen(), 10);
}

#[tokio::test]
async fn what_is_not_a_whole_http_answer_is_broken() {
    let oversized = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(1_000_000));
    for answer in ["hello there\r\n\r\n".to_owned(), "HTTP/1.1 999999 no\r\n\r\n".to_owned(), oversized] {
        let server = Server::saying(answer).await;
        assert_eq!(call(&server, ENOUGH).await.unwrap_err(), Failure::Broken);
    }
}

#[tokio::test]
async fn a_connection_that_ends_early_is_broken() {
    for start in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"] {
        let server = Server::start(move |mut stream| async move {
            let _ = stream.read(&mut [0; 4096]).await?;
            stream.write_all(start.as_bytes()).await
        })
        .await;
        assert_eq!(call(&server, ENOUGH).await.unwrap_err(), Failure::Broken, "{start:?}");
    }
    // Closed with the request unread, which the system turns into a reset.
    let server = Server::start(|stream| async move {
        sleep(Duration::from_millis(50)).await;
        drop(stream);
        Ok(())
    })
    .await;
    assert_eq!(call(&server, ENOUGH).await.unwrap_err(), Failure::Broken);
}

#[tokio::test]
async fn redirects_are_answers_and_not_followed() {
    let inner = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    for status in [301, 302, 303, 307, 308] {
        let there = inner.address;
        let outer = Server::saying(format!(
            "HTTP/1.1 {status} Elsewhere\r\nlocation: http://{there}/\r\ncontent-length: 0\r\n\r\n"
        ))
        .await;
        assert_eq!(call(&outer, ENOUGH).await.unwrap().status.as_u16(), status);
    }
    assert_eq!(inner.seen(), 0);
}

#[tokio::test]
async fn a_closed_port_an_unknown_name_and_plain_text_for_tls_are_told_apart() {
    // Taken, so that nobody else listens there, and not listened to.
    let taken = TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone = taken.local_addr().unwrap();
    let outbound = open_door();
    assert_eq!(post(&outbound, &format!("http://{gone}/"), ENOUGH).await.unwrap_err(), Failure::Connect);
    let plain = Server::saying("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    assert_eq!(post(&outbound, &format!("https://{}/", plain.address), ENOUGH).await.unwrap_err(), Failure::Tls);
    let nowhere = post(&outbound, "http://no-such-host.invalid/", DEADLINE).await.unwrap_err();
    assert!(matches!(nowhere, Failure::Resolve | Failure::Timeout), "{nowhere}");
}

#[tokio::test]
async fn no_spelling_of_a_local_address_gets_past_the_guard() {
    let server = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let port = server.address.port();
    let guarded = Outbound::new(OutboundOptions::default());
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "0.0.0.0",
        "0",
        "10.0.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00:ec2::254]",
    ] {
        for scheme in ["http", "https"] {
            let outcome = post(&guarded, &format!("{scheme}://{host}:{port}/"), ENOUGH).await.unwrap_err();
            // A spelling the system or TLS does not understand ends before any connection, too.
            let not_understood = matches!(outcome, Failure::Resolve | Failure::Timeout)
                || (scheme == "https" && outcome == Failure::Tls);
            assert!(outcome == Failure::Refused || not_understood, "{host}: {outcome}");
            let is_plain = matches!(host, "127.0.0.1" | "localhost" | "[::1]" | "[::ffff:127.0.0.1]" | "0.0.0.0");
            assert!(!is_plain || outcome == Failure::Refused, "{host}: {outcome}");
        }
    }
    for text in ["http://１２７.0.0.1/", "http://①②⑦.0.0.1/", "http://user@127.0.0.1/"] {
        assert!(parse_target(text).is_err(), "{text}");
    }
    assert_eq!(server.seen(), 0);
}

#[tokio::test]
async fn a_target_of_the_wrong_shape_is_refused_even_unparsed() {
    let outbound = open_door();
    for text in ["/hook", "ftp://example.com/", "http://user:pass@127.0.0.1/", "http://127.0.0.1:99999/"] {
        let target = text.parse().unwrap();
        let outcome = outbound.post(&target, HeaderMap::new(), Bytes::new(), ENOUGH).await;
        assert_eq!(outcome.unwrap_err(), Failure::Refused, "{text}");
    }
}
