//! Waiting scripts cost memory, not threads.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use tempfile::TempDir;
use test_support::{Server, Setup, raise_file_limit};

use crate::support::{deploy, started};

const RUNS: u64 = 5_000;
const WORKERS: u64 = 2;
/// The database's, the control plane's and the compiler's threads, the metrics, the watchdog.
const FEW: u64 = 16;
const MOST_RESIDENT: u64 = 500 << 20;

/// Two seconds each, and then until the gate is open, so that all of them wait at the same time
/// however slow this machine is.
const WAIT: &str = r#"
    time::sleep(2);
    let gate = kv::collection("gate");
    while gate.get("open") == () {
        time::sleep(2);
    }
    "done"
"#;

/// The program, started as a shell starts it: with 1,024 open files.
fn with_the_usual_file_limit(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("picloud");
    let program = env!("CARGO_BIN_EXE_picloud");
    let script = format!("#!/bin/sh\nulimit -Sn 1024\nexec '{program}' \"$@\"\n");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn ask(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let request = b"GET /wait HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    stream
}

/// The answer's first and last line.
fn answer(stream: TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let (mut status, mut rest) = (String::new(), String::new());
    reader.read_line(&mut status).unwrap();
    reader.read_to_string(&mut rest).unwrap();
    let body = rest.lines().last().unwrap_or_default().to_owned();
    (status.trim().to_owned(), body)
}

#[test]
fn five_thousand_scripts_wait_on_the_workers_threads() {
    raise_file_limit(RUNS + 1_000);
    let folder = TempDir::new().unwrap();
    let setup = Setup::new(with_the_usual_file_limit(&folder));
    let server = started(setup.set("workers", &WORKERS.to_string()));
    let open = r#"kv::collection("gate").set("open", true); "open""#;
    deploy(&server, &[("wait", WAIT), ("open", open)]);
    let clients: Vec<TcpStream> = (0..RUNS).map(|_| ask(&server)).collect();
    // All at once: nothing opens the gate before.
    while server.metric("picloud_scripts_active") < RUNS {
        let log = server.log();
        assert!(!log.contains("could not be accepted"), "{log}");
    }
    let threads = server.threads();
    server.get("/open").expect(200);
    for (at, client) in clients.into_iter().enumerate() {
        let expected = ("HTTP/1.1 200 OK".to_owned(), "done".to_owned());
        assert_eq!(answer(client), expected, "client {at}\n{}", server.log());
    }
    // With a thread for each, or for each hundred, this would be far off.
    assert!(threads <= WORKERS + FEW, "{threads} threads");
    let peak = server.peak_resident();
    assert!(peak <= MOST_RESIDENT, "{peak} bytes were resident");
}
