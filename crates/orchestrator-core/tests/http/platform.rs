//! Health, version, metrics, stopping, HTTP/2.

use std::io::{Read, Write};

use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use orchestrator_core::Format;

use crate::server::{Server, all_to_main};

#[test]
fn health_is_answered_on_every_host_before_any_route() {
    let server = Server::start();
    server.shop("text user");
    for host in ["shop.localhost", "nobody.example"] {
        for (path, body) in [
            ("/livez", "ok\n"),
            ("/readyz", "ready\n"),
            ("/version", "{\"version\":\"1.2.3\"}\n"),
        ] {
            let answer = server.send("GET", host, path, "");
            assert_eq!((answer.status, &*answer.body), (200, body));
            assert_eq!(server.send("HEAD", host, path, "").body, "");
            assert_eq!(server.send("POST", host, path, "").status, 405);
        }
    }
    server.orchestrator.health().drain();
    assert_eq!(server.get("/readyz").status, 503);
    assert_eq!(server.get("/livez").status, 200);
}

#[test]
fn without_its_database_the_server_is_alive_and_not_ready() {
    let server = Server::start();
    server.shop("text still here");
    server.store.close();
    assert_eq!(server.get("/readyz").status, 503);
    assert_eq!(server.get("/livez").status, 200);
    assert_eq!(server.get("/").body, "still here");
}

#[test]
fn metrics_count_answers_and_runs() {
    let server = Server::start();
    server.shop("fail wall");
    server.get("/");
    let text = server.orchestrator.metrics().text(Format::Classic);
    for line in [
        r#"picloud_http_requests_total{app="shop",script="main",code="5xx"} 1"#,
        r#"picloud_executions_total{app="shop",script="main",trigger="http",outcome="limit"} 1"#,
        "picloud_http_requests_in_flight 0",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn the_platforms_own_answers_are_counted_by_status() {
    let server = Server::start();
    server.shop("text fine");
    server.get("/");
    for (method, host, path, status) in [
        ("GET", "shop.localhost", "/livez", 200),
        ("GET", "bad host", "/", 400),
        ("GET", "nobody.localhost", "/", 404),
        ("BREW", "shop.localhost", "/", 405),
        (
            "GET",
            "shop.localhost",
            &format!("/{}", "x".repeat(9_000)),
            414,
        ),
    ] {
        assert_eq!(server.send(method, host, path, "").status, status, "{path}");
    }
    let text = server.orchestrator.metrics().text(Format::Classic);
    for status in [200, 400, 404, 405, 414] {
        let line = format!("picloud_http_platform_answers_total{{status=\"{status}\"}} 1");
        assert!(text.contains(&line), "{line} in {text}");
    }
}

#[test]
fn series_end_with_their_app() {
    let server = Server::start();
    let app = server.shop("text fine");
    server.get("/");
    let shown = || server.orchestrator.metrics().text(Format::Classic);
    assert!(shown().contains("app=\"shop\""));
    server.change(move |change| store::apps::delete(change, app));
    server.refresh(app).unwrap();
    assert!(!shown().contains("app=\"shop\""), "{}", shown());
}

#[test]
fn the_internal_listener_shows_metrics_and_health() {
    let server = Server::start();
    let listener = orchestrator_core::bind(([127, 0, 0, 1], 0).into(), 1)
        .unwrap()
        .remove(0);
    let address = listener.local_addr().unwrap();
    let (metrics, health) = (server.orchestrator.metrics(), server.orchestrator.health());
    let stopped = server.stop.subscribe();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let local = tokio::task::LocalSet::new();
        let serving = orchestrator_core::serve_internal(listener, metrics, health, stopped);
        local.block_on(&runtime, serving).unwrap();
    });
    for (path, part) in [
        ("/metrics", "picloud_build_info{version=\"1.2.3\"} 1"),
        ("/livez", "ok"),
        ("/nothing", "404"),
    ] {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.contains(part), "{text}");
    }
    server.stop.send(true).unwrap();
    thread.join().unwrap();
}

#[test]
fn stopping_finishes_what_is_under_way_and_closes_what_is_idle() {
    let mut server = Server::start();
    server.shop("hang");
    let mut silent = server.connect();
    let mut idle = server.connect();
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).unwrap();
    let mut busy = server.connect();
    busy.write_all(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n")
        .unwrap();
    server.started();
    server.stop.send(true).unwrap();
    // Both end although nobody released the busy one.
    idle.read_to_end(&mut Vec::new()).unwrap();
    silent.read_to_end(&mut Vec::new()).unwrap();
    server.fake.release.add_permits(1);
    let mut answer = String::new();
    busy.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("done"), "{answer}");
    server.join();
    assert!(std::net::TcpStream::connect(server.address).is_err());
}

#[test]
fn stopping_does_not_wait_for_ever() {
    let mut setup = crate::server::Setup::default();
    setup.ingress.drain = std::time::Duration::from_millis(50);
    let mut server = Server::with(setup);
    server.shop("hang");
    let mut busy = server.connect();
    busy.write_all(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n")
        .unwrap();
    server.started();
    server.stop.send(true).unwrap();
    server.join();
    let cancelled = server.fake.cancelled.available_permits();
    assert_eq!(cancelled, 1, "cut off, and its script with it");
}

#[derive(Clone)]
pub(crate) struct OnRuntime;

impl<F: Future<Output: Send> + Send + 'static> hyper::rt::Executor<F> for OnRuntime {
    fn execute(&self, future: F) {
        drop(tokio::runtime::Handle::current().spawn(future));
    }
}

#[test]
fn http2_without_tls_works_on_the_same_port() {
    let server = Server::start();
    let app = server.app("shop", false);
    server.deploy(app, &[("main", "echo")], &all_to_main());
    let address = server.address;
    let bodies = server.runtime.block_on(async move {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut client, connection) =
            hyper::client::conn::http2::handshake(OnRuntime, TokioIo::new(stream))
                .await
                .unwrap();
        drop(tokio::runtime::Handle::current().spawn(connection));
        let mut bodies = Vec::new();
        for body in ["", "hello"] {
            let request = http::Request::post("http://shop.localhost/x")
                .body(Full::new(bytes::Bytes::from(body)))
                .unwrap();
            let response = client.send_request(request).await.unwrap();
            assert_eq!(response.status(), 200);
            assert!(response.headers().contains_key("x-request-id"));
            bodies.push(response.into_body().collect().await.unwrap().to_bytes());
        }
        bodies
    });
    let echo: serde_json::Value = serde_json::from_slice(&bodies[1]).unwrap();
    assert_eq!(
        (&echo["host"], &echo["body"]),
        (&"shop.localhost".into(), &5.into())
    );
}
