//! A server stops when it is told to, whoever watches it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use test_support::Server;

use crate::support::{deploy, setup, started};

/// An open live tail: its head has come.
fn follow(server: &Server, path: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(server.admin_address()).unwrap();
    let token = server.token();
    let head = format!("GET /api/v1{path} HTTP/1.1\r\nHost: localhost\r\n");
    let head = format!("{head}Authorization: Bearer {token}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut status = String::new();
    reader.read_line(&mut status).unwrap();
    assert_eq!(status, "HTTP/1.1 200 OK\r\n");
    reader
}

/// Waiting for the tails to end would take an hour.
#[test]
fn open_tails_end_and_do_not_delay_a_stop() {
    let mut server = started(setup().set("shutdown_timeout", "1h"));
    deploy(&server, &[("hello", "\"hello\"")]);
    let tails = ["/apps/shop/logs/tail", "/apps/shop/events/tail"];
    let tails = tails.map(|path| follow(&server, path));
    assert!(server.stop().success());
    for mut tail in tails {
        let mut rest = String::new();
        tail.read_to_string(&mut rest).unwrap();
        assert!(rest.ends_with("0\r\n\r\n"), "cut off: {rest}");
    }
}

/// Callees and requests that were handed over run on workers that no client is connected to.
#[test]
fn what_is_under_way_on_any_worker_is_finished() {
    for _ in 0..3 {
        let mut server = started(setup().set("workers", "4"));
        let scripts = [
            (
                "caller",
                "invoke::call(\"callee\", ()) + invoke::call(\"callee\", ())",
            ),
            ("callee", "time::sleep(1); 7"),
        ];
        deploy(&server, &scripts);
        let url = format!("{}/caller", server.url());
        let asked = std::thread::spawn(move || {
            let answer = ureq::get(&url).header("host", "shop.localhost").call();
            answer.unwrap().body_mut().read_to_string().unwrap()
        });
        while server.metric("picloud_scripts_active") < 2 {}
        assert!(server.stop().success(), "{}", server.log());
        assert_eq!(asked.join().unwrap(), "14");
    }
}
