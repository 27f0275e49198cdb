//! Little address space: scripts that find no stack are refused or wait, and nothing else happens.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use tempfile::TempDir;
use test_support::{Server, Setup};

use crate::support::{deploy, started};

/// Address space of the server, in KiB.
const SPACE: u64 = 4 << 20;
/// Far more than there are stacks in it.
const CROWD: usize = 64;

/// Waits until the gate is open, or tells whether it was.
const WAIT: &str = r#"
    let gate = kv::collection("gate");
    while gate.get("open") == () { time::sleep(0.4); }
    "done"
"#;
/// The program, started as a shell starts it where memory is limited.
fn with_little_space(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("picloud");
    let program = env!("CARGO_BIN_EXE_picloud");
    let script = format!("#!/bin/sh\nulimit -Sv {SPACE}\nexec '{program}' \"$@\"\n");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn ask(server: &Server) -> TcpStream {
    let address = server.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let request = b"GET /wait HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    stream
}

fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn with_scripts() -> (TempDir, Server) {
    let folder = TempDir::new().unwrap();
    let server = started(Setup::new(with_little_space(&folder)).set("workers", "2"));
    let open = r#"kv::collection("gate").set("open", true); "open""#;
    deploy(&server, &[("wait", WAIT), ("open", open)]);
    (folder, server)
}

#[test]
fn without_a_stack_left_requests_get_503_and_the_rest_goes_on() {
    let (_folder, server) = with_scripts();
    let clients: Vec<TcpStream> = (0..CROWD).map(|_| ask(&server)).collect();
    // Those without a stack are refused at once; one place is free again when somebody leaves.
    let mut answers = Vec::new();
    let mut waiting = Vec::new();
    while server.metric("picloud_scripts_active") == 0 {}
    for client in clients {
        client.set_nonblocking(false).unwrap();
        client
            .set_read_timeout(Some(std::time::Duration::from_secs(2)))
            .unwrap();
        let mut first = [0; 12];
        match (&client).read(&mut first) {
            Ok(12) => answers.push(String::from_utf8_lossy(&first).into_owned() + &answer(client)),
            _ => waiting.push(client),
        }
    }
    assert!(
        !waiting.is_empty() && answers.len() > CROWD / 2,
        "{answers:?}"
    );
    for text in &answers {
        assert!(text.starts_with("HTTP/1.1 503"), "{text}");
        let head = text.to_ascii_lowercase();
        assert!(head.contains("retry-after: 1"), "{text}");
        assert!(text.contains("\"overloaded\""), "{text}");
    }
    drop(waiting.pop());
    while server.get("/open").status == 503 {}
    for client in waiting {
        client.set_read_timeout(None).unwrap();
        let text = answer(client);
        assert!(
            text.starts_with("HTTP/1.1 200") && text.ends_with("done"),
            "{text}"
        );
    }
    // Told once for each worker that is crowded, and not for each request.
    let told = server.log().matches("no room for another stack").count();
    assert!((1..CROWD / 4).contains(&told), "{told}");
}
