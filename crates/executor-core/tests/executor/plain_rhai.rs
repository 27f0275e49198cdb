//! What scripts of plain Rhai do here as there.

use rhai::packages::{Package as _, StandardPackage};
use rhai::{Dynamic, Engine};
use shared::script_error::ScriptErrorKind;

use crate::support::{body, on_worker};

/// Expressions that mean what they mean in plain Rhai.
const SAME: [&str; 47] = [
    "[#{ n: 1, k: \"a\" }, #{ n: 1, k: \"b\" }, #{ n: 0, k: \"c\" }].order_by(|x, y| x.n < y.n)",
    "let a = [[1, 1], [0, 2], [1, 3], [0, 4]]; a.sort(|x, y| x[0] < y[0]); a",
    "let a = [[1, 1], [0, 2], [1, 3], [0, 4]]; a.sort(|x, y| x[0] > y[0]); a",
    "let a = [[1, 1], [0, 2], [1, 3], [0, 4]]; a.sort(|x, y| x[0] - y[0]); a",
    "let a = [3, 1, 2, 3, 1]; a.sort(|x, y| x <= y); a",
    "\"a\" in \"abc\".to_chars()",
    "'a' in [\"a\"]",
    "['a'] == [\"a\"]",
    "[\"a\"] != ['a']",
    "['a'] == [\"ab\"]",
    "['a'] == [\"\"]",
    "[\"ä\"].contains('ä')",
    "[\"a\"].index_of('a')",
    "['a'].index_of(\"a\")",
    "#{ a: 'a' } == #{ a: \"a\" }",
    "#{ a: ['x'] } == #{ a: [\"x\"] }",
    "let a = ['a', \"a\", \"b\"]; a.dedup(); a.len",
    "[1..3] == [1..3]",
    "[1..3] == [1..4]",
    "[1..3] == [1..=3]",
    "[1..=3] == [1..=3]",
    "[1..3].contains(1..3)",
    "#{ r: 0..9 } != #{ r: 0..9 }",
    "[1, 2.0] == [1.0, 2]",
    "[1e-9, -0.0, 1e13].to_string()",
    "[1e-9, -0.0, 1e13].to_debug()",
    "[1e15, 1e16, 0.00001, 0.000001].to_string()",
    "\"\" + [0.0 / 0.0, 1.0 / 0.0, -1.0 / 0.0]",
    "['c'].to_string()",
    "[\"c\", '\"', '\\n'].to_string()",
    "#{ a: 'c', b: 1e-9, c: -0.0 }.to_string()",
    "`${['x', [1e13]]}`",
    "\"\" + -0.0 + 1e-9 + 'c'",
    "[(-0.0).to_string(), (-0.0).to_debug(), 1e13.to_string()]",
    "\"\".split()",
    "\"  \".split()",
    "\"\".split(\"\")",
    "\"ab\".split(\"\")",
    "\"ab\".split(\"\", 2)",
    "\"\".split(',')",
    "\"a,b\".split(',', 0)",
    "\"\".split_rev(\"\")",
    "\"a,b,c\".split_rev(\",\", 2)",
    "let s = \"abc\"; s.replace(\"\", \"x\"); s",
    "let s = \"abc\"; s.replace(\"\", 'x'); s",
    "let s = \"\"; s.replace(\"\", \"x\"); s",
    "let a = [2, 1, 2, 1]; a.sort_by(|x, y| x < y); a",
];

#[test]
fn values_compare_and_sort_as_in_plain_rhai() {
    let mut plain = Engine::new_raw();
    plain.register_global_module(StandardPackage::new().as_shared_module());
    on_worker(1, async |rig| {
        for source in SAME {
            let theirs = plain.eval::<Dynamic>(source).expect("it is a program");
            let theirs = rhai::format_map_as_json(&[("r".into(), theirs)].into());
            let ours = body(&rig.run(&format!("#{{ r: {{ {source} }} }}")).await);
            assert_eq!(ours, theirs, "{source}");
        }
    });
}

#[test]
fn a_source_may_begin_with_a_mark_or_the_name_of_a_program() {
    on_worker(1, async |rig| {
        for source in [
            "\u{feff}\"hi\"",
            "#!/usr/bin/env rhai-run\n\"hi\"",
            "#! rhai\r\n\"hi\"",
            "\u{feff}#!/bin/rhai\n// more\n\"hi\"",
            "\u{feff}let r = (); try { throw 1 } catch (e) { r = \"hi\" } r",
        ] {
            assert_eq!(body(&rig.run(source).await), "hi", "{source:?}");
        }
        for (source, place) in [
            ("#!/bin/rhai\n1 +* 2", (2, 4)),
            ("\u{feff}1 +* 2", (1, 4)),
            ("\u{feff}#!/bin/rhai\n\n1 +* 2", (3, 4)),
            (" #!/bin/rhai", (1, 2)),
        ] {
            let error = rig.run(source).await.completion.error.unwrap();
            assert_eq!(error.kind, ScriptErrorKind::Compile, "{source:?}");
            let frame = &error.frames[0];
            assert_eq!((frame.line, frame.column), place, "{source:?}");
        }
    });
}

#[test]
fn the_missing_timestamp_is_refused_and_the_name_is_free() {
    on_worker(1, async |rig| {
        for (source, column) in [
            ("timestamp()", 1),
            ("let t = timestamp(); t.elapsed", 9),
            ("fn f() { timestamp().elapsed } f()", 10),
            ("let f = || timestamp(); f.call()", 12),
            ("`${timestamp()}`", 4),
        ] {
            let error = rig.run(source).await.completion.error.unwrap();
            assert_eq!(error.kind, ScriptErrorKind::Compile, "{source}");
            assert!(error.message.contains("time::now()"), "{}", error.message);
            assert_eq!(error.frames[0].column, column, "{source}");
        }
        for source in [
            "fn timestamp() { 7 } timestamp()",
            "let timestamp = 7; timestamp",
            "#{ timestamp: 7 }.timestamp",
        ] {
            assert_eq!(body(&rig.run(source).await), "7", "{source}");
        }
    });
}
