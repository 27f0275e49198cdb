//! From a script's outcome to bytes.

use std::io::{Read, Write};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;

use crate::server::{Server, Setup};

#[test]
fn failures_tell_the_client_no_internals() {
    for (what, status, code) in [
        ("wall", 504, "script_timeout"),
        ("memory", 500, "script_limit"),
        ("internal", 500, "internal"),
        ("thrown", 500, "script_failed"),
        ("public", 404, "thrown"),
    ] {
        let server = Server::start();
        server.shop(&format!("fail {what}"));
        let answer = server.get("/");
        assert_eq!((answer.status, &*answer.code()), (status, code), "{what}");
        assert!(!answer.body.contains("secret"), "{answer:?}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        match what {
            "memory" => assert!(detail.contains("memory"), "{detail}"),
            "public" => assert_eq!(detail, "no such order"),
            _ => {}
        }
    }
}

#[test]
fn a_script_cannot_break_the_connection_with_headers_or_status() {
    let server = Server::start();
    server.shop("headers");
    let answer = server.get("/");
    assert_eq!((answer.status, &*answer.body), (200, "x"));
    assert_eq!(answer.header("content-length"), Some("1"));
    assert_eq!(answer.header("transfer-encoding"), None);
    for (status, seen) in [(101, 500), (204, 204), (304, 304), (599, 599)] {
        let server = Server::start();
        server.shop(&format!("status {status}"));
        assert_eq!(server.get("/").status, seen, "{status}");
    }
}

#[test]
fn a_streamed_body_comes_in_pieces_and_ends() {
    let server = Server::start();
    server.shop("stream");
    let mut stream = server.connect();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    server.started();
    let mut seen = first_piece(&mut stream);
    server.fake.release.add_permits(1);
    stream.read_to_end(&mut seen).unwrap();
    assert!(
        seen.ends_with(b"1\r\nb\r\n0\r\n\r\n"),
        "{}",
        String::from_utf8_lossy(&seen)
    );
}

#[test]
fn a_stream_that_fails_looks_cut_short() {
    let server = Server::start();
    server.shop("cut");
    let mut stream = server.connect();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n")
        .unwrap();
    server.started();
    let mut seen = first_piece(&mut stream);
    server.fake.release.add_permits(1);
    drop(stream.read_to_end(&mut seen));
    let text = String::from_utf8_lossy(&seen);
    assert!(!text.ends_with("0\r\n\r\n"), "{text}");
}

/// Reads up to the piece `a`.
fn first_piece(stream: &mut std::net::TcpStream) -> Vec<u8> {
    let mut seen = Vec::new();
    while !seen.ends_with(b"1\r\na\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        seen.extend(byte);
    }
    seen
}

#[test]
fn a_client_that_leaves_cancels_its_run() {
    for source in ["hang", "stream"] {
        let mut setup = Setup::default();
        setup.ingress.client_patience = Duration::from_millis(50);
        let server = Server::with(setup);
        server.shop(source);
        let mut stream = server.connect();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n")
            .unwrap();
        server.started();
        drop(stream);
        let cancelled = server.runtime.block_on(server.fake.cancelled.acquire());
        cancelled.unwrap().forget();
    }
}

#[test]
fn a_panic_ends_one_connection_only() {
    let server = Server::start();
    let app = server.app("shop", false);
    let routes = serde_json::json!([
        {"path": "/bad", "script": "bad"}, {"path": "/good", "script": "good"},
    ]);
    server.deploy(app, &[("bad", "panic"), ("good", "text fine")], &routes);
    let request = b"GET /bad HTTP/1.1\r\nHost: shop.localhost\r\n\r\n";
    assert_eq!(server.raw(request), b"");
    assert_eq!(server.get("/good").body, "fine");
}

/// An answer over HTTP/2: status, length in the head, body.
fn over_http2(server: &Server, method: &str, uri: &str) -> (u16, Option<String>, Bytes) {
    let address = server.address;
    let request = http::Request::builder().method(method).uri(uri);
    let request = request.body(Full::new(Bytes::new())).unwrap();
    server.runtime.block_on(async move {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let io = TokioIo::new(stream);
        let (mut client, connection) =
            hyper::client::conn::http2::handshake(crate::platform::OnRuntime, io)
                .await
                .unwrap();
        drop(tokio::runtime::Handle::current().spawn(connection));
        let response = client.send_request(request).await.unwrap();
        let (head, body) = response.into_parts();
        let length = head.headers.get("content-length");
        let length = length.map(|length| length.to_str().unwrap().to_owned());
        let body = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), length, body)
    })
}

#[test]
fn an_answer_whose_status_has_no_content_has_none() {
    for (status, body) in [(204, "x"), (205, "four"), (304, "{}"), (204, ""), (304, "")] {
        let server = Server::start();
        server.shop(&format!("status {status} {body}"));
        for method in ["GET", "HEAD"] {
            let answer = server.send(method, "shop.localhost", "/", "");
            assert_eq!((answer.status, &*answer.body), (status, ""), "{method}");
            if status != 205 {
                assert_eq!(answer.header("content-length"), None, "{method} {status}");
            }
            let (seen, length, body) = over_http2(&server, method, "http://shop.localhost/");
            assert_eq!((seen, body), (status, Bytes::new()), "{method}");
            assert!(length.is_none_or(|length| length == "0" && status == 205));
        }
    }
}

#[test]
fn head_has_no_body_over_http2_and_the_length_of_a_get() {
    let server = Server::start();
    server.shop("text hello");
    for (uri, status) in [
        ("http://shop.localhost/", 200),
        ("http://elsewhere.example/", 404),
        ("http://shop.localhost/livez", 200),
        ("http://shop.localhost/.well-known/picloud", 200),
    ] {
        let (got, length, body) = over_http2(&server, "GET", uri);
        assert_eq!((got, length.is_some()), (status, true), "{uri}");
        assert!(!body.is_empty(), "{uri}");
        let head = over_http2(&server, "HEAD", uri);
        assert_eq!(head, (status, length, Bytes::new()), "{uri}");
    }
}

#[test]
fn a_script_finds_the_host_of_http2_where_http1_has_it() {
    let server = Server::start();
    server.shop("echo");
    let (_, _, body) = over_http2(&server, "GET", "http://shop.localhost:9111/x?y=1");
    let echo: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(echo["host_header"], "shop.localhost:9111");
    let echo = server.send("GET", "shop.localhost:9111", "/x", "").json();
    assert_eq!(echo["host_header"], "shop.localhost:9111");
}
