//! Clients that speak raw bytes: bodies that do not end, answers that nobody reads.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use test_support::Server;

use crate::hostile::script::Script;

/// A request to the control plane may have that many bytes.
const ADMIN_BODY: usize = 8 << 20;
/// One to a script that many.
const BODY: usize = 6 << 20;
/// How long clients hold what they have, unless `HOSTILE_HOLD` says otherwise (seconds).
const HOLD: Duration = Duration::from_secs(3);

/// One client: it is done when it has an answer, is cut off or has held out.
pub(super) type Client = fn(&Script, &Server) -> io::Result<()>;

/// The client of that name.
pub(super) fn client(name: &str) -> Option<Client> {
    let clients: [(&str, Client); 7] = [
        ("unfinished", unfinished),
        ("trickling", trickling),
        ("silent", silent),
        ("slow-reader", slow_reader),
        ("unread", unread),
        ("unread-h2", unread_h2),
        ("unfinished-h2", unfinished_h2),
    ];
    clients
        .into_iter()
        .find_map(|(known, client)| (known == name).then_some(client))
}

/// All kinds in turn.
pub(super) fn mixed(case: &Script, server: &Server) -> Vec<String> {
    const ALL: [Client; 7] = [
        unfinished,
        trickling,
        silent,
        slow_reader,
        unread,
        unread_h2,
        unfinished_h2,
    ];
    at_once(case, server, |number| ALL[number % ALL.len()])
}

/// As many clients as the case says, at once. That one is refused or cut off is no news.
pub(super) fn at_once(
    case: &Script,
    server: &Server,
    kind: impl Fn(usize) -> Client,
) -> Vec<String> {
    std::thread::scope(|scope| {
        for number in 0..case.parallel {
            let client = kind(number);
            scope.spawn(move || drop(client(case, server)));
        }
    });
    Vec::new()
}

fn hold() -> Duration {
    let wanted = std::env::var("HOSTILE_HOLD").ok();
    let seconds = wanted.and_then(|seconds| seconds.parse().ok());
    seconds.map_or(HOLD, Duration::from_secs)
}

fn connect(address: std::net::SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_write_timeout(Some(hold()))?;
    stream.set_read_timeout(Some(hold()))?;
    Ok(stream)
}

fn post(host: &str, path: &str, length: usize) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    )
    .into_bytes()
}

fn host(case: &Script) -> String {
    format!("{}.localhost", case.app())
}

/// All but the last bytes of a sign-in.
fn unfinished(_case: &Script, server: &Server) -> io::Result<()> {
    let mut stream = connect(server.admin_address())?;
    stream.write_all(&post("localhost", "/api/v1/sessions", ADMIN_BODY))?;
    stream.write_all(&vec![b' '; ADMIN_BODY - 8])?;
    stream.read_exact(&mut [0])
}

/// Most of a body for a script, then a byte now and then.
fn trickling(case: &Script, server: &Server) -> io::Result<()> {
    let mut stream = connect(server.address())?;
    stream.write_all(&post(&host(case), "/", BODY))?;
    stream.write_all(&vec![b'x'; BODY - 1_000])?;
    let start = Instant::now();
    while start.elapsed() < hold() {
        stream.write_all(b"x")?;
        std::thread::sleep(Duration::from_millis(500));
    }
    Ok(())
}

/// Half a head, and nothing more.
fn silent(case: &Script, server: &Server) -> io::Result<()> {
    let mut stream = connect(server.address())?;
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {}\r\n", host(case)).as_bytes())?;
    stream.read_exact(&mut [0])
}

fn get(case: &Script, server: &Server) -> io::Result<TcpStream> {
    let mut stream = connect(server.address())?;
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", host(case)).as_bytes())?;
    Ok(stream)
}

/// Reads a large answer a few bytes at a time.
fn slow_reader(case: &Script, server: &Server) -> io::Result<()> {
    let mut stream = get(case, server)?;
    let start = Instant::now();
    while start.elapsed() < hold() {
        stream.read_exact(&mut [0; 16])?;
        std::thread::sleep(Duration::from_millis(500));
    }
    Ok(())
}

/// Asks for a large answer and does not read it.
fn unread(case: &Script, server: &Server) -> io::Result<()> {
    let _stream = get(case, server)?;
    std::thread::sleep(hold());
    Ok(())
}

/// Asks eight times over one HTTP/2 connection and leaves the server no window to answer.
fn unread_h2(case: &Script, server: &Server) -> io::Result<()> {
    let mut stream = open_h2(server)?;
    for number in 0..8 {
        let last = true;
        stream.write_all(&headers(case, b"\x82", 2 * number + 1, last))?;
    }
    until_closed(&mut stream)
}

/// Sends a part of eight bodies over one HTTP/2 connection.
fn unfinished_h2(case: &Script, server: &Server) -> io::Result<()> {
    let mut stream = open_h2(server)?;
    for number in 0..8 {
        let id = 2 * number + 1;
        stream.write_all(&headers(case, b"\x83", id, false))?;
        stream.write_all(&frame(0, 0, id, &[b'x'; 4_096]))?;
    }
    until_closed(&mut stream)
}

fn until_closed(stream: &mut TcpStream) -> io::Result<()> {
    let start = Instant::now();
    while start.elapsed() < hold() && stream.read(&mut [0; 1_024])? > 0 {}
    Ok(())
}

/// A connection whose streams have no window.
fn open_h2(server: &Server) -> io::Result<TcpStream> {
    let mut stream = connect(server.address())?;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
    // SETTINGS_INITIAL_WINDOW_SIZE = 0
    stream.write_all(&frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]))?;
    Ok(stream)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// HEADERS of a request for `/`; `method` is its index in the static table, as are the path and
/// the scheme.
fn headers(case: &Script, method: &[u8], stream: u32, last: bool) -> Vec<u8> {
    let host = host(case);
    let mut block = method.to_vec();
    block.extend(b"\x86\x84\x01");
    block.push(host.len() as u8);
    block.extend(host.as_bytes());
    let (end_headers, end_stream) = (4, u8::from(last));
    frame(1, end_headers | end_stream, stream, &block)
}
