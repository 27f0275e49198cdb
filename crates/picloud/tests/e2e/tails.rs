//! Live tails over real sockets: they end with what allowed them, and each app has its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};
use test_support::{Postgres, Reply, Server};

use crate::support::{APP, deploy, setup, started};

const EMAIL: &str = "owner@example.com";
const PASSWORD: &str = "a long enough password";
/// Logs the text it is asked for.
const SAY: &str = "log::info(req.query.text)";

/// One event of a tail.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    name: String,
    id: String,
    data: String,
}

impl Event {
    /// The text of the line.
    fn message(&self) -> String {
        assert_eq!(self.name, "log", "{self:?}");
        let line: Value = serde_json::from_str(&self.data).unwrap();
        line["message"].as_str().unwrap().to_owned()
    }
}

/// An open tail.
struct Tail(BufReader<TcpStream>);

impl Tail {
    /// Opens it with header lines, each with its line break; its head has come.
    fn open(server: &Server, path: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(server.admin_address()).unwrap();
        let head = format!("GET /api/v1{path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut tail = Self(BufReader::new(stream));
        assert_eq!(tail.line(), "HTTP/1.1 200 OK");
        while !tail.line().is_empty() {}
        tail
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).unwrap();
        assert!(read > 0, "cut off");
        line.trim_end().to_owned()
    }

    /// The next event; `None` when the server has ended the tail in good order.
    fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        loop {
            let line = self.line();
            if line == "0" {
                return None;
            }
            match line.split_once(": ") {
                Some(("event", name)) => name.clone_into(&mut event.name),
                Some(("id", id)) => id.clone_into(&mut event.id),
                Some(("data", data)) => data.clone_into(&mut event.data),
                _ if line.is_empty() && !event.name.is_empty() => return Some(event),
                // The sizes of chunks, and signs of life.
                _ => {}
            }
        }
    }

    /// Every event up to the end.
    fn all(mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.next()).collect()
    }
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// A new token: its secret and its path.
fn token(server: &Server, app: Option<&str>) -> (String, String) {
    let wanted = json!({"name": "tail", "scopes": ["read"], "app": app});
    let made = server.api("POST", "/tokens", &wanted).expect(201).json();
    let id = made["token"]["id"].as_str().unwrap();
    let secret = made["secret"].as_str().unwrap();
    (secret.to_owned(), format!("/tokens/{id}"))
}

/// Signs the owner in: the cookie.
fn session(server: &Server) -> String {
    let headers = [("content-type", "application/json")];
    if let Some(token) = server.setup_token() {
        let owner = json!({"token": token, "email": EMAIL, "password": PASSWORD});
        server.admin("POST", "/api/v1/setup", &headers, owner.to_string());
    }
    let person = json!({"email": EMAIL, "password": PASSWORD}).to_string();
    let signed_in = server.admin("POST", "/api/v1/sessions", &headers, person);
    let cookie = signed_in.expect(201);
    let cookie = cookie.header("set-cookie").unwrap().split(';').next();
    cookie.unwrap().to_owned()
}

fn say(server: &Server, text: &str) -> Reply {
    let path = format!("/say?text={text}");
    server.get(&path).expect(204)
}

/// Sends a request and does not wait for its answer.
fn knock(server: &Server, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: shop.localhost\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

const TAILS: [&str; 2] = ["/apps/shop/logs/tail", "/apps/shop/events/tail"];

#[test]
fn a_tail_ends_with_what_allowed_it() {
    let server = started(setup());
    deploy(&server, &[("say", SAY)]);
    let cookie = session(&server);
    let other = session(&server);
    let (ended, path) = token(&server, None);
    let (bound, bound_path) = token(&server, Some(APP));
    let (stays, _) = token(&server, Some(APP));
    let open = |headers: &str| TAILS.map(|path| Tail::open(&server, path, headers));
    let with = |cookie: &str| format!("Cookie: {cookie}\r\n");
    let mut gone: Vec<Tail> = Vec::new();
    let headers = [bearer(&ended), bearer(&bound), with(&cookie)];
    gone.extend(headers.iter().flat_map(|headers| open(headers)));
    let [mut kept, _events] = open(&bearer(&stays));
    let [mut signed_in, _events] = open(&with(&other));
    say(&server, "before");
    server.api("DELETE", &path, &Value::Null).expect(204);
    server.api("DELETE", &bound_path, &Value::Null).expect(204);
    let origin = server.admin_url().to_owned();
    let sent = [("cookie", cookie.as_str()), ("origin", origin.as_str())];
    let out = server.admin("DELETE", "/api/v1/sessions/current", &sent, "");
    out.expect(204);
    for (at, tail) in gone.into_iter().enumerate() {
        let events = tail.all();
        let texts: Vec<String> = events.iter().map(Event::message).collect();
        assert_eq!(texts, ["before"][..(at + 1) % 2], "{at}");
    }
    // Those of others go on, and see everything.
    say(&server, "after");
    for tail in [&mut kept, &mut signed_in] {
        let texts = [(); 2].map(|()| tail.next().unwrap().message());
        assert_eq!(texts, ["before", "after"]);
    }
    // With the app all of them end.
    server.api("DELETE", "/apps/shop", &Value::Null).expect(204);
    assert_eq!(kept.all(), []);
    assert_eq!(signed_in.all(), []);
}

/// What another server has ended is ended here too.
#[test]
fn a_tail_ends_with_a_token_that_another_server_deletes() {
    let url = Postgres::shared().fresh();
    let here = started(setup().postgres(&url));
    let there = setup().postgres(&url).start();
    // Tokens are somebody's.
    session(&here);
    let (secret, path) = token(&here, None);
    let tails = TAILS.map(|path| Tail::open(&here, path, &bearer(&secret)));
    there.api("DELETE", &path, &Value::Null).expect(204);
    for tail in tails {
        assert_eq!(tail.all(), []);
    }
}

/// More than waits for a slow reader, by an app that it may know nothing of.
#[test]
fn what_an_app_logs_never_makes_the_reader_of_another_miss_a_line() {
    let server = started(setup());
    deploy(&server, &[("say", SAY)]);
    let noise = json!({
        "scripts": {"main": {"source": "for i in 0..300 { log::info(`${i}`) }"}},
        "routes": [{"path": "/", "script": "main"}],
    });
    server
        .api("POST", "/apps", &json!({"name": "noise"}))
        .expect(201);
    let made = server.api("POST", "/apps/noise/releases", &noise);
    made.expect(201);
    let mut tail = Tail::open(&server, TAILS[0], &bearer(server.token()));
    for at in 0..30 {
        say(&server, &at.to_string());
        let host = [("host", "noise.localhost")];
        server.request("GET", "/", &host, "").expect(204);
    }
    for at in 0..30 {
        assert_eq!(tail.next().unwrap().message(), at.to_string());
    }
}

/// The run cannot end before its first line was seen: whoever sees it lets it go on.
#[test]
fn a_line_comes_while_its_run_goes_on() {
    const WAIT: &str = "let c = kv::collection(\"c\"); \
                        while c.get(key) == () { time::sleep(\"5ms\") }";
    let waits = format!("log::info(`first ${{key}}`); {WAIT}; log::info(`last ${{key}}`)");
    let asks = |rest: &str| format!("let key = req.query.key; {rest}");
    let stream = "response::stream(|out| { out.write(\"x\"); REST; })".replace("REST", &waits);
    let turns = format!(
        "log::info(`first ${{key}}`); for i in 0..200_000 {{}} {WAIT}; log::info(`last ${{key}}`)"
    );
    let called = format!("let key = event.args; {waits}");
    let server = started(setup());
    deploy(
        &server,
        &[
            ("plain", &asks(&waits)),
            ("stream", &asks(&stream)),
            ("turns", &asks(&turns)),
            ("caller", "invoke::call(\"called\", req.query.key)"),
            ("called", &called),
            ("open", "kv::collection(\"c\").set(req.query.key, 1)"),
        ],
    );
    let mut tail = Tail::open(&server, TAILS[0], &bearer(server.token()));
    for script in ["plain", "stream", "turns", "caller"] {
        let _asked = knock(&server, &format!("/{script}?key={script}"));
        assert_eq!(tail.next().unwrap().message(), format!("first {script}"));
        server.get(&format!("/open?key={script}"));
        assert_eq!(tail.next().unwrap().message(), format!("last {script}"));
    }
    // Each came once.
    say_nothing_else(&server, &mut tail);
}

/// The next line is one that is logged now.
fn say_nothing_else(server: &Server, tail: &mut Tail) {
    deploy(server, &[("say", SAY)]);
    say(server, "end");
    assert_eq!(tail.next().unwrap().message(), "end");
}
