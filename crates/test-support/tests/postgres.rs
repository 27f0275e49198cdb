//! The throw-away PostgreSQL: it starts, restarts, and does not outlive its tests.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use test_support::Postgres;

/// Set for the process that is going to be killed.
const CHILD: &str = "PICLOUD_TEST_CHILD";

#[test]
fn databases_are_fresh_and_survive_a_stop_and_a_crash() {
    let mut server = Postgres::start();
    let (first, second) = (server.fresh(), server.fresh());
    assert_ne!(first, second);
    server.sql(&first, "CREATE TABLE t (a INT); INSERT INTO t VALUES (1)");
    server.restart();
    server.sql(&first, "INSERT INTO t VALUES (2)");
    server.crash();
    server.restart();
    assert_eq!(server.sql(&first, "SELECT a FROM t ORDER BY a"), "1\n2");
    let tables = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(server.sql(&second, tables), "0");
}

#[test]
fn it_is_durable_and_not_on_the_network() {
    let server = Postgres::shared();
    let url = server.url("postgres");
    for (setting, value) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("listen_addresses", ""),
    ] {
        assert_eq!(server.sql(&url, &format!("SHOW {setting}")), value);
    }
}

#[test]
fn it_ends_with_a_killed_test_process() {
    #[expect(clippy::disallowed_methods, reason = "how a child of this test knows")]
    let is_child = std::env::var_os(CHILD).is_some();
    if is_child {
        let server = Postgres::start();
        println!("socket={}", server.url(""));
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).expect("a pipe");
        return;
    }
    let mut child = Command::new(std::env::current_exe().expect("a path"))
        .args([
            "it_ends_with_a_killed_test_process",
            "--exact",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let url = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| Some(line.split_once("socket=postgres://picloud@")?.1.to_owned()))
        .expect("the child says where its server is");
    let home = url.trim_end_matches('/').replace("%2F", "/");
    let pid = std::fs::read_to_string(Path::new(&home).join("data/postmaster.pid"));
    let pid = pid
        .expect("it runs")
        .lines()
        .next()
        .expect("a pid")
        .to_owned();
    let process = Path::new("/proc").join(pid);
    assert!(process.exists());
    child.kill().expect("a child of ours");
    child.wait().expect("a child of ours");
    // Nothing tells an unrelated process that another ended; look until it has.
    while process.exists() {
        std::thread::yield_now();
    }
}
