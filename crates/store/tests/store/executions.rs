//! Finished runs and their log lines.

use std::sync::Arc;
use std::time::Duration;

use shared::clock::Timestamp;
use shared::id::{AppId, ContentHash, ExecutionId, RequestId};
use shared::invocation::{
    AppContext, Completion, LogLevel, LogLine, ModuleSet, ScriptImage, TriggerKind, Usage,
};
use shared::record::ExecutionRecord;
use shared::script_error::{ScriptError, ScriptErrorKind};
use store::executions::{self, ExecutionFilter, LogFilter};

use crate::support::{Db, NOW, after, on_both};

on_both![
    a_run_reads_back_as_it_was_recorded,
    runs_are_filtered_and_paged,
    log_lines_are_filtered_and_paged,
    another_apps_runs_are_invisible,
    old_runs_expire_in_batches,
    runs_beyond_the_cap_are_trimmed,
    runs_of_a_deleted_app_are_not_stored,
];

/// A run of a script, with one line logged.
pub(crate) fn record(app: AppId, script: &str, at: Timestamp) -> ExecutionRecord {
    let id = ExecutionId::new(at);
    ExecutionRecord {
        id,
        cause: shared::event::Cause::first(id),
        attempt: 1,
        request: RequestId::new(at),
        app: Arc::new(AppContext {
            id: app,
            slug: "shop".parse().unwrap(),
            env: std::collections::BTreeMap::new(),
        }),
        script: Arc::new(ScriptImage {
            app,
            name: script.parse().unwrap(),
            version: 7,
            hash: ContentHash::of(b"x"),
            source: "x".into(),
            modules: Arc::new(ModuleSet::default()),
        }),
        release: 3,
        trigger: TriggerKind::Http,
        target: Some((http::Method::GET, "/hello".to_owned())),
        status: 200,
        started_at: at,
        completion: Completion {
            error: None,
            usage: Usage {
                wall: Duration::from_micros(1_500),
                cpu: Duration::from_micros(300),
                operations: 42,
                memory_peak: 1 << 33,
                host_calls: 2,
            },
            logs: vec![line(LogLevel::Info, "hello")],
            told: 0,
        },
    }
}

fn line(level: LogLevel, message: &str) -> LogLine {
    LogLine {
        at: NOW,
        level,
        message: message.to_owned(),
        fields: None,
    }
}

fn insert(db: &Db, records: Vec<ExecutionRecord>) {
    db.write(move |conn| executions::insert(conn, &records, true));
}

fn scripts(db: &Db, app: AppId, filter: ExecutionFilter) -> Vec<String> {
    let filter = ExecutionFilter {
        limit: if filter.limit == 0 { 100 } else { filter.limit },
        ..filter
    };
    let rows = db.read(move |conn| executions::list(conn, app, &filter));
    rows.into_iter().map(|r| r.script).collect()
}

fn messages(db: &Db, app: AppId, filter: LogFilter) -> Vec<String> {
    let filter = LogFilter {
        limit: if filter.limit == 0 { 100 } else { filter.limit },
        ..filter
    };
    let rows = db.read(move |conn| executions::logs(conn, app, &filter));
    rows.into_iter().map(|r| r.message).collect()
}

fn a_run_reads_back_as_it_was_recorded(db: &Db) {
    let app = db.app("shop").id;
    let mut failed = record(app, "hello", NOW);
    failed.target = Some((http::Method::POST, "/a\0b/\u{1F980}".to_owned()));
    let error = ScriptError::new(ScriptErrorKind::Thrown, "it broke: \0");
    failed.completion.error = Some(error);
    failed.completion.logs = vec![
        line(LogLevel::Error, "a\0b"),
        LogLine {
            fields: Some(r#"{"a":1}"#.to_owned()),
            ..line(LogLevel::Trace, "\u{1F980}")
        },
    ];
    let (id, request) = (failed.id, failed.request);
    let mut silent = record(app, "silent", after(1));
    (silent.status, silent.target, silent.completion.logs) = (0, None, Vec::new());
    let quiet = silent.id;
    insert(db, vec![failed, silent]);

    let row = db.read(move |conn| executions::get(conn, app, id)).unwrap();
    assert_eq!((row.id, row.request, row.started_at), (id, request, NOW));
    assert_eq!(
        (row.script.as_str(), row.version, row.release),
        ("hello", 7, 3)
    );
    assert_eq!(row.target.as_deref(), Some("POST /a\u{FFFD}b/\u{1F980}"));
    assert_eq!(
        (row.trigger.as_str(), row.status, row.outcome.as_str()),
        ("http", Some(200), "thrown")
    );
    assert_eq!((row.wall_us, row.cpu_us, row.operations), (1_500, 300, 42));
    assert_eq!((row.memory_peak, row.host_calls), (1 << 33, 2));
    let error: ScriptError = serde_json::from_str(row.error.as_deref().unwrap()).unwrap();
    assert!(error.message.starts_with("it broke"));

    let lines = db.read(move |conn| {
        let filter = LogFilter {
            limit: 10,
            ..LogFilter::default()
        };
        executions::logs(conn, app, &filter)
    });
    assert_eq!(lines.len(), 2);
    assert_eq!((lines[0].line, lines[1].line), (1, 0), "newest first");
    assert_eq!(lines[0].fields.as_deref(), Some(r#"{"a":1}"#));
    assert_eq!(
        (lines[0].level, lines[1].level),
        (LogLevel::Trace, LogLevel::Error)
    );
    assert_eq!(lines[1].message, "a\u{FFFD}b");
    let row = db
        .read(move |conn| executions::get(conn, app, quiet))
        .unwrap();
    assert_eq!((row.status, row.target, row.error), (None, None, None));
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn runs_are_filtered_and_paged(db: &Db) {
    let app = db.app("shop").id;
    let mut all: Vec<_> = ["a", "b", "c", "d"]
        .iter()
        .zip(0..)
        .map(|(script, at)| record(app, script, after(at)))
        .collect();
    all[1].status = 500;
    all[1].completion.error = Some(ScriptError::new(ScriptErrorKind::Runtime, "no"));
    all[3].status = 404;
    let ids: Vec<_> = all.iter().map(|r| r.id).collect();
    insert(db, all);
    let none = ExecutionFilter::default;
    let some = |text: &str| Some(text.to_owned());
    for (filter, expected) in [
        (none(), "dcba"),
        (
            ExecutionFilter {
                script: some("b"),
                ..none()
            },
            "b",
        ),
        (
            ExecutionFilter {
                script: some("' OR 1=1 --"),
                ..none()
            },
            "",
        ),
        (
            ExecutionFilter {
                outcome: some("ok"),
                ..none()
            },
            "dca",
        ),
        (
            ExecutionFilter {
                outcome: some("runtime"),
                ..none()
            },
            "b",
        ),
        (
            ExecutionFilter {
                status: Some(404),
                ..none()
            },
            "d",
        ),
        (
            ExecutionFilter {
                since: Some(after(1)),
                until: Some(after(3)),
                ..none()
            },
            "cb",
        ),
        (
            ExecutionFilter {
                before: Some(ids[2]),
                ..none()
            },
            "ba",
        ),
        (
            ExecutionFilter {
                before: Some(ids[3]),
                limit: 2,
                ..none()
            },
            "cb",
        ),
        (
            ExecutionFilter {
                outcome: some("ok"),
                status: Some(200),
                since: Some(after(1)),
                ..none()
            },
            "c",
        ),
    ] {
        assert_eq!(
            scripts(db, app, filter.clone()).concat(),
            expected,
            "{filter:?}"
        );
    }
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn log_lines_are_filtered_and_paged(db: &Db) {
    let app = db.app("shop").id;
    let mut one = record(app, "one", NOW);
    one.completion.logs = vec![
        line(LogLevel::Debug, "started 100%"),
        line(LogLevel::Warn, "Slow_query"),
    ];
    let mut two = record(app, "two", after(1));
    two.completion.logs = vec![LogLine {
        at: after(1),
        ..line(LogLevel::Error, "failed")
    }];
    let (first, second) = (one.id, two.id);
    insert(db, vec![one, two]);
    let none = LogFilter::default;
    let some = |text: &str| Some(text.to_owned());
    for (filter, expected) in [
        (none(), vec!["failed", "Slow_query", "started 100%"]),
        (
            LogFilter {
                script: some("one"),
                ..none()
            },
            vec!["Slow_query", "started 100%"],
        ),
        (
            LogFilter {
                execution: Some(second),
                ..none()
            },
            vec!["failed"],
        ),
        (
            LogFilter {
                level: Some(LogLevel::Warn),
                ..none()
            },
            vec!["failed", "Slow_query"],
        ),
        (
            LogFilter {
                since: Some(after(1)),
                ..none()
            },
            vec!["failed"],
        ),
        (
            LogFilter {
                until: Some(after(1)),
                ..none()
            },
            vec!["Slow_query", "started 100%"],
        ),
        // A text is a text: no pattern, and its case matters on both engines.
        (
            LogFilter {
                text: some("%"),
                ..none()
            },
            vec!["started 100%"],
        ),
        (
            LogFilter {
                text: some("_"),
                ..none()
            },
            vec!["Slow_query"],
        ),
        (
            LogFilter {
                text: some("slow"),
                ..none()
            },
            vec![],
        ),
        (
            LogFilter {
                text: some("Slow"),
                ..none()
            },
            vec!["Slow_query"],
        ),
        (
            LogFilter {
                text: some(""),
                limit: 1,
                ..none()
            },
            vec!["failed"],
        ),
        (
            LogFilter {
                before: Some((second, 0)),
                ..none()
            },
            vec!["Slow_query", "started 100%"],
        ),
        (
            LogFilter {
                before: Some((first, 1)),
                ..none()
            },
            vec!["started 100%"],
        ),
    ] {
        assert_eq!(messages(db, app, filter.clone()), expected, "{filter:?}");
    }
}

fn another_apps_runs_are_invisible(db: &Db) {
    let (shop, blog) = (db.app("shop").id, db.app("blog").id);
    let run = record(shop, "hello", NOW);
    let id = run.id;
    insert(db, vec![run]);
    assert!(
        db.read(move |conn| executions::get(conn, shop, id))
            .is_some()
    );
    assert!(
        db.read(move |conn| executions::get(conn, blog, id))
            .is_none()
    );
    assert!(scripts(db, blog, ExecutionFilter::default()).is_empty());
    assert!(messages(db, blog, LogFilter::default()).is_empty());
    let theirs = LogFilter {
        execution: Some(id),
        ..LogFilter::default()
    };
    assert!(messages(db, blog, theirs).is_empty());
    let late = after(1_000);
    assert_eq!(
        db.write(move |conn| executions::expire(conn, blog, late, 100)),
        0
    );
    assert_eq!(scripts(db, shop, ExecutionFilter::default()).len(), 1);
}

fn old_runs_expire_in_batches(db: &Db) {
    let (shop, blog) = (db.app("shop").id, db.app("blog").id);
    let runs = |app, scripts: &[&str]| {
        let runs = scripts.iter().zip(0..);
        runs.map(|(s, at)| record(app, s, after(at)))
            .collect::<Vec<_>>()
    };
    insert(db, runs(shop, &["a", "b", "c", "d"]));
    insert(db, runs(blog, &["a"]));
    let expire = |batch| db.write(move |conn| executions::expire(conn, shop, after(3), batch));
    assert_eq!((expire(2), expire(2), expire(2)), (2, 1, 0));
    assert_eq!(scripts(db, shop, ExecutionFilter::default()), ["d"]);
    assert_eq!(db.owned("log_lines", shop), 1, "their lines went with them");
    assert_eq!(db.owned("executions", blog), 1);
}

fn runs_beyond_the_cap_are_trimmed(db: &Db) {
    let app = db.app("shop").id;
    let trim = |batch| db.write(move |conn| executions::trim(conn, app, batch));
    insert(
        db,
        vec![record(app, "oldest", NOW), record(app, "old", after(1))],
    );
    assert_eq!(trim(10), 0);
    fill(db, app, executions::KEEP_PER_APP - 1);
    assert_eq!(db.owned("executions", app), executions::KEEP_PER_APP + 1);
    assert_eq!((trim(10), trim(10)), (1, 0));
    let oldest = ExecutionFilter {
        until: Some(after(2)),
        ..ExecutionFilter::default()
    };
    assert_eq!(scripts(db, app, oldest), ["old"], "the oldest went first");
    assert_eq!(db.owned("log_lines", app), 1, "with its line");
}

/// Stores so many runs in one statement; they are younger than the ones of the tests.
fn fill(db: &Db, app: AppId, runs: i64) {
    let id = match db.url {
        None => "CAST('\u{7f}' || printf('%015d', n) AS BLOB)",
        Some(_) => r"'\x7f'::BYTEA || CONVERT_TO(LPAD(CAST(n AS TEXT), 15, '0'), 'UTF8')",
    };
    let sql = format!(
        "INSERT INTO executions (id, app_id, request_id, script, version, release, source, \
         outcome, started_at, wall_us, cpu_us, operations, memory_peak, host_calls) \
         WITH RECURSIVE runs (n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM runs \
         WHERE n < ?2) SELECT {id}, ?1, ?1, 'many', 1, 1, 'http', 'ok', ?3, 0, 0, 0, 0, 0 \
         FROM runs"
    );
    let stored = db.write(move |conn| {
        let params = [
            app.as_bytes().into(),
            runs.into(),
            after(60).as_micros().into(),
        ];
        conn.execute(&sql, &params)
    });
    assert_eq!(stored, runs as u64);
}

fn runs_of_a_deleted_app_are_not_stored(db: &Db) {
    let (gone, kept) = (AppId::new(NOW), db.app("kept").id);
    insert(
        db,
        vec![
            record(gone, "a", NOW),
            record(kept, "b", NOW),
            record(gone, "c", NOW),
        ],
    );
    assert_eq!(
        (db.owned("executions", gone), db.owned("log_lines", gone)),
        (0, 0)
    );
    assert_eq!(scripts(db, kept, ExecutionFilter::default()), ["b"]);
}
