//! A small HTTP/1.1 client on tokio for what wrk cannot do: counting, waiting, open loops.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::error::Result;

/// One connection that is kept.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Status.
    pub(crate) status: u16,
    /// Body.
    pub(crate) body: Vec<u8>,
}

/// A GET request's bytes.
pub(crate) fn get(host: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes()
}

fn broken(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(1_024),
        })
    }

    /// Sends a request and waits for its whole answer.
    pub(crate) async fn call(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.stream.write_all(request).await?;
        loop {
            if let Some((answer, used)) = parse(&self.buffer)? {
                self.buffer.drain(..used);
                return Ok(answer);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(broken("the server closed the connection"));
            }
        }
    }
}

/// The first whole answer in the bytes, and its length. Only answers with a known length: the
/// harness asks for no others.
fn parse(bytes: &[u8]) -> io::Result<Option<(Answer, usize)>> {
    let Some(head) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..head]).map_err(|e| broken(&e.to_string()))?;
    let status = text.get(9..12).and_then(|s| s.parse().ok());
    let status = status.ok_or_else(|| broken("the answer has no status"))?;
    let length = text.lines().skip(1).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    let start = head + 4;
    let end = match length {
        Some(length) => start + length,
        None if status == 204 => start,
        None => return Err(broken("the answer has no content-length")),
    };
    Ok(bytes.get(start..end).map(|body| {
        (
            Answer {
                status,
                body: body.to_vec(),
            },
            end,
        )
    }))
}

/// Runs async work on this thread.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, work)
}

/// Sends a number of requests over some connections, each as fast as answers come.
pub(crate) async fn send_all(
    address: SocketAddr,
    request: Vec<u8>,
    connections: u32,
    count: u32,
) -> Result<()> {
    let request = Rc::new(request);
    let mut clients = Vec::new();
    for _ in 0..connections {
        let request = Rc::clone(&request);
        clients.push(tokio::task::spawn_local(async move {
            let mut connection = Connection::open(address).await?;
            for _ in 0..count.div_ceil(connections) {
                ok(&connection.call(&request).await?)?;
            }
            Ok::<(), io::Error>(())
        }));
    }
    for client in clients {
        client.await??;
    }
    Ok(())
}

/// An error unless the status is 2xx.
pub(crate) fn ok(answer: &Answer) -> io::Result<()> {
    if (200..300).contains(&answer.status) {
        return Ok(());
    }
    let body = String::from_utf8_lossy(&answer.body);
    Err(broken(&format!("status {}: {body}", answer.status)))
}

/// Latencies in milliseconds at a fixed rate, each from the moment the request was due: a server
/// that stalls does not hide the requests it kept from being sent.
pub(crate) async fn open_loop(
    address: SocketAddr,
    request: Vec<u8>,
    rate: f64,
    duration: Duration,
) -> Result<Vec<f64>> {
    const CONNECTIONS: u32 = 32;
    let between = Duration::from_secs_f64(f64::from(CONNECTIONS) / rate);
    let latencies = Rc::new(RefCell::new(Vec::new()));
    let request = Rc::new(request);
    let start = Instant::now() + Duration::from_millis(50);
    let mut clients = Vec::new();
    for client in 0..CONNECTIONS {
        let (request, latencies) = (Rc::clone(&request), Rc::clone(&latencies));
        clients.push(tokio::task::spawn_local(async move {
            let mut connection = Connection::open(address).await?;
            let mut due = start + between * client / CONNECTIONS;
            while due < start + duration {
                // tokio's timer counts whole milliseconds; the last one is waited for in turns.
                tokio::time::sleep_until(due - Duration::from_millis(1)).await;
                while Instant::now() < due {
                    tokio::task::yield_now().await;
                }
                ok(&connection.call(&request).await?)?;
                latencies
                    .borrow_mut()
                    .push(due.elapsed().as_secs_f64() * 1_000.0);
                due += between;
            }
            Ok::<(), io::Error>(())
        }));
    }
    for client in clients {
        client.await??;
    }
    Ok(latencies.take())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_when_it_is_whole() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1";
        for end in 0..text.len() - 8 {
            assert!(parse(&text[..end]).unwrap().is_none(), "{end}");
        }
        let (answer, used) = parse(text).unwrap().unwrap();
        assert_eq!(
            (answer.status, answer.body.as_slice(), used),
            (200, &b"hello"[..], text.len() - 8)
        );
    }

    #[test]
    fn a_status_that_is_not_2xx_is_an_error() {
        let (answer, _) = parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap();
        assert!(ok(&answer).is_ok());
        let (answer, _) = parse(b"HTTP/1.1 503 Busy\r\ncontent-length: 1\r\n\r\nx")
            .unwrap()
            .unwrap();
        assert!(ok(&answer).is_err());
    }
}
