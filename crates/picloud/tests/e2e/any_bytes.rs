//! Any bytes as a request, host, path, token or body: a clear error, never a 5xx, never a crash.
//!
//! Seeded: a failure prints its request, and the same seed makes it again.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use fastrand::Rng;
use serde_json::{Value, json};

use crate::support::{APP, setup, started};

const SEED: u64 = 20_261_124;
const REQUESTS: usize = 3_000;
/// Of these every fourth is cut up or overwritten, so that nothing of it can be relied on.
const BROKEN_EVERY: usize = 4;

/// Reads everything a request has; what is not there is `()`.
const ECHO: &str = r"
    let json = ();
    try { json = req.json; } catch (error) { json = `${error}`; }
    #{ method: req.method, url: req.url, query: req.query, host: req.host, form: req.form,
       params: req.params, cookies: req.cookies, headers: req.headers.to_map(), text: req.text,
       bytes: req.body, ip: req.ip, json: json }
";

/// Texts that break things, beside random ones.
const TEXTS: [&str; 16] = [
    "",
    "/",
    "..",
    "%00",
    "%",
    "%ff%fe",
    "a%2fb",
    ":",
    "*",
    "'--",
    "\u{202e}\u{1f4a3}",
    "0x41",
    "-9223372036854775809",
    "__proto__",
    "{\"a\":",
    "\u{7f}",
];

const METHODS: [&str; 9] = [
    "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW",
];

/// The paths of the admin API, from its document.
fn operations() -> Vec<String> {
    let document: Value =
        serde_json::from_str(include_str!("../../../../api/openapi.json")).unwrap();
    document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect()
}

fn some<'a, T>(random: &mut Rng, of: &'a [T]) -> &'a T {
    &of[random.usize(..of.len())]
}

/// A text of any bytes that may stand in a header's value or a body.
fn bytes(random: &mut Rng, most: usize) -> Vec<u8> {
    if random.bool() {
        return some(random, &TEXTS).as_bytes().to_vec();
    }
    let length = random.usize(..most);
    let bytes = std::iter::repeat_with(|| random.u8(..)).take(length);
    bytes.collect()
}

/// One of so many times.
fn rarely(random: &mut Rng, times: u8) -> bool {
    random.u8(..times) == 0
}

/// The same as a header's value: mostly without the bytes that make it no header at all.
fn line(random: &mut Rng, most: usize) -> Vec<u8> {
    let mut line = bytes(random, most);
    if !rarely(random, 40) {
        line.retain(|byte| !byte.is_ascii_control());
    }
    line
}

/// The same as part of a path: mostly in escapes, and some that are none.
fn segment(random: &mut Rng) -> Vec<u8> {
    let raw = rarely(random, 40);
    let mut segment = Vec::new();
    for byte in bytes(random, 40) {
        if raw || byte.is_ascii_alphanumeric() || b"%/:;=&.-~*".contains(&byte) {
            segment.push(byte);
        } else {
            segment.extend(format!("%{byte:02x}").bytes());
        }
    }
    segment
}

fn path(random: &mut Rng, operations: &[String]) -> Vec<u8> {
    let mut path = Vec::new();
    if rarely(random, 3) {
        path.extend(b"/echo");
        for _ in 0..random.usize(..4) {
            path.push(b'/');
            path.extend(segment(random));
        }
    } else {
        for part in some(random, operations).split('/').skip(1) {
            path.push(b'/');
            match part {
                "{app}" if !rarely(random, 4) => path.extend(b"shop"),
                "{script}" if random.bool() => path.extend(b"echo"),
                _ if part.starts_with('{') => path.extend(segment(random)),
                _ => path.extend(part.bytes()),
            }
        }
    }
    if random.bool() {
        path.push(b'?');
        path.extend(segment(random));
        path.push(b'=');
        path.extend(segment(random));
    }
    path
}

/// JSON of any shape, or something like it.
fn value(random: &mut Rng, depth: usize) -> Value {
    match random.u8(..if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => random.bool().into(),
        2 => random.i64(..).into(),
        3 => random.f64().into(),
        4 => String::from_utf8_lossy(&bytes(random, 30))
            .into_owned()
            .into(),
        5 => (0..random.usize(..4))
            .map(|_| value(random, depth - 1))
            .collect(),
        _ => {
            let known = [
                "name", "source", "scripts", "routes", "limits", "path", "to",
            ];
            (0..random.usize(..4))
                .map(|_| ((*some(random, &known)).to_owned(), value(random, depth - 1)))
                .collect()
        }
    }
}

fn body(random: &mut Rng) -> Vec<u8> {
    match random.u8(..3) {
        0 => Vec::new(),
        1 => bytes(random, 2_000),
        _ => value(random, 4).to_string().into_bytes(),
    }
}

/// A request with whole framing and anything in it.
fn request(random: &mut Rng, operations: &[String], token: &str) -> Vec<u8> {
    let mut request = some(random, &METHODS).as_bytes().to_vec();
    request.push(b' ');
    request.extend(path(random, operations));
    request.extend(b" HTTP/1.1\r\nHost: ");
    match random.u8(..12) {
        0 => request.extend(line(random, 60)),
        1..4 => request.extend(b"shop.localhost"),
        _ => request.extend(b"localhost"),
    }
    request.extend(b"\r\nAuthorization: ");
    match random.u8(..12) {
        0 => request.extend(line(random, 200)),
        1 | 2 => {
            request.extend(b"Bearer ");
            request.extend(line(random, 80));
        }
        _ => request.extend(format!("Bearer {token}").bytes()),
    }
    for name in [
        "Content-Type",
        "Cookie",
        "If-Match",
        "Origin",
        "X-Forwarded-For",
    ] {
        if rarely(random, if name == "Content-Type" { 2 } else { 4 }) {
            request.extend(format!("\r\n{name}: ").bytes());
            if name == "Content-Type" && !rarely(random, 4) {
                request.extend(b"application/json");
            } else {
                request.extend(line(random, 60));
            }
        }
    }
    let body = body(random);
    let end = format!(
        "\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    request.extend(end.bytes());
    request.extend(body);
    request
}

/// Cut off somewhere, or overwritten in places.
fn broken(random: &mut Rng, mut request: Vec<u8>) -> Vec<u8> {
    if random.bool() {
        request.truncate(random.usize(..request.len()));
    }
    for _ in 0..random.usize(1..8) {
        if !request.is_empty() {
            let at = random.usize(..request.len());
            request[at] = random.u8(..);
        }
    }
    request
}

/// The head of the answer; empty when the connection was closed without one. A live tail has no
/// end, so the rest stays unread.
fn ask(address: SocketAddr, request: &[u8], ends: bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    // It may have answered and closed before it had all.
    drop(stream.write_all(request));
    if ends {
        drop(stream.shutdown(Shutdown::Write));
    }
    let (mut answer, mut buffer) = (Vec::new(), [0; 4_096]);
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => answer.extend(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error} after {}", request.escape_ascii()),
        }
    }
    answer
}

/// What is wrong with an answer, if anything.
fn wrong(answer: &[u8], whole: bool) -> Option<&'static str> {
    let status = answer
        .strip_prefix(b"HTTP/1.1 ")
        .and_then(|rest| rest.first());
    match status {
        Some(b'1'..=b'4') => None,
        Some(_) => Some("a server error"),
        None if answer.is_empty() && !whole => None,
        None if answer.is_empty() => Some("no answer"),
        None => Some("no HTTP"),
    }
}

#[test]
fn any_bytes_get_a_clear_error() {
    let server = started(setup());
    let release = json!({
        "scripts": {"echo": {"source": ECHO}},
        "routes": [{"path": "/echo/*rest", "script": "echo"}],
    });
    let releases = format!("/apps/{APP}/releases");
    server.api("POST", &releases, &release).expect(201);
    let (mut random, operations) = (Rng::with_seed(SEED), operations());
    let token = server.token().to_owned();
    let addresses = [server.address(), server.admin_address()];
    let (mut answered, mut findings) = (0, Vec::new());
    for at in 0..REQUESTS {
        let mut bytes = request(&mut random, &operations, &token);
        let whole = at % BROKEN_EVERY != 0;
        if !whole {
            bytes = broken(&mut random, bytes);
        }
        let answer = ask(*some(&mut random, &addresses), &bytes, !whole);
        answered += usize::from(!answer.is_empty());
        if let Some(what) = wrong(&answer, whole) {
            let (bytes, answer) = (bytes.escape_ascii(), answer.escape_ascii());
            findings.push(format!("{what}: {bytes}\n  -> {answer}"));
        }
    }
    assert!(
        findings.is_empty(),
        "{}\n{}",
        findings.join("\n"),
        server.log()
    );
    assert!(answered > REQUESTS / 2, "{answered} answers");
    let log = server.log();
    assert!(!log.contains("panicked"), "{log}");
    server.get("/readyz").expect(200);
}

#[test]
fn the_check_sees_server_errors_and_silence() {
    assert_eq!(wrong(b"HTTP/1.1 400 Bad Request\r\n", true), None);
    assert_eq!(wrong(b"", false), None);
    for answer in [&b"HTTP/1.1 500 x"[..], b"HTTP/1.1 503 x", b"", b"junk"] {
        assert!(wrong(answer, true).is_some(), "{}", answer.escape_ascii());
    }
}
