//! From a script's outcome to bytes.

use std::io::{Read, Write};
use std::sync::Arc;

use crate::server::{Answer, Server, Setup, all_to_main};

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
fn on_a_shared_host_pages_are_sandboxed_and_platform_cookies_removed() {
    let server = Server::start();
    let app = server.app("shop", true);
    server.deploy(app, &[("main", "html <p>")], &all_to_main());
    let policy = |host: &str| {
        let answer = server.send("GET", host, "/", "");
        answer.header("content-security-policy").map(str::to_owned)
    };
    assert!(policy("localhost").unwrap().starts_with("sandbox"));
    assert_eq!(policy("shop.localhost"), None);
    server.deploy(app, &[("main", "headers")], &all_to_main());
    let cookies = |host: &str| {
        let answer = server.send("GET", host, "/", "");
        answer.headers("set-cookie").len()
    };
    assert_eq!(cookies("localhost"), 1);
    assert_eq!(cookies("shop.localhost"), 5);
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
        let server = Server::start();
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

#[test]
fn the_control_plane_answers_its_paths_on_hosts_that_are_not_an_apps_own() {
    let handler: orchestrator_core::ControlHandler = Arc::new(|request, peer| {
        Box::pin(async move {
            use http_body_util::BodyExt as _;
            let path = request.uri().path().to_owned();
            assert!(!path.ends_with("/panic"));
            let body = request.into_body().collect().await;
            let size = body.map_or_else(|e| e.to_string(), |b| b.to_bytes().len().to_string());
            let text = format!("{path} {size} {} {} {}", peer.ip, peer.host, peer.scheme);
            let text = http_body_util::Full::from(text);
            let text = text.map_err(|never| match never {});
            http::Response::new(orchestrator_core::BoxBody::new(text))
        })
    });
    let server = Server::with(Setup {
        control: Some(handler),
        ..Setup::default()
    });
    let app = server.app("shop", true);
    server.deploy(app, &[("main", "text user")], &all_to_main());
    for path in [
        "/api/v1",
        "/api/v1/apps",
        "/admin",
        "/admin/",
        "/docs/errors/no_route",
    ] {
        let own = server.send("GET", "localhost", path, "");
        assert_eq!(own.body, format!("{path} 0 127.0.0.1 localhost http"));
        let elsewhere = server.get(path);
        assert_eq!(
            (elsewhere.status, &*elsewhere.code()),
            (404, "not_on_this_host"),
            "{path}"
        );
    }
    for path in ["/administrator", "/api/v12", "/api/v2", "/docs"] {
        assert_eq!(
            server.send("GET", "localhost", path, "").body,
            "user",
            "{path}"
        );
    }
    let failed = server.send("GET", "localhost", "/api/v1/panic", "");
    assert_eq!((failed.status, &*failed.code()), (500, "internal"));
    let large = vec![b'x'; 9 << 20];
    let mut request = b"POST /api/v1/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
        Content-Length: 9437184\r\n\r\n"
        .to_vec();
    request.extend(large);
    assert!(
        Answer::parse(&server.raw(&request))
            .body
            .contains("larger than 8 MiB")
    );
}
