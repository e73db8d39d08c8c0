//! HTTP/1.1 as the load generator speaks it: requests are bytes made beforehand, of an answer only the status and the
//! length are looked at. What is spent here is missing to the server that is measured on the same cores.

use crate::Outcome;
use bytes::Bytes;
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What a server answers that has too much to do.
const BUSY: u16 = 503;

/// The bytes of a request.
pub fn request(method: &str, path: &str, authorization: &str, body: Option<&str>) -> Bytes {
    let mut text =
        format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {authorization}\r\naccept: */*\r\n");
    if let Some(body) = body {
        text += &format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    } else {
        text += "\r\n";
    }
    text.into()
}

/// A connection that is kept alive.
pub struct Connection {
    stream: TcpStream,
    inbox: Inbox,
}

/// What came back.
pub struct Answer<'c> {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: &'c [u8],
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, inbox: Inbox::default() })
    }

    /// Sends a request and waits for its answer.
    pub async fn call(&mut self, request: &[u8]) -> Outcome<Answer<'_>> {
        self.stream.write_all(request).await?;
        let frame = self.inbox.receive(&mut self.stream).await?.ok_or("the server closed the connection")?;
        let status = frame.head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
        Ok(Answer {
            status: status.and_then(|s| s.parse().ok()).ok_or("an answer without a status")?,
            body: frame.body,
        })
    }

    /// Sends a request that is expected to succeed. False when the server has too much to do for it.
    pub async fn attempt(&mut self, request: &[u8]) -> Outcome<bool> {
        let answer = self.call(request).await?;
        if answer.status == BUSY { Ok(false) } else { answer.of_success(request).map(|_| true) }
    }

    /// Sends a request until it succeeds, as clients do that are told to come again.
    pub async fn insist(&mut self, request: &[u8]) -> Outcome<Vec<u8>> {
        const ATTEMPTS: usize = 100;
        const PAUSE: Duration = Duration::from_millis(50);
        for _ in 0..ATTEMPTS {
            let answer = self.call(request).await?;
            if answer.status != BUSY {
                return answer.of_success(request).map(<[u8]>::to_vec);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err("the server is too busy to be prepared".into())
    }
}

impl<'c> Answer<'c> {
    fn of_success(self, request: &[u8]) -> Outcome<&'c [u8]> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        let (asked, answered) = (String::from_utf8_lossy(request), String::from_utf8_lossy(self.body));
        Err(format!("{}: {} {answered}", asked.lines().next().unwrap_or_default(), self.status).into())
    }
}

/// Bytes that arrived, up to the end of one message: peers here never send the next before they are answered.
#[derive(Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    used: usize,
}

/// One message.
pub struct Frame<'i> {
    /// Its first line and headers.
    pub head: &'i [u8],
    /// Its body.
    pub body: &'i [u8],
}

impl Inbox {
    /// Waits for a whole message. `None`: the other side is done.
    pub async fn receive(&mut self, stream: &mut TcpStream) -> Outcome<Option<Frame<'_>>> {
        self.bytes.resize(64 * 1024, 0);
        self.used = 0;
        loop {
            if self.used == self.bytes.len() {
                return Err("a message is longer than the load generator expects".into());
            }
            let read = stream.read(&mut self.bytes[self.used..]).await?;
            if read == 0 {
                return Ok(None);
            }
            self.used += read;
            if let Some((head, length)) = measure(&self.bytes[..self.used])?
                && self.used >= head + length
            {
                return Ok(Some(Frame { head: &self.bytes[..head], body: &self.bytes[head..head + length] }));
            }
        }
    }
}

/// How long the head is, and how long the body that follows it; `None` while the head is not whole.
fn measure(bytes: &[u8]) -> Outcome<Option<(usize, usize)>> {
    const LENGTH: &[u8] = b"content-length:";
    let (mut at, mut length) = (0, 0);
    while let Some(end) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        let line = &bytes[at..at + end];
        at += end + 1;
        if line.len() <= 1 {
            return Ok(Some((at, length)));
        }
        if line.get(..LENGTH.len()).is_some_and(|name| name.eq_ignore_ascii_case(LENGTH)) {
            length = std::str::from_utf8(&line[LENGTH.len()..])?.trim().parse()?;
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_measured_once_its_head_is_whole() {
        let text = b"HTTP/1.1 201 Created\r\nContent-Length: 7\r\nx: y\r\n\r\n{\"a\":1}";
        let head = text.len() - 7;
        for end in 0..head {
            assert!(matches!(measure(&text[..end]), Ok(None)), "{end}");
        }
        assert!(matches!(measure(text), Ok(Some((h, 7))) if h == head));
    }
}
