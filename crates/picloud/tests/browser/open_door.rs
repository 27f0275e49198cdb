//! A server that guards nothing: whatever a browser allows at all succeeds here.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a request may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// By the name of an attack: whether the session came along.
type Changes = Arc<Mutex<BTreeMap<String, bool>>>;

/// It listens on the host of the control plane and answers every request as an attacker wishes,
/// until the process ends.
pub(crate) struct OpenDoor {
    address: SocketAddr,
    changes: Changes,
}

impl OpenDoor {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let changes = Changes::default();
        let seen = Arc::clone(&changes);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                // A client that leaves is no news.
                std::thread::spawn(move || drop(answer(stream, &seen)));
            }
        });
        Self { address, changes }
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whether an attack changed something, and then whether the session came along. What the
    /// browser sends by itself may be on its way for a while.
    pub(crate) fn changes(&self, attack: &str) -> Option<bool> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(session) = self.changes.lock().unwrap().get(attack) {
                return Some(*session);
            }
            std::thread::yield_now();
        }
        None
    }
}

/// Answers one request.
fn answer(stream: TcpStream, changes: &Changes) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let (mut origin, mut length, mut session) = ("*".to_owned(), 0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "origin" => value.clone_into(&mut origin),
            "content-length" => length = value.parse().unwrap_or(0),
            "cookie" => session = value.contains("picloud_session="),
            _ => {}
        }
    }
    std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink())?;
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if !matches!(method, "GET" | "OPTIONS") {
        let mut changes = changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.insert(query.to_owned(), session);
    }
    let (kind, body) = match path {
        "/image.svg" => (
            "image/svg+xml",
            "<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>",
        ),
        "/style.css" => ("text/css", "p { color: red }"),
        "/api/v1/openapi.json" => ("text/javascript", "window.told = 'everything'"),
        "/" => (
            "text/html",
            "<script>onmessage = e => e.source.postMessage('told', '*')</script>",
        ),
        _ => ("application/json", "{\"email\": \"owner\"}"),
    };
    write!(
        reader.get_mut(),
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         Access-Control-Allow-Origin: {origin}\r\nAccess-Control-Allow-Credentials: true\r\n\
         Access-Control-Allow-Methods: DELETE, POST\r\nAccess-Control-Allow-Headers: content-type\r\n\r\n\
         {body}",
        body.len()
    )
}
