//! Sizes, admission, fairness.

use std::io::Write;
use std::net::TcpStream;

use orchestrator_core::Rate;
use shared::limits::fixed::BODY_BYTES;

use crate::server::{Answer, Server, Setup, all_to_main};

#[test]
fn sizes_beyond_the_limit_are_refused_by_their_status() {
    let server = Server::start();
    server.shop("echo");
    assert_eq!(server.get(&format!("/{}", "a".repeat(8_000))).status, 200);
    let url = server.get(&format!("/{}", "a".repeat(9_000)));
    assert_eq!((url.status, &*url.code()), (414, "url_too_long"));
    let header = format!("X-Big: {}\r\n", "b".repeat(70_000));
    for large in [header, "X-Many: 1\r\n".repeat(200)] {
        let head = server.send("GET", "shop.localhost", "/", &large);
        assert_eq!((head.status, &*head.code()), (431, "head_too_large"));
        assert!(head.header("x-request-id").is_some());
    }
    let declared = format!("Content-Length: {}\r\n", BODY_BYTES + 1);
    let body = server.send("POST", "shop.localhost", "/", &declared);
    assert_eq!((body.status, &*body.code()), (413, "body_too_large"));
}

#[test]
fn a_body_is_read_whole_declared_or_chunked_up_to_the_limit() {
    let server = Server::start();
    server.shop("echo");
    let post = |rest: &[u8]| {
        let mut request =
            b"POST / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n".to_vec();
        request.extend(rest);
        server.raw(&request)
    };
    let chunked =
        post(b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n");
    assert_eq!(Answer::parse(&chunked).json()["body"], 6);
    let mut whole = format!("Content-Length: {BODY_BYTES}\r\n\r\n").into_bytes();
    whole.resize(whole.len() + BODY_BYTES, b'x');
    assert_eq!(Answer::parse(&post(&whole)).json()["body"], BODY_BYTES);
    let mut flood = b"Transfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..=BODY_BYTES / 0x10000 {
        flood.extend(b"10000\r\n");
        flood.resize(flood.len() + 0x10000, b'x');
        flood.extend(b"\r\n");
    }
    assert_eq!(Answer::parse(&post(&flood)).code(), "body_too_large");
}

fn begin(server: &Server, host: &str) -> TcpStream {
    let mut stream = server.connect();
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    server.started();
    stream
}

fn finish(server: &Server, stream: TcpStream) -> Answer {
    use std::io::Read as _;
    let mut stream = stream;
    server.fake.release.add_permits(1);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    Answer::parse(&answer)
}

#[test]
fn a_full_app_gets_429_a_full_server_503_and_both_recover() {
    for (app_concurrency, concurrency, status, code) in
        [(1, 100, 429, "app_busy"), (100, 1, 503, "overloaded")]
    {
        let mut setup = Setup {
            app_concurrency,
            ..Setup::default()
        };
        setup.ingress.concurrency = concurrency;
        let server = Server::with(setup);
        server.shop("hang");
        let held = begin(&server, "shop.localhost");
        let refused = server.get("/");
        assert_eq!((refused.status, &*refused.code()), (status, code));
        assert_eq!(refused.header("retry-after"), Some("1"));
        assert_eq!(finish(&server, held).body, "done");
        let again = begin(&server, "shop.localhost");
        assert_eq!(finish(&server, again).status, 200);
    }
}

#[test]
fn a_scripts_own_limit_survives_a_release() {
    let server = Server::start();
    let app = server.app("shop", false);
    server.change(move |change| {
        let old = store::apps::get(change.conn(), app)?.unwrap();
        let mut new = old.clone();
        new.limits.concurrency = Some(1);
        store::apps::update(change, &old, &new)
    });
    server.deploy(app, &[("main", "hang")], &all_to_main());
    let held = begin(&server, "shop.localhost");
    server.deploy(app, &[("main", "text new")], &all_to_main());
    let refused = server.get("/");
    assert_eq!((refused.status, &*refused.code()), (429, "script_busy"));
    assert_eq!(
        finish(&server, held).body,
        "done",
        "under way: the old release"
    );
    assert_eq!(server.get("/").body, "new");
}

#[test]
fn a_busy_server_keeps_room_for_apps_that_have_none() {
    let mut setup = Setup::default();
    setup.ingress.concurrency = 4;
    let server = Server::with(setup);
    server.shop("hang");
    let other = server.app("other", false);
    server.deploy(other, &[("main", "hang")], &all_to_main());
    let mut held: Vec<_> = (0..2).map(|_| begin(&server, "shop.localhost")).collect();
    held.push(begin(&server, "other.localhost"));
    // Three of four are taken: the greedy app has its half, the other has not.
    assert_eq!(server.get("/").code(), "app_busy");
    held.push(begin(&server, "other.localhost"));
    for stream in held {
        assert_eq!(finish(&server, stream).status, 200);
    }
}

#[test]
fn an_apps_rate_is_bounded_when_the_instance_says_so() {
    let mut setup = Setup::default();
    setup.ingress.app_rate = Some(Rate {
        per_second: 1,
        burst: 2,
    });
    let server = Server::with(setup);
    server.shop("text ok");
    let answers: Vec<u16> = (0..20).map(|_| server.get("/").status).collect();
    assert_eq!(answers[..2], [200, 200]);
    assert!(answers.contains(&429));
}
