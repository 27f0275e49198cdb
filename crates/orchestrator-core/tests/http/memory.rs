//! What clients make the server hold is bounded, whoever they are and however slow.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use http::Response;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use shared::memory::{Memory, Order};
use tokio::net::TcpStream;

use crate::platform::OnRuntime;
use crate::server::{Answer, Server, Setup};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n";

fn with_memory(bytes: u64) -> Setup {
    let mut setup = Setup::default();
    setup.ingress.memory = Memory::new(bytes);
    setup
}

fn post(length: usize) -> String {
    format!(
        "POST / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    )
}

#[test]
fn bodies_beyond_the_budget_are_refused_and_then_taken_again() {
    let setup = with_memory(100_000);
    let memory = setup.ingress.memory.clone();
    let server = Server::with(setup);
    server.shop("hang");
    // One that has all of its body holds it as long as its script runs.
    let mut first = server.connect();
    first.write_all(post(60_000).as_bytes()).unwrap();
    first.write_all(&vec![b'x'; 60_000]).unwrap();
    server.started();
    assert_eq!(memory.used(), 60_000);
    let mut refused = post(60_000).into_bytes();
    refused.extend(vec![b'x'; 60_000]);
    let answer = Answer::parse(&server.raw(&refused));
    assert_eq!((answer.status, &*answer.code()), (503, "overloaded"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    // What needs no memory is served.
    server.fake.release.add_permits(2);
    assert_eq!(Answer::parse(&server.raw(GET)).status, 200);
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut first, &mut rest).unwrap();
    assert_eq!(Answer::parse(&rest).status, 200);
    assert_eq!(memory.used(), 0);
}

#[test]
fn answers_beyond_the_budget_are_refused() {
    let setup = with_memory(100_000);
    let memory = setup.ingress.memory.clone();
    let server = Server::with(setup);
    server.shop(&format!("text {}", "x".repeat(200_000)));
    let answer = Answer::parse(&server.raw(GET));
    assert_eq!((answer.status, &*answer.code()), (503, "overloaded"));
    assert_eq!(memory.used(), 0);
}

#[test]
fn a_body_that_trickles_is_cut_off_whatever_came_before() {
    let mut setup = with_memory(1 << 30);
    setup.ingress.client_patience = Duration::from_millis(150);
    let memory = setup.ingress.memory.clone();
    let server = Server::with(setup);
    server.shop("echo");
    // A megabyte at once would have earned a quarter of an hour.
    let mut all = post(2_000_000).into_bytes();
    all.extend(vec![b'x'; 1_000_000]);
    let answer = Answer::parse(&server.raw(&all));
    assert_eq!((answer.status, &*answer.code()), (408, "body_too_slow"));
    assert_eq!(memory.used(), 0);
}

/// The answer to a request over HTTP/2, of a client with this window, as far as its head.
async fn over_http2(address: SocketAddr, window: Option<u32>) -> Response<Incoming> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) = http2::Builder::new(OnRuntime)
        .initial_stream_window_size(window)
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    drop(tokio::runtime::Handle::current().spawn(connection));
    let request = http::Request::get("http://shop.localhost/")
        .body(Empty::<bytes::Bytes>::new())
        .unwrap();
    client.send_request(request).await.unwrap()
}

#[test]
fn a_stream_of_http2_that_is_not_read_is_reset_and_its_place_is_free() {
    let mut setup = Setup::default();
    setup.ingress.client_patience = Duration::from_millis(150);
    setup.ingress.concurrency = 1;
    let server = Server::with(setup);
    server.shop("echo");
    let address = server.address;
    server.runtime.block_on(async move {
        let response = over_http2(address, Some(0)).await;
        assert_eq!(response.status(), 200);
        // Without an end, if nobody ended it.
        let body = response.into_body().collect().await;
        assert!(body.is_err(), "{body:?}");
    });
    assert_eq!(Answer::parse(&server.raw(GET)).status, 200);
}

#[test]
fn a_script_that_streams_slowly_is_not_a_client_that_does_not_read() {
    let mut setup = Setup::default();
    setup.ingress.client_patience = Duration::from_millis(50);
    let server = Server::with(setup);
    server.shop("stream");
    let address = server.address;
    let body = server.runtime.block_on(async {
        let response = over_http2(address, None).await;
        // Another connection lives through its whole patience meanwhile, twice.
        let silent = || {
            assert!(server.raw(b"").is_empty());
            assert!(server.raw(b"").is_empty());
        };
        tokio::task::block_in_place(silent);
        server.fake.release.add_permits(1);
        response.into_body().collect().await.unwrap().to_bytes()
    });
    assert!(body.ends_with(b"b"), "{body:?}");
}

#[test]
fn an_answer_over_http2_is_counted_until_its_client_has_it() {
    for bytes in [2_000, 20_000, 200_000] {
        let setup = with_memory(10 << 20);
        let memory = setup.ingress.memory.clone();
        let server = Server::with(setup);
        server.shop(&format!("text {}", "x".repeat(bytes)));
        let address = server.address;
        server.runtime.block_on(async {
            let response = over_http2(address, Some(0)).await;
            assert_eq!(response.status(), 200);
            // Also what the connection has taken and cannot send.
            assert_eq!(memory.used(), bytes as u64);
            drop(response);
            while memory.used() > 0 {
                tokio::task::yield_now().await;
            }
            let response = over_http2(address, None).await;
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body.len(), bytes);
        });
    }
}

#[test]
fn what_one_app_makes_the_server_hold_does_not_keep_others_out() {
    let setup = with_memory(1 << 20);
    let memory = setup.ingress.memory.clone();
    let server = Server::with(setup);
    server.shop(&format!("text {}", "x".repeat(20_000)));
    let mut hoard = memory.hold(None, Order::Request);
    while hoard.grow(1_000).is_ok() {}
    // An eighth of the last quarter.
    let mut request = post(20_000).into_bytes();
    request.extend(vec![b'x'; 20_000]);
    assert_eq!(Answer::parse(&server.raw(GET)).status, 200);
    assert_eq!(Answer::parse(&server.raw(&request)).code(), "overloaded");
    let mut request = post(9_000).into_bytes();
    request.extend(vec![b'x'; 9_000]);
    assert_eq!(Answer::parse(&server.raw(&request)).status, 200);
}
