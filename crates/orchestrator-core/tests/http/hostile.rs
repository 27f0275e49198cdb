//! Requests an attacker sends, as data. None may crash the server, get a 5xx, or make it answer a
//! request hidden in another's body.

use std::time::Duration;

use crate::server::{Server, Setup};

const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: shop.localhost\r\n\r\n";
const H: &str = "Host: shop.localhost\r\n";

/// Name, bytes, statuses that may come (empty: the connection may just close).
#[expect(clippy::too_many_lines, reason = "a table")]
fn attacks() -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    let text = |s: String| s.into_bytes();
    let len = HIDDEN.len();
    vec![
        (
            "two hosts",
            text(format!("GET / HTTP/1.1\r\n{H}Host: b.localhost\r\n\r\n")),
            &[400],
        ),
        ("no host", text("GET / HTTP/1.1\r\n\r\n".into()), &[400]),
        (
            "empty host",
            text("GET / HTTP/1.1\r\nHost: \r\n\r\n".into()),
            &[400],
        ),
        (
            "host with path",
            text("GET / HTTP/1.1\r\nHost: shop.localhost/x\r\n\r\n".into()),
            &[400],
        ),
        (
            "host with user",
            text("GET / HTTP/1.1\r\nHost: u@shop.localhost\r\n\r\n".into()),
            &[400],
        ),
        (
            "host not ascii",
            b"GET / HTTP/1.1\r\nHost: sh\xffop\r\n\r\n".to_vec(),
            &[400],
        ),
        (
            "absolute form",
            text(format!("GET http://shop.localhost/a HTTP/1.1\r\n{H}\r\n")),
            &[200],
        ),
        (
            "authority form",
            text(format!("CONNECT shop.localhost:80 HTTP/1.1\r\n{H}\r\n")),
            &[404, 405],
        ),
        (
            "asterisk form",
            text(format!("OPTIONS * HTTP/1.1\r\n{H}\r\n")),
            &[204, 400, 404],
        ),
        (
            "length and chunked",
            text(format!(
                "POST / HTTP/1.1\r\n{H}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            )),
            &[200, 400],
        ),
        (
            "chunked and length, hidden",
            text(format!(
                "POST / HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n{len:x}\r\n{HIDDEN}\r\n0\r\n\r\n"
            )),
            &[200, 400],
        ),
        (
            "length over hidden",
            text(format!(
                "POST / HTTP/1.1\r\n{H}Content-Length: {len}\r\n\r\n{HIDDEN}"
            )),
            &[200],
        ),
        (
            "two lengths",
            text(format!(
                "POST / HTTP/1.1\r\n{H}Content-Length: 0\r\nContent-Length: {len}\r\n\r\n{HIDDEN}"
            )),
            &[400],
        ),
        (
            "length list",
            text(format!(
                "POST / HTTP/1.1\r\n{H}Content-Length: 0, {len}\r\n\r\n{HIDDEN}"
            )),
            &[400],
        ),
        (
            "length with sign",
            text(format!(
                "POST / HTTP/1.1\r\n{H}Content-Length: +{len}\r\n\r\n{HIDDEN}"
            )),
            &[400],
        ),
        (
            "negative length",
            text(format!("POST / HTTP/1.1\r\n{H}Content-Length: -1\r\n\r\n")),
            &[400],
        ),
        (
            "huge length",
            text(format!(
                "POST / HTTP/1.1\r\n{H}Content-Length: 99999999999999999999999\r\n\r\n"
            )),
            &[400],
        ),
        (
            "te identity",
            text(format!(
                "POST / HTTP/1.1\r\n{H}Transfer-Encoding: identity\r\n\r\n{HIDDEN}"
            )),
            &[400],
        ),
        (
            "te not last",
            text(format!(
                "POST / HTTP/1.1\r\n{H}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n{HIDDEN}"
            )),
            &[400],
        ),
        (
            "te with junk",
            text(format!(
                "POST / HTTP/1.1\r\n{H}Transfer-Encoding: xchunked\r\n\r\n{HIDDEN}"
            )),
            &[400],
        ),
        (
            "te space before colon",
            text(format!(
                "POST / HTTP/1.1\r\n{H}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"
            )),
            &[400],
        ),
        (
            "te in http 1.0",
            text(format!(
                "POST / HTTP/1.0\r\n{H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            )),
            &[400],
        ),
        (
            "chunk size junk",
            text(format!(
                "POST / HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\n\r\nzz\r\n"
            )),
            &[400],
        ),
        (
            "chunk size overflow",
            text(format!(
                "POST / HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"
            )),
            &[400],
        ),
        (
            "chunk size negative",
            text(format!(
                "POST / HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\n\r\n-1\r\n"
            )),
            &[400],
        ),
        (
            "chunk without end",
            text(format!(
                "POST / HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n"
            )),
            &[400],
        ),
        (
            "huge chunk extension",
            text(format!(
                "POST / HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\n\r\n1;{}\r\na\r\n0\r\n\r\n",
                "e".repeat(40_000)
            )),
            &[400],
        ),
        (
            "folded header",
            text(format!("GET / HTTP/1.1\r\n{H}X-A: 1\r\n 2\r\n\r\n")),
            &[400],
        ),
        (
            "bare lf",
            text("GET / HTTP/1.1\nHost: shop.localhost\n\n".into()),
            &[200, 400],
        ),
        (
            "bare cr",
            text(format!("GET / HTTP/1.1\r\n{H}X-A: 1\r2\r\n\r\n")),
            &[400],
        ),
        (
            "nul in header",
            text(format!("GET / HTTP/1.1\r\n{H}X-A: a\0b\r\n\r\n")),
            &[400],
        ),
        (
            "nul in path",
            text(format!("GET /a\0b HTTP/1.1\r\n{H}\r\n")),
            &[400],
        ),
        (
            "encoded nul",
            text(format!("GET /a%00b HTTP/1.1\r\n{H}\r\n")),
            &[200, 400, 404],
        ),
        (
            "bad escape",
            text(format!("GET /a%zz%f HTTP/1.1\r\n{H}\r\n")),
            &[200, 400, 404],
        ),
        (
            "not utf-8",
            text(format!("GET /%ff%fe HTTP/1.1\r\n{H}\r\n")),
            &[200, 400, 404],
        ),
        (
            "dots",
            text(format!("GET /../../etc/passwd HTTP/1.1\r\n{H}\r\n")),
            &[200, 400, 404],
        ),
        (
            "many slashes",
            text(format!("GET {} HTTP/1.1\r\n{H}\r\n", "/".repeat(5_000))),
            &[200, 400, 404],
        ),
        (
            "space in path",
            text(format!("GET /a b HTTP/1.1\r\n{H}\r\n")),
            &[400],
        ),
        (
            "path without slash",
            text(format!("GET a HTTP/1.1\r\n{H}\r\n")),
            &[400, 404],
        ),
        (
            "header without colon",
            text(format!("GET / HTTP/1.1\r\n{H}nonsense\r\n\r\n")),
            &[400],
        ),
        (
            "empty header name",
            text(format!("GET / HTTP/1.1\r\n{H}: x\r\n\r\n")),
            &[400],
        ),
        (
            "version 3",
            text(format!("GET / HTTP/3.0\r\n{H}\r\n")),
            &[400],
        ),
        ("version 0.9", text("GET /\r\n\r\n".into()), &[400]),
        (
            "tls hello",
            vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3],
            &[400],
        ),
        (
            "random bytes",
            (0..=255).cycle().take(3_000).collect(),
            &[400],
        ),
        (
            "expect something",
            text(format!(
                "POST / HTTP/1.1\r\n{H}Expect: everything\r\nContent-Length: 0\r\n\r\n"
            )),
            &[200, 417],
        ),
        (
            "upgrade h2c",
            text(format!(
                "GET / HTTP/1.1\r\n{H}Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
            )),
            &[200],
        ),
        (
            "upgrade, then bytes",
            text(format!(
                "GET / HTTP/1.1\r\n{H}Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: {len}\r\n\r\n{HIDDEN}"
            )),
            &[200],
        ),
        (
            "preface, then junk",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".to_vec(),
            &[],
        ),
    ]
}

#[test]
fn hostile_requests_get_a_clear_error_and_nothing_else() {
    let mut setup = Setup::default();
    setup.ingress.client_patience = Duration::from_millis(100);
    setup.ingress.idle = Duration::from_millis(100);
    let server = Server::with(setup);
    server.shop("echo");
    let mut wrong = Vec::new();
    for (name, bytes, statuses) in attacks() {
        let answer = server.raw(&bytes);
        let text = String::from_utf8_lossy(&answer);
        let status = text
            .strip_prefix("HTTP/1.")
            .and_then(|t| t.get(2..5)?.parse::<u16>().ok());
        let fine = match status {
            Some(status) => statuses.contains(&status),
            None => true,
        };
        // Echoed in a body's length at most, never as a request of its own.
        if !fine || text.contains(r#""uri":"/hidden""#) || text.contains("HTTP/1.1 5") {
            wrong.push(format!("{name}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n---\n"));
    assert_eq!(server.get("/").status, 200, "and the server lives");
}
