//! Clients that are slow, silent, or split their bytes oddly. Patience is configured short; no
//! time is asserted: a server that waits for ever fails by the client's read timeout.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use orchestrator_core::Format;

use crate::server::{Answer, Server, Setup};

fn impatient(source: &str) -> Server {
    let mut setup = Setup::default();
    setup.ingress.client_patience = Duration::from_millis(150);
    setup.ingress.idle = Duration::from_millis(150);
    let server = Server::with(setup);
    server.shop(source);
    server
}

#[test]
fn silence_in_any_phase_ends_the_connection() {
    let server = impatient("echo");
    for start in [
        "",
        "P",
        "PRI",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: shop.localhost\r\nX-Slow: ",
    ] {
        let answer = server.raw(start.as_bytes());
        let text = String::from_utf8_lossy(&answer);
        assert!(
            !text.contains(" 200 ") && !text.contains(" 500 "),
            "{start:?}: {text}"
        );
    }
}

#[test]
fn an_idle_connection_is_closed_after_its_answer() {
    let server = impatient("echo");
    let answer = server.raw(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n");
    assert_eq!(Answer::parse(&answer).status, 200);
}

#[test]
fn an_idle_connection_is_closed_also_when_its_first_answer_took_time() {
    let server = impatient("hang");
    let mut stream = server.connect();
    let request = b"GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n";
    stream.write_all(request).unwrap();
    server.started();
    server.fake.release.add_permits(1);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(Answer::parse(&answer).status, 200);
}

#[test]
fn a_slow_body_gets_408() {
    let server = impatient("echo");
    for request in [
        "Content-Length: 100\r\n\r\nsome",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    ] {
        let head = "POST / HTTP/1.1\r\nHost: shop.localhost\r\n";
        let answer = Answer::parse(&server.raw(format!("{head}{request}").as_bytes()));
        assert_eq!(
            (answer.status, &*answer.code()),
            (408, "body_too_slow"),
            "{request:?}"
        );
    }
}

#[test]
fn a_waiting_script_is_not_a_silent_client() {
    let mut setup = Setup::default();
    setup.ingress.client_patience = Duration::from_millis(50);
    setup.ingress.idle = Duration::from_millis(50);
    let server = Server::with(setup);
    server.shop("stream");
    let mut stream = server.connect();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    server.started();
    // Another connection lives through its whole patience meanwhile.
    assert!(server.raw(b"").is_empty());
    assert!(server.raw(b"").is_empty());
    server.fake.release.add_permits(1);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(b"1\r\nb\r\n0\r\n\r\n"));
}

#[test]
fn bytes_may_come_one_by_one_and_requests_all_at_once() {
    let server = Server::start();
    server.shop("echo");
    let mut stream = server.connect();
    stream.set_nodelay(true).unwrap();
    for byte in b"POST /a HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 2\r\n\r\nhi" {
        stream.write_all(&[*byte]).unwrap();
    }
    let rest = b"GET /b HTTP/1.1\r\nHost: shop.localhost\r\n\r\n\
        GET /c HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(rest).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let at = |part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("{part} in {text}"))
    };
    assert!(at(r#""uri":"/a""#) < at(r#""uri":"/b""#));
    assert!(at(r#""uri":"/b""#) < at(r#""uri":"/c""#));
}

#[test]
fn connections_beyond_the_bound_are_closed_and_others_served() {
    let mut setup = Setup::default();
    setup.ingress.connections = 1;
    let server = Server::with(setup);
    server.shop("echo");
    let mut held = server.connect();
    held.write_all(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n")
        .unwrap();
    held.read_exact(&mut [0; 12]).unwrap();
    assert!(
        server
            .raw(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n")
            .is_empty()
    );
    held.write_all(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut rest = String::new();
    held.read_to_string(&mut rest).unwrap();
    assert_eq!(rest.matches("HTTP/1.1 200").count(), 1, "{rest}");
}

/// What comes back when the client sends this and then says that nothing more will come.
fn half_closed(server: &Server, request: &[u8]) -> Vec<u8> {
    let mut stream = server.connect();
    stream.write_all(request).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).unwrap();
    answers
}

#[test]
fn who_sends_nothing_more_gets_the_answers_that_are_owed() {
    let server = Server::start();
    server.shop("hang");
    for request in [
        "GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: shop.localhost\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 0\r\n\r\n",
    ] {
        let answers = std::thread::scope(|scope| {
            let asking = scope.spawn(|| half_closed(&server, request.as_bytes()));
            server.started();
            server.fake.release.add_permits(1);
            asking.join().unwrap()
        });
        assert_eq!(Answer::parse(&answers).body, "done", "{request}");
    }
    let server = Server::start();
    server.shop("echo");
    let many = "GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n".repeat(300);
    let answers = half_closed(&server, many.as_bytes());
    let answers = String::from_utf8_lossy(&answers);
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 300);
}

#[test]
fn who_sends_nothing_more_is_waited_for_a_bounded_time() {
    let server = impatient("hang");
    let answers = half_closed(&server, b"GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n");
    assert!(answers.is_empty());
    let cancelled = server.runtime.block_on(server.fake.cancelled.acquire());
    cancelled.unwrap().forget();
}

#[test]
fn what_cannot_be_read_is_told_why() {
    let server = Server::start();
    server.shop("echo");
    let host = "Host: shop.localhost\r\nConnection: close\r\n";
    for (request, status, code) in [
        ("GARBAGE\r\n\r\n".to_owned(), 400, "head_unreadable"),
        (
            format!("GET / HTTP/9.9\r\n{host}\r\n"),
            400,
            "head_unreadable",
        ),
        (
            format!("GET / HTTP/1.1\r\n{host}nonsense\r\n\r\n"),
            400,
            "head_unreadable",
        ),
        (
            format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
            501,
            "transfer_encoding_unknown",
        ),
        (
            format!(
                "POST / HTTP/1.1\r\n{host}Transfer-Encoding: deflate\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
            501,
            "transfer_encoding_unknown",
        ),
        (
            format!(
                "POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"
            ),
            501,
            "transfer_encoding_unknown",
        ),
        (
            format!("GET / HTTP/1.1\r\n{host}Expect: 200-ok\r\n\r\n"),
            417,
            "expectation_failed",
        ),
        (
            format!("GET / HTTP/1.1\r\n{host}Expect: 100-continue, foo\r\n\r\n"),
            417,
            "expectation_failed",
        ),
    ] {
        let answer = Answer::parse(&server.raw(request.as_bytes()));
        assert_eq!(
            (answer.status, &*answer.code()),
            (status, code),
            "{request}"
        );
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("application/problem+json"), "{request}");
    }
    let told = server.orchestrator.metrics().text(Format::Classic);
    let line = "picloud_http_platform_answers_total{status=\"400\"} 3";
    assert!(told.contains(line), "{told}");
}
