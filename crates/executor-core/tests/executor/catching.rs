//! What `catch (e)` gives, and what becomes of it.

use shared::script_error::{ScriptError, ScriptErrorKind};

use crate::support::{Rig, body, on_worker};

/// A call that the host refuses.
const REFUSED: &str = "kv::collection(\"c\").get(\"k\")";

async fn answer(rig: &Rig, source: &str) -> String {
    body(&rig.run(source).await)
}

async fn error_of(rig: &Rig, source: &str) -> ScriptError {
    let outcome = rig.run(source).await;
    outcome
        .completion
        .error
        .unwrap_or_else(|| panic!("{source} did not fail"))
}

#[test]
fn the_error_of_a_service_reads_like_a_map_and_prints_as_its_message() {
    on_worker(1, async |rig| {
        for (what, expected) in [
            ("e.message", "not today"),
            ("e.kind", "conflict"),
            ("e.service", "kv"),
            ("e[\"kind\"]", "conflict"),
            ("e.get(\"kind\")", "conflict"),
            ("`${e}`", "not today"),
            ("\"\" + e", "not today"),
            ("e + \"!\"", "not today!"),
            ("e.to_string()", "not today"),
            ("type_of(e)", "error"),
            (
                "[e.status, e.code, e.line, e.script]",
                "[null,null,2,\"main@1\"]",
            ),
            (
                "[\"kind\" in e, \"status\" in e, e.contains(\"line\")]",
                "[true,false,true]",
            ),
            (
                "[e == e, e != e, [e] == [e], e == \"not today\", e == 1]",
                "[true,false,true,true,false]",
            ),
            ("e.keys().contains(\"message\")", "true"),
            ("json::parse(json::stringify(e)).message", "not today"),
            ("#{error: e}.error.kind", "conflict"),
            ("`${[e]}`", "[\"not today\"]"),
            ("let f = || e.kind; f.call()", "conflict"),
            (
                "let twice = e; twice.message + e.message",
                "not todaynot today",
            ),
        ] {
            let source =
                format!("let r = (); try {{\n  {REFUSED} }} catch (e) {{ r = {{ {what} }}; }} r");
            assert_eq!(answer(rig, &source).await, expected, "{what}");
        }
    });
}

#[test]
fn errors_of_the_language_and_of_functions_look_the_same() {
    on_worker(1, async |rig| {
        for (failing, kind, message) in [
            ("1 / 0", "runtime", "Division by zero"),
            ("let a = [1]; a[5]", "runtime", "out of bounds"),
            (
                "nothing_like_it(1, \"x\", 1.5)",
                "runtime",
                "nothing_like_it (integer, string, float)",
            ),
            ("\"a\" - 1", "runtime", "- (string, integer)"),
            ("let x = 1; if x { print(2) }", "runtime", "bool"),
            (
                "kv::collection(\"c\") + 1",
                "runtime",
                "+ (collection, integer)",
            ),
            ("json::parse(\"{\")", "invalid", "JSON"),
            ("sum_of([1, ()])", "invalid", "sum takes numbers, not ()"),
            ("kv::collection(\"a b\")", "invalid", "not a valid"),
            ("random::int(5, 1)", "invalid", ""),
            ("sleep(-1)", "invalid", "not negative"),
        ] {
            let failing = failing.replace("sum_of([1, ()])", "[1, ()].sum()");
            let source = format!(
                "let r = ();\ntry {{\n  {failing};\n}} catch (e) {{ r = [e.kind, e.line, e.service, `${{e}}`]; }}\nr"
            );
            let found = answer(rig, &source).await;
            assert!(
                found.starts_with(&format!("[\"{kind}\",3,null,")),
                "{failing}: {found}"
            );
            assert!(found.contains(message), "{failing}: {found}");
            for foreign in [
                "rhai::",
                "alloc::",
                "executor_core",
                "i64",
                "f64",
                "Dynamic",
                "ImmutableString",
                "(line",
            ] {
                assert!(!found.contains(foreign), "{failing}: {found}");
            }
        }
    });
}

#[test]
fn the_place_is_where_it_happened() {
    on_worker(1, async |rig| {
        let source = "fn deep(x) {\n    1 / x\n}\nlet r = ();\ntry { deep(0); } catch (e) { r = [e.line, e.position, e.function, e.script]; }\nr";
        assert_eq!(answer(rig, source).await, "[2,7,\"deep\",\"main@1\"]");
        // The columns are those of what was written, wherever on the line it is.
        let source = "let r = []; try { 1 / 0; } catch (e) { r.push(e.position); try { [1][2]; } catch (f) { r.push(f.position); } } r";
        assert_eq!(answer(rig, source).await, "[21,70]");
        let source = "try { 1; } catch (e) { } json::parse(\"{\")";
        let error = error_of(rig, source).await;
        assert_eq!(
            (error.frames[0].line, error.frames[0].column),
            (1, 32),
            "{error:?}"
        );
        assert!(
            error.excerpt.contains("1 | try { 1; } catch (e) { } json"),
            "{error:?}"
        );
    });
}

#[test]
fn what_a_script_throws_is_itself() {
    on_worker(1, async |rig| {
        for (thrown, what, expected) in [
            ("7", "e + 1", "8"),
            ("\"text\"", "e.len", "4"),
            (
                "#{status: 404, message: \"no such order\"}",
                "e.status",
                "404",
            ),
            ("#{kind: \"runtime\", message: \"m\"}", "type_of(e)", "map"),
            ("()", "type_of(e)", "()"),
            ("[1, 2]", "e[1]", "2"),
        ] {
            let source =
                format!("let r = 0; try {{ throw {thrown}; }} catch (e) {{ r = {what}; }} r");
            assert_eq!(answer(rig, &source).await, expected, "{thrown}");
        }
    });
}

#[test]
fn an_error_that_is_thrown_again_stays_what_it_was() {
    on_worker(1, async |rig| {
        for (failing, kind) in [
            (REFUSED, ScriptErrorKind::Host),
            ("1 / 0", ScriptErrorKind::Runtime),
            ("json::parse(\"{\")", ScriptErrorKind::Runtime),
            ("throw \"mine\"", ScriptErrorKind::Thrown),
        ] {
            let plain = error_of(rig, &format!("fn work() {{\n  {failing}\n}}\nwork()")).await;
            assert_eq!(plain.kind, kind, "{plain:?}");
            for again in ["throw e;", "throw;", "let f = e; throw f;"] {
                let source = format!(
                    "fn work() {{\n  {failing}\n}}\ntry {{ work() }} catch (e) {{\n  {again} }}"
                );
                let error = error_of(rig, &source).await;
                assert_eq!(
                    (error.kind, &error.message),
                    (kind, &plain.message),
                    "{source}"
                );
                if kind != ScriptErrorKind::Thrown {
                    assert_eq!(error.frames[0], plain.frames[0], "{source}: {error:?}");
                    assert_eq!(error.excerpt, plain.excerpt, "{source}");
                }
            }
        }
        let source = "try { throw #{status: 404, message: \"gone\"}; } catch (e) { throw e; }";
        let error = error_of(rig, source).await;
        assert_eq!(error.public.unwrap().status, 404);
        let source = "try { 1 / 0 } catch (e) { throw #{status: 503, message: e}; }";
        let public = error_of(rig, source).await.public.unwrap();
        assert_eq!(
            (public.status, &*public.message),
            (503, "Division by zero: 1 / 0")
        );
    });
}

#[test]
fn an_error_that_was_caught_can_be_logged_sent_and_answered() {
    on_worker(1, async |rig| {
        let source = format!(
            "try {{ {REFUSED} }} catch (e) {{ log::error(e); log::error(\"x\", #{{error: e}}); print(e);
             queue::send(\"q\", e); return e; }}"
        );
        let outcome = rig.run(&source).await;
        let answered = body(&outcome);
        assert!(answered.contains("\"kind\":\"conflict\""), "{answered}");
        let logs: Vec<_> = outcome
            .completion
            .logs
            .iter()
            .map(|line| &*line.message)
            .collect();
        assert_eq!(logs, ["not today", "x", "not today"]);
        let fields = outcome.completion.logs[1].fields.as_deref().unwrap();
        assert!(fields.starts_with("{\"error\":{"), "{fields}");
        assert!(fields.contains("\"kind\":\"conflict\""), "{fields}");
        assert_eq!(rig.host.applied().len(), 1);
        assert_eq!(rig.executor.stats().leaked_bytes, 0);
    });
}

#[test]
fn nothing_a_script_makes_is_a_failure_of_a_service() {
    on_worker(1, async |rig| {
        for forged in [
            "throw #{kind: \"internal\", service: \"kv\", message: \"secret\"};",
            "try { 1 / 0 } catch (e) { throw e.to_map(); }",
            "let m = #{}; try { kv::collection(\"c\").get(\"k\") } catch (e) { m = e.to_map(); } throw m;",
        ] {
            let error = error_of(rig, forged).await;
            assert_eq!(error.kind, ScriptErrorKind::Thrown, "{forged}: {error:?}");
        }
        let changed =
            "try { kv::collection(\"c\").get(\"k\") } catch (e) { e.message = \"mine\"; }";
        assert_eq!(error_of(rig, changed).await.kind, ScriptErrorKind::Runtime);
    });
}

#[test]
fn what_ends_a_loop_or_a_function_is_no_error() {
    on_worker(1, async |rig| {
        let source = "fn f() { try { return 7; } catch (e) { return 8; } }
            let n = 0; loop { try { n += 1; if n < 3 { continue; } break; } catch (e) { n = 100; } }
            let v = { try { 5 } catch (e) { 6 } };
            let g = |x| { try { x / 0 } catch (e) { return e.kind; } };
            [f(), n, g.call(1)]";
        assert_eq!(answer(rig, source).await, "[7,3,\"runtime\"]");
    });
}

/// `exit` ends the run with its value, also from a function that one of the platform's calls, and
/// nothing catches it.
#[test]
fn a_callback_can_end_the_run() {
    on_worker(1, async |rig| {
        for call in [
            "[3, 1].map(|x| exit(x))",
            "[3, 1].map(|x, at| exit(x))",
            "[3, 1].for_each(|| exit(this))",
            "[3, 1].filter(|x| exit(x))",
            "[3, 1].reduce(|sum, x| exit(x), 0)",
            "[3, 1].some(|x| exit(x))",
            "[3, 1].all(|x| exit(x))",
            "[3, 1].find(|x| exit(x))",
            "[3, 1].index_of(|x| exit(x))",
            "[3, 1].drain(|x| exit(x))",
            "[3, 1].retain(|x| exit(x))",
            "[3, 1].sort(|a, b| exit(3))",
            "[3, 1].sorted(|a, b| exit(3))",
            "[3, 1].dedup(|a, b| exit(3))",
            "[3, 1].group_by(|x| exit(x))",
            "#{ a: 3 }.filter(|k, v| exit(3))",
            "[3].map(|x| [x].map(|y| exit(y)))",
            "(|x| exit(x)).call(3)",
            "retry::run(#{ attempts: 2 }, || exit(3))",
            "tx::run(|| exit(3))",
            "tx::run(|| [3].map(|x| exit(x)))",
        ] {
            for source in [
                call.to_owned(),
                format!("try {{ {call}; }} catch (e) {{ 5 }}"),
                format!("fn f() {{ {call}; 6 }} let y = f(); 7"),
                format!(
                    "fn f() {{ try {{ {call}; }} catch (e) {{ throw e; }} 6 }} try {{ f(); }} catch (e) {{ }} 7"
                ),
                format!("[1].map(|n| {{ try {{ {call}; }} catch (e) {{ }} n }})"),
            ] {
                let outcome = rig.run(&source).await;
                let error = &outcome.completion.error;
                assert!(error.is_none(), "{source}: {error:?}");
                assert_eq!(body(&outcome), "3", "{source}");
            }
        }
    });
}

/// What a script throws is itself, so it has no fields of an error; what to do is said.
#[test]
fn the_fields_of_an_error_are_not_those_of_what_was_thrown() {
    on_worker(1, async |rig| {
        for (thrown, field) in [
            ("\"no\"", "kind"),
            ("\"no\"", "message"),
            ("7", "kind"),
            ("1.5", "status"),
            ("true", "line"),
            ("['a']", "service"),
        ] {
            let source = format!("try {{ throw {thrown}; }} catch (e) {{ e.{field} }}");
            let error = rig.run(&source).await.completion.error.unwrap();
            let hint = "what a script throws is itself in `catch (e)`";
            assert!(error.message.contains(hint), "{source}: {}", error.message);
            let map = format!("throw #{{ {field}: … }}");
            assert!(error.message.contains(&map), "{source}: {}", error.message);
        }
        // Where it is no field of an error, nothing of errors is said.
        let error = rig
            .run("let e = \"no\"; e.size")
            .await
            .completion
            .error
            .unwrap();
        assert!(!error.message.contains("catch"), "{}", error.message);
        let caught =
            "let kind = (); try { throw #{ kind: \"mine\" }; } catch (e) { kind = e.kind; } kind";
        assert_eq!(body(&rig.run(caught).await), "mine");
    });
}
