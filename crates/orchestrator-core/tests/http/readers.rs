//! Clients that send more than they read. Their answers wait in the system's buffers, then in ours,
//! and must neither be lost nor change places.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use crate::server::{Server, Setup};

/// More than the systems of both sides keep of a connection: 3 MiB.
const REQUESTS: usize = 2_000;
const LONG: usize = 1_600;
/// How long nothing is taken before the server is believed to be stuck.
const STUCK: Duration = Duration::from_millis(200);

fn request(number: usize) -> String {
    let long = "x".repeat(LONG);
    format!("GET /{number}/{long} HTTP/1.1\r\nHost: shop.localhost\r\n\r\n")
}

/// The body of the next answer.
fn next_body(from: &mut BufReader<TcpStream>) -> String {
    let mut length = 0;
    loop {
        let mut line = String::new();
        assert_ne!(
            from.read_line(&mut line).unwrap(),
            0,
            "an answer is missing"
        );
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim_end().parse().unwrap();
        } else if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

#[test]
fn answers_that_are_read_late_come_whole_and_in_order() {
    let server = Server::start();
    server.shop("echo");
    let stream = server.connect();
    let socket = socket2::SockRef::from(&stream);
    socket.set_recv_buffer_size(32 << 10).unwrap();
    socket.set_send_buffer_size(32 << 10).unwrap();
    // Until the server takes no more, because none of its answers was read.
    socket.set_write_timeout(Some(STUCK)).unwrap();
    let requests: String = (0..REQUESTS).map(request).collect();
    let (mut to, mut sent) = (stream.try_clone().unwrap(), 0);
    while let Ok(count) = to.write(&requests.as_bytes()[sent..]) {
        sent += count;
    }
    assert!(sent < requests.len(), "more requests are needed");
    socket.set_write_timeout(None).unwrap();
    let sender = thread::spawn(move || to.write_all(&requests.as_bytes()[sent..]).unwrap());
    let mut from = BufReader::with_capacity(1 << 10, stream);
    for number in 0..REQUESTS {
        let body = next_body(&mut from);
        let start = format!("/{number}/x");
        assert!(body.contains(&start), "{number}: {body}");
    }
    sender.join().unwrap();
}

#[test]
fn a_client_that_reads_nothing_is_cut_off() {
    let mut setup = Setup::default();
    setup.ingress.client_patience = Duration::from_millis(100);
    let server = Server::with(setup);
    server.shop("echo");
    let mut stream = server.connect();
    // Only so that a defect fails the test instead of hanging it.
    let most = Duration::from_secs(20);
    stream.set_write_timeout(Some(most)).unwrap();
    let error = (0..)
        .find_map(|number| stream.write_all(request(number).as_bytes()).err())
        .unwrap();
    let cut = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(cut.contains(&error.kind()), "{error}");
}

#[test]
fn a_large_answer_comes_whole() {
    let server = Server::start();
    let text = "0123456789".repeat(300_000);
    server.shop(&format!("text {text}"));
    let mut stream = server.connect();
    let twice = "GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n".repeat(2);
    stream.write_all(twice.as_bytes()).unwrap();
    let mut from = BufReader::new(stream);
    for _ in 0..2 {
        assert!(next_body(&mut from) == text);
    }
}
