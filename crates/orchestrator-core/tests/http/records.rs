//! What is kept about runs.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::{Format, TailItem};
use shared::id::AppId;
use shared::invocation::LogLevel;
use store::executions::{self, ExecutionFilter, ExecutionRow, LogFilter, LogRow};
use tokio_stream::StreamExt as _;

use crate::server::{Server, Setup, all_to_main};

pub(crate) fn stored(server: &Server, app: AppId) -> Vec<ExecutionRow> {
    let recorder = server.orchestrator.recorder();
    server.runtime.block_on(recorder.flush()).unwrap();
    let filter = ExecutionFilter {
        limit: 10_000,
        ..ExecutionFilter::default()
    };
    server.write(move |conn| executions::list(conn, app, &filter))
}

#[test]
fn a_run_is_recorded_with_its_request_and_outcome() {
    let server = Server::start();
    let app = server.shop("fail public");
    let answer = server.get("/orders/1?secret=1");
    let rows = stored(&server, app);
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(row.target.as_deref(), Some("GET /orders/1"));
    assert_eq!(
        (row.status, &*row.outcome, &*row.trigger),
        (Some(404), "thrown", "http")
    );
    assert_eq!((row.release, row.version), (1, 1));
    assert_eq!(
        answer.header("x-request-id"),
        Some(&*row.request.to_string())
    );
    assert!(row.error.as_deref().unwrap().contains("secret detail"));
}

#[test]
fn a_run_whose_client_left_is_recorded_as_cancelled() {
    let mut setup = Setup::default();
    setup.ingress.client_patience = Duration::from_millis(50);
    let server = Server::with(setup);
    let app = server.shop("hang");
    let mut stream = server.connect();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n")
        .unwrap();
    server.started();
    drop(stream);
    let permit = server.runtime.block_on(server.fake.cancelled.acquire());
    permit.unwrap().forget();
    // The worker finishes with that connection before it answers another one.
    server.send("GET", "x", "/livez", "");
    let rows = stored(&server, app);
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].status, &*rows[0].outcome), (None, "cancelled"));
}

/// An app that is deleted while its run goes on; the answer of that run.
fn deleted_while_it_runs(source: &str) -> (Server, String) {
    let server = Server::start();
    let app = server.shop(source);
    let mut stream = server.connect();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    server.started();
    server.change(move |change| store::apps::delete(change, app));
    server.refresh(app).unwrap();
    let permit = server.runtime.block_on(server.fake.cancelled.acquire());
    permit.unwrap().forget();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(stored(&server, app).is_empty(), "nothing of it is kept");
    (server, answer)
}

#[test]
fn a_run_ends_with_its_app_and_the_answer_says_so() {
    let (server, answer) = deleted_while_it_runs("hang");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("run_ended"), "{answer}");
    assert!(answer.contains("the app was deleted"), "{answer}");
    assert_eq!(server.get("/").code(), "no_app");
}

#[test]
fn a_streamed_answer_breaks_off_with_its_app() {
    let (_server, answer) = deleted_while_it_runs("stream");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "it looks whole: {answer}");
}

#[test]
fn a_run_that_a_defect_ended_is_recorded_as_that() {
    let server = Server::start();
    let app = server.shop("panic");
    server.raw(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n");
    let rows = stored(&server, app);
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].status, &*rows[0].outcome), (None, "internal"));
}

#[test]
fn quiet_successes_are_bounded_and_the_rest_is_counted() {
    let server = Server::start();
    let app = server.shop("text ok");
    let request = b"GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n".repeat(1_200);
    let mut stream = server.connect();
    let mut reader = stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || stream.write_all(&request).unwrap());
    let mut seen = 0;
    let mut buffer = vec![0; 1 << 16];
    let mut tail: Vec<u8> = Vec::new();
    while seen < 1_200 {
        let count = Read::read(&mut reader, &mut buffer).unwrap();
        assert!(count > 0);
        tail.extend(&buffer[..count]);
        seen += tail.windows(12).filter(|w| *w == b"HTTP/1.1 200").count();
        // What may be the beginning of the next one.
        tail.drain(..tail.len().saturating_sub(11));
    }
    writing.join().unwrap();
    assert_eq!(stored(&server, app).len(), 1_000);
    let text = server.orchestrator.metrics().text(Format::Classic);
    assert!(
        text.contains("picloud_execution_records_skipped_total 200"),
        "{text}"
    );
    server.get("/");
    assert_eq!(stored(&server, app).len(), 1_001, "a new window");
}

#[test]
fn the_background_task_flushes_by_itself_and_sleeps_otherwise() {
    let server = Server::start();
    let app = server.shop("text ok");
    let recorder = server.orchestrator.recorder();
    let task = server.runtime.spawn(Arc::clone(&recorder).run());
    server.get("/");
    loop {
        let filter = ExecutionFilter {
            limit: 1,
            ..ExecutionFilter::default()
        };
        if !server
            .write(move |conn| executions::list(conn, app, &filter))
            .is_empty()
        {
            break;
        }
    }
    task.abort();
}

#[test]
fn a_live_tail_sees_the_lines_it_asked_for() {
    let server = Server::start();
    let app = server.shop("log Hello 100%");
    let other = server.app("other", false);
    server.deploy(other, &[("main", "log no")], &all_to_main());
    let recorder = server.orchestrator.recorder();
    let mut all = recorder.lines().subscribe(app, Box::new(|_line| true));
    let loud = |line: &LogRow| line.level >= LogLevel::Error;
    let mut loud = recorder.lines().subscribe(app, Box::new(loud));
    server.send("GET", "other.localhost", "/", "");
    server.get("/");
    let mut next = || server.runtime.block_on(all.next()).unwrap();
    let TailItem::Told(line) = next() else {
        panic!("no line");
    };
    assert_eq!(line.message, "Hello 100%");
    for _ in 0..1_100 {
        server.get("/");
    }
    // What another app logs, and what it does not want, never makes a reader miss anything.
    for _ in 0..1_100 {
        server.send("GET", "other.localhost", "/", "");
    }
    server.deploy(app, &[("main", "fail")], &all_to_main());
    server.get("/");
    for _ in 0..1_024 {
        assert!(matches!(next(), TailItem::Told(_)));
    }
    let TailItem::Missed(missed) = next() else {
        panic!("no gap");
    };
    assert_eq!(missed, 1_101 - 1_024);
    let Some(TailItem::Told(line)) = server.runtime.block_on(loud.next()) else {
        panic!("no error");
    };
    assert!(line.message.starts_with("thrown"), "{line:?}");
    let rows = stored(&server, app);
    assert_eq!(rows.len(), 1_102, "logging runs have a bound of their own");
}

#[test]
fn a_live_tail_sees_why_a_run_failed() {
    let server = Server::start();
    let app = server.shop("fail");
    let recorder = server.orchestrator.recorder();
    let mut all = recorder.lines().subscribe(app, Box::new(|_line| true));
    server.get("/");
    let Some(TailItem::Told(line)) = server.runtime.block_on(all.next()) else {
        panic!("no line");
    };
    assert_eq!(line.level, LogLevel::Error);
    assert_eq!(line.message, "thrown: secret detail in line 7");
    // What a script throws for its client is an answer, not a failure.
    server.deploy(app, &[("main", "fail public")], &all_to_main());
    server.get("/");
    server.deploy(app, &[("main", "log after")], &all_to_main());
    server.get("/");
    let Some(TailItem::Told(line)) = server.runtime.block_on(all.next()) else {
        panic!("no line");
    };
    assert_eq!(line.message, "after");
}

/// An app with one quiet, one logging and one failed run, and one more quiet one.
fn four_runs(server: &Server) -> AppId {
    let app = server.app("shop", false);
    let routes = serde_json::json!([
        {"path": "/ok", "script": "ok"}, {"path": "/log", "script": "log"},
        {"path": "/bad", "script": "bad"},
    ]);
    let scripts = [
        ("ok", "text ok"),
        ("log", "log Hello 100%_"),
        ("bad", "fail public"),
    ];
    server.deploy(app, &scripts, &routes);
    for path in ["/ok", "/log", "/bad", "/ok"] {
        server.get(path);
    }
    assert_eq!(stored(server, app).len(), 4);
    app
}

#[test]
fn runs_are_found_by_script_outcome_and_status() {
    let server = Server::start();
    let app = four_runs(&server);
    let all = ExecutionFilter {
        limit: 10,
        ..ExecutionFilter::default()
    };
    let mut filters = vec![(all.clone(), 4); 4];
    filters[1].0.script = Some("ok".to_owned());
    filters[1].1 = 2;
    filters[2].0.outcome = Some("thrown".to_owned());
    filters[2].1 = 1;
    filters[3].0.status = Some(404);
    filters[3].1 = 1;
    for (filter, count) in filters {
        let shown = format!("{filter:?}");
        let rows = server.write(move |conn| executions::list(conn, app, &filter));
        assert_eq!(rows.len(), count, "{shown}");
    }
}

#[test]
fn lines_are_found_by_level_and_text() {
    let server = Server::start();
    let app = four_runs(&server);
    for (text, level, count) in [
        ("100%_", LogLevel::Warn, 1),
        ("", LogLevel::Warn, 1),
        ("hello", LogLevel::Warn, 0),
        ("", LogLevel::Error, 0),
    ] {
        let filter = LogFilter {
            text: Some(text.to_owned()),
            level: Some(level),
            limit: 10,
            ..LogFilter::default()
        };
        let rows = server.write(move |conn| executions::logs(conn, app, &filter));
        assert_eq!(rows.len(), count, "{text:?} {level:?}");
    }
}

#[test]
fn old_runs_are_removed_with_their_lines() {
    let server = Server::start();
    let app = server.shop("log x");
    server.get("/");
    let rows = stored(&server, app);
    let day = Duration::from_hours(24);
    let (early, late) = (rows[0].started_at.minus(day), rows[0].started_at.plus(day));
    assert_eq!(
        server.write(move |c| executions::expire(c, app, early, 100)),
        0
    );
    assert_eq!(
        server.write(move |c| executions::expire(c, app, late, 100)),
        1
    );
    assert!(stored(&server, app).is_empty());
    let all = LogFilter {
        limit: 9,
        ..LogFilter::default()
    };
    assert!(
        server
            .write(move |conn| executions::logs(conn, app, &all))
            .is_empty()
    );
}
