//! Every error names the function, the line and the script it happened in, and the calls around it.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use shared::id::ContentHash;
use shared::invocation::{
    Completion, Invocation, ModuleSet, ModuleSource, Outcome, ResponseBody, ScriptResponse,
    StreamItem,
};
use shared::limits::Limits;
use shared::script_error::{Frame, LimitKind, ScriptError};
use shared::seam::Executor;

use crate::support::{Rig, limited, on_worker};

/// A limit, what runs into it, and what makes it low.
type Endless = (LimitKind, &'static str, fn(&mut Limits));

/// What runs into a limit, on a line of its own.
fn endless() -> Vec<Endless> {
    vec![
        (LimitKind::Cpu, "loop { }", |limits| {
            limits.cpu = Duration::from_millis(20);
        }),
        (LimitKind::Wall, "while true { }", |limits| {
            limits.wall = Duration::from_millis(20);
        }),
        (LimitKind::Wall, "time::sleep(3600);", |limits| {
            limits.wall = Duration::from_millis(20);
        }),
        (
            LimitKind::Wall,
            "kv::collection(\"c\").get(\"gate\");",
            |limits| {
                limits.wall = Duration::from_millis(20);
            },
        ),
        (
            LimitKind::Operations,
            "let n = 0; while n < 99999999 { n += 1; }",
            |limits| {
                limits.operations = 20_000;
            },
        ),
        (
            LimitKind::HostCalls,
            "loop { kv::collection(\"c\").get(\"tick\"); }",
            |limits| {
                limits.host_calls = 3;
            },
        ),
        (
            LimitKind::Memory,
            "let all = []; loop { all.push(1); }",
            |limits| {
                limits.memory = 1 << 20;
            },
        ),
        (LimitKind::Memory, "loop { blob(99999999); }", |limits| {
            limits.memory = 1 << 20;
        }),
        (LimitKind::CallDepth, "deeper();", |_limits| {}),
    ]
}

/// Where it stands, as `BAD`, and the functions around it, innermost first.
const AROUND: [(&str, &[&str]); 17] = [
    ("let y = 1;\nBAD", &["main"]),
    ("fn f() {\n  BAD\n}\nf()", &["f", "main"]),
    (
        "fn f(n) {\n  if n > 0 {\n    f(n - 1)\n  } else {\n    BAD\n  }\n}\nf(2)",
        &["f", "f", "f", "main"],
    ),
    (
        "fn g() {\n  let y = 1;\n  try {\n    BAD\n  } catch (e) { 7 }\n}\nfn f() { g() }\nf()",
        &["g", "f", "main"],
    ),
    (
        "fn g() {\n  BAD\n}\nfn f() { try { g(); } catch { 7 } }\ntry {\n  f() } catch (e) { 7 }",
        &["g", "f", "main"],
    ),
    ("let f = || {\n  BAD\n};\nf.call()", &["closure", "main"]),
    (
        "let y = 1;\nlet f = |x| {\n  let z = x + y;\n  BAD\n};\nf.call(1)",
        &["closure", "main"],
    ),
    ("[3, 1, 2].map(|a| {\n  BAD\n})", &["closure", "main"]),
    ("[3, 1, 2].filter(|a| {\n  BAD\n})", &["closure", "main"]),
    (
        "[3, 1, 2].reduce(|a, b| {\n  BAD\n}, 0)",
        &["closure", "main"],
    ),
    ("[3, 1, 2].sorted(|a, b| {\n  BAD\n})", &["closure", "main"]),
    ("[3, 1, 2].group_by(|a| {\n  BAD\n})", &["closure", "main"]),
    (
        "fn f() {\n  [3, 1, 2].for_each(|a| {\n  BAD\n})\n}\nf()",
        &["closure", "f", "main"],
    ),
    ("tx::run(|| {\n  BAD\n})", &["closure", "main"]),
    (
        "retry::run(#{ attempts: 1 }, || {\n  BAD\n})",
        &["closure", "main"],
    ),
    (
        "fn f() {\n  tx::run(|| {\n    BAD\n  })\n}\nlet g = || { f() };\ng.call()",
        &["closure", "f", "closure", "main"],
    ),
    ("response::stream(|out| {\n  BAD\n})", &["closure"]),
];

/// The end of a run that streams.
async fn rest_of(response: ScriptResponse, source: &str) -> Completion {
    let ResponseBody::Stream(mut stream) = response.body else {
        panic!("it answers: {source}")
    };
    loop {
        let next = std::future::poll_fn(|context| Pin::new(&mut stream).poll_next(context));
        if let StreamItem::End(completion) = next.await.expect("an end") {
            return *completion;
        }
    }
}

async fn failed(rig: &Rig, run: Box<Invocation>) -> ScriptError {
    let source = run.script.source.clone();
    let outcome: Outcome = rig.executor.execute(run).await;
    let error = match outcome.response {
        Some(response) => rest_of(response, &source).await.error,
        None => outcome.completion.error,
    };
    error.unwrap_or_else(|| panic!("it does not fail: {source}"))
}

fn line_of(source: &str, what: &str) -> u32 {
    let before = &source[..source.find(what).unwrap()];
    before.matches('\n').count() as u32 + 1
}

/// The functions of these frames; those of the platform's own functions that call are left out.
fn functions(frames: &[Frame]) -> Vec<&str> {
    let names = frames.iter().map(|frame| frame.function.as_str());
    names
        .filter(|name| ["main", "f", "g", "h", "closure", "deeper"].contains(name))
        .collect()
}

fn assert_place(error: &ScriptError, source: &str, bad: &str, around: &[&str]) {
    let deep = error.kind == shared::script_error::ScriptErrorKind::Limit(LimitKind::CallDepth);
    // It is a small one: said to have happened where it begins.
    let expected = line_of(source, if deep { "fn deeper" } else { bad });
    let first = &error.frames[0];
    assert_eq!(
        (first.line, &*first.script),
        (expected, "main@1"),
        "{source}\n{error:?}"
    );
    assert!(first.column > 0, "{source}\n{error:?}");
    let line = source.lines().nth(expected as usize - 1).unwrap();
    assert!(error.excerpt.contains(line), "{source}\n{error:?}");
    if deep {
        assert_eq!(first.function, "deeper");
    } else {
        assert_eq!(functions(&error.frames), around, "{source}\n{error:?}");
    }
    assert!(
        error.frames.iter().all(|frame| frame.line > 0),
        "{source}\n{error:?}"
    );
}

#[test]
fn every_limit_has_a_place_wherever_it_is_met() {
    on_worker(1, async |rig| {
        for (kind, bad, limit) in endless() {
            for (around, functions) in AROUND {
                let source = format!("fn deeper() {{ deeper() }}\n{}", around.replace("BAD", bad));
                let error = failed(rig, limited(&source, limit)).await;
                assert_eq!(
                    error.kind,
                    shared::script_error::ScriptErrorKind::Limit(kind),
                    "{source}: {error:?}"
                );
                assert_place(&error, &source, bad, functions);
            }
        }
    });
}

/// A run of the function `h` for a request without anything.
fn handled(source: &str, change: impl FnOnce(&mut Limits)) -> Box<Invocation> {
    let mut run = limited(source, change);
    run.handler = Some("h".parse().unwrap());
    run
}

#[test]
fn a_handler_is_the_outermost_frame() {
    on_worker(1, async |rig| {
        for (kind, bad, limit) in endless() {
            for (body, functions) in [
                ("fn h(req) {\n  BAD\n}", &["h"][..]),
                (
                    "let y = 1;\nfn h(req) { f() }\nfn f() {\n  BAD\n}",
                    &["f", "h"],
                ),
                (
                    "fn h(req) {\n  [1].map(|x| {\n    BAD\n  })\n}",
                    &["closure", "h"],
                ),
                (
                    "fn h(req) {\n  response::stream(|out| {\n    BAD\n  })\n}",
                    &["closure"],
                ),
            ] {
                let source = format!("fn deeper() {{ deeper() }}\n{}", body.replace("BAD", bad));
                let error = failed(rig, handled(&source, limit)).await;
                assert_eq!(
                    error.kind,
                    shared::script_error::ScriptErrorKind::Limit(kind),
                    "{source}: {error:?}"
                );
                assert_place(&error, &source, bad, functions);
            }
        }
        for (bad, column) in [("1/0", 4), ("throw \"x\";", 3), ("json::parse(\"{\")", 9)] {
            let source = format!("fn h(req) {{\n  {bad}\n}}");
            let error = failed(rig, handled(&source, |_| {})).await;
            let frame = &error.frames[0];
            assert_eq!(
                (&*frame.function, frame.line, frame.column),
                ("h", 2, column),
                "{error:?}"
            );
            assert_eq!(error.frames.len(), 1, "{error:?}");
        }
    });
}

/// A small function is not in a block of ours: that would cost a fifth of a call.
#[test]
fn what_ends_in_a_small_function_is_where_it_begins() {
    on_worker(1, async |rig| {
        let memory: fn(&mut Limits) = |limits| limits.memory = 1 << 20;
        for (source, expected) in [
            (
                "fn f() {\n  blob(99999999)\n}\nlet y = 1;\nf()",
                [("f", 1), ("main", 5)].as_slice(),
            ),
            (
                "let y = 1; fn f(x) {\n  blob(x)\n}\nfn g(x) {\n  for i in 0..3 {\n    f(x)\n  }\n}\ng(99999999)",
                &[("f", 1), ("g", 6), ("main", 9)],
            ),
            (
                "fn f() {\n  blob(this)\n}\nlet y = 1; y = 99999999;\n  y.f()",
                &[("f", 1), ("main", 5)],
            ),
            (
                "fn deep(n) {\n  deep(n + 1)\n}\n\ndeep(0)",
                &[("deep", 1), ("main", 5)],
            ),
        ] {
            let error = failed(rig, limited(source, memory)).await;
            let frames = error.frames.iter();
            let frames: Vec<(&str, u32)> =
                frames.map(|frame| (&*frame.function, frame.line)).collect();
            assert_eq!(frames, expected, "{source}\n{error:?}");
        }
        let source = "fn h(req) { f() }\nfn f() {\n  blob(99999999)\n}";
        let error = failed(rig, handled(source, memory)).await;
        let frames: Vec<(&str, u32)> = error
            .frames
            .iter()
            .map(|frame| (&*frame.function, frame.line))
            .collect();
        assert_eq!(frames, [("f", 2), ("h", 1)], "{error:?}");
    });
}

#[test]
fn what_is_thrown_again_stays_where_it_happened() {
    on_worker(1, async |rig| {
        for (source, function, line) in [
            (
                "fn f() {\n  try { 1/0 } catch (e) { throw e; }\n}\nf()",
                "f",
                2,
            ),
            (
                "fn g() {\n  1/0\n}\nfn f() {\n  try { g() } catch (e) { throw e; }\n}\nf()",
                "g",
                2,
            ),
            (
                "fn f() {\n  try {\n    tx::run(|| {\n      1/0 }) } catch (e) { throw e; }\n}\nf()",
                "closure",
                4,
            ),
            (
                "fn f() {\n  try { 1/0 } catch (e) { throw e; }\n}\ntry { f() } catch (e) { throw e; }",
                "f",
                2,
            ),
            (
                "try {\n  let g = || { 1/0 }; g.call() } catch (e) { try { throw e; } catch (f) { throw f; } }",
                "closure",
                2,
            ),
            ("try {\n  1/0 } catch (e) { throw e; }", "main", 2),
            (
                "let f = |x| {\n  try { x / 0 } catch (e) { throw e; }\n};\n[1].map(f)",
                "closure",
                2,
            ),
        ] {
            let error = failed(rig, limited(source, |_| {})).await;
            let first = &error.frames[0];
            assert_eq!(
                (&*first.function, &*first.script, first.line),
                (function, "main@1", line),
                "{source}\n{error:?}"
            );
            assert!(
                error.excerpt.contains(&format!("{line} | ")),
                "{source}\n{error:?}"
            );
        }
        let source =
            "fn f() {\n  try { 1/0 } catch (e) { return [e.script, e.function, e.line]; }\n}\nf()";
        let outcome = rig.run(source).await;
        assert_eq!(crate::support::body(&outcome), "[\"main@1\",\"f\",2]");
    });
}

/// A module that calls what it is given, at other places than the scripts below.
const CALLS: &str = "// Calls what it is given.\n\nfn run(work) {\n  let result = work.call();\n  result\n}\n\
    fn each(items, work) {\n  let all = [];\n  for item in items { all.push(work.call(item)); }\n  all\n}\n\
    fn mapped(items, work) { items.map(work) }\nfn safe(work) {\n  try { work.call() } catch (e) { throw e; }\n}\n\
    fn kept(work) { tx::run(work) }";

/// A run that can import them.
fn with_calls(source: &str, change: impl FnOnce(&mut Limits)) -> Box<Invocation> {
    let mut run = limited(source, change);
    let name = "lib/calls".parse().unwrap();
    let module = ModuleSource {
        source: CALLS.into(),
        hash: ContentHash::of(CALLS.as_bytes()),
    };
    let image = Arc::make_mut(&mut run.script);
    image.modules = Arc::new(ModuleSet::new(BTreeMap::from([(name, module)])));
    run
}

/// To the language a closure that a module calls is the module's.
#[test]
fn what_a_module_calls_is_where_it_is_written() {
    let ways = [
        "c::run(|| {\n  BAD\n})",
        "c::each([1], |x| {\n  BAD\n})",
        "c::mapped([1], |x| {\n  BAD\n})",
        "c::safe(|| {\n  BAD\n})",
        "c::kept(|| {\n  BAD\n})",
        "let y = 1;\nc::run(|| {\n  let z = y;\n  BAD\n})",
        "fn f() {\n  for i in 0..1 {}\n  BAD\n}\nc::run(f)",
        "fn f() {\n  BAD\n}\nc::run(Fn(\"f\"))",
        "c::run(|| {\n  try {\n    BAD\n  } catch (e) { throw e; }\n})",
        "c::run(|| {\n  c::run(|| {\n    BAD\n  })\n})",
    ];
    let plain: fn(&mut Limits) = |_limits| {};
    let bads = [
        ("throw \"x\";", plain),
        ("1/0;", plain),
        ("json::parse(\"{\");", plain),
        ("loop { }", |limits: &mut Limits| limits.operations = 20_000),
    ];
    on_worker(1, async |rig| {
        for way in ways {
            for (bad, limit) in bads {
                // A text that is thrown again is thrown where that is done.
                if bad.starts_with("throw") && (way.contains("try") || way.contains("safe")) {
                    continue;
                }
                let source = format!("import \"lib/calls\" as c;\n{}", way.replace("BAD", bad));
                let error = failed(rig, with_calls(&source, limit)).await;
                let first = &error.frames[0];
                assert_eq!(
                    (first.line, &*first.script),
                    (line_of(&source, bad), "main@1"),
                    "{source}\n{error:?}"
                );
                let line = source.lines().nth(first.line as usize - 1).unwrap();
                assert!(error.excerpt.contains(line), "{source}\n{error:?}");
                let modules = error.frames.iter().filter(|it| it.script == "lib/calls");
                for frame in modules {
                    let line = CALLS.lines().nth(frame.line as usize - 1).unwrap();
                    assert!(line.contains("work"), "{source}\n{error:?}");
                }
            }
        }
    });
}
