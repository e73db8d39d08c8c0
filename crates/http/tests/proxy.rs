//! The back door when it leaves by a proxy: plain calls over real sockets. (What needs certificates is tested inside.)
#![expect(clippy::unwrap_used, reason = "a failing set-up should fail the test")]

use std::time::Duration;

use heliograph_http::{Failure, Outbound, OutboundOptions, Proxy, parse_target};
use http::{HeaderMap, HeaderValue};
use hyper::body::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A proxy that answers each request itself, and tells what it was asked and on which connection.
async fn proxy(answer: &'static str) -> (String, mpsc::UnboundedReceiver<(usize, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for connection in 0.. {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let sender = sender.clone();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    let _ = sender.send((connection, String::from_utf8_lossy(&buffer[..read]).into_owned()));
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    (url, asked)
}

async fn post(outbound: &Outbound, target: &str) -> Result<u16, Failure> {
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let target = parse_target(target).unwrap();
    let answer = outbound.post(&target, headers, Bytes::from_static(b"{}"), Duration::from_secs(60)).await?;
    Ok(answer.status.as_u16())
}

#[tokio::test]
async fn a_plain_call_gives_the_proxy_the_whole_address() {
    let (url, mut asked) = proxy("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await;
    let proxy = Proxy::new(&url, Some(("me", "hush"))).unwrap();
    // The proxy is on loopback: who named it may. The targets are names that only the proxy has to know.
    let outbound = Outbound::new(OutboundOptions::default()).by(&proxy);
    for host in ["first.example", "second.example:8080"] {
        assert_eq!(post(&outbound, &format!("http://{host}/hook?x=1")).await, Ok(202));
        let (_, request) = asked.recv().await.unwrap();
        assert!(request.starts_with(&format!("POST http://{host}/hook?x=1 HTTP/1.1\r\n")), "{request}");
        assert!(request.contains(&format!("host: {host}\r\n")), "{request}");
        assert!(request.contains("proxy-authorization: Basic bWU6aHVzaA==\r\n"), "{request}");
    }
    // The same client without it tells its credential to nobody.
    let (target, mut reached) = self::proxy("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let direct = Outbound::new(OutboundOptions { allow_private: true, ..OutboundOptions::default() });
    let _ = direct.by(&proxy);
    assert_eq!(post(&direct, &target).await, Ok(200));
    let (_, request) = reached.recv().await.unwrap();
    assert!(request.starts_with("POST / HTTP/1.1\r\n") && !request.contains("proxy-"), "{request}");
}

#[tokio::test]
async fn two_proxies_do_not_share_connections() {
    let (first, mut at_first) = proxy("HTTP/1.1 201 First\r\ncontent-length: 0\r\n\r\n").await;
    let (second, mut at_second) = proxy("HTTP/1.1 202 Second\r\ncontent-length: 0\r\n\r\n").await;
    let options = OutboundOptions { proxy: Some(Proxy::new(&first, None).unwrap()), ..OutboundOptions::default() };
    let outbound = Outbound::new(options);
    let second = Proxy::new(&second, None).unwrap();
    for _ in 0..3 {
        assert_eq!(post(&outbound, "http://one.example/").await, Ok(201));
        assert_eq!(post(&outbound.by(&second), "http://one.example/").await, Ok(202));
    }
    // But each keeps its own.
    for asked in [&mut at_first, &mut at_second] {
        for _ in 0..3 {
            assert_eq!(asked.recv().await.unwrap().0, 0);
        }
    }
}

#[tokio::test]
async fn a_proxy_that_wants_to_know_who_calls_is_no_answer() {
    let (url, _asked) = proxy("HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n").await;
    let outbound = Outbound::new(OutboundOptions::default());
    let by = outbound.by(&Proxy::new(&url, None).unwrap());
    assert_eq!(post(&by, "http://one.example/").await, Err(Failure::Proxy));
    // From a target itself it is one like any other.
    let direct = Outbound::new(OutboundOptions { allow_private: true, ..OutboundOptions::default() });
    assert_eq!(post(&direct, &url).await, Ok(407));
}

#[tokio::test]
async fn addresses_that_show_what_they_are_do_not_reach_the_proxy() {
    let (url, mut asked) = proxy("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let proxy = Proxy::new(&url, None).unwrap();
    let outbound = Outbound::new(OutboundOptions::default()).by(&proxy);
    for host in
        ["127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "2130706433", "0x7f.1", "localhost", "a.localhost"]
    {
        for scheme in ["http", "https"] {
            assert_eq!(post(&outbound, &format!("{scheme}://{host}/")).await, Err(Failure::Refused), "{host}");
        }
    }
    assert!(asked.try_recv().is_err());
    let open = Outbound::new(OutboundOptions { allow_private: true, ..OutboundOptions::default() }).by(&proxy);
    assert_eq!(post(&open, "http://10.0.0.1/").await, Ok(200));
}
