//! Constants stay what they are, and other variables may have their names.

use shared::script_error::ScriptErrorKind;

use crate::support::{body, on_worker};

/// Sources that change a part of a constant, and where, in the third line.
const CHANGES: [(&str, &str, u32); 30] = [
    ("C.a = 2", "C", 1),
    ("C[\"a\"] = 2", "C", 1),
    ("C?.a = 2", "C", 1),
    ("C?[\"a\"] = 2", "C", 1),
    ("C.a += 1", "C", 1),
    ("C.missing = 2", "C", 1),
    ("C[k] = 2", "C", 1),
    ("C.b.c = 2", "C", 1),
    ("C.b[\"c\"] = 2", "C", 1),
    ("C[\"b\"].c -= 2", "C", 1),
    ("L[0] = 2", "L", 1),
    ("L[0][0] = 2", "L", 1),
    ("L[-1] = 2", "L", 1),
    ("T[0] = 'x'", "T", 1),
    ("if k == k { C.a = 2; }", "C", 13),
    ("`x ${ C.a = 2; 1 }`", "C", 7),
    ("let x = { C.a = 2; 1 };", "C", 11),
    ("for C in [C] {} C.a = 2", "C", 17),
    ("if k != k { let C = #{}; } else { C.a = 2; }", "C", 35),
    ("try { C.a = 2; } catch (e) { e }", "C", 7),
    ("try { k } catch (C) {} C.a = 2", "C", 24),
    ("switch k { \"a\" => C.a = 3, _ => 0 }", "C", 19),
    ("while true { C.a = 2; }", "C", 14),
    ("let f = || C.a = 2; f.call()", "C", 12),
    ("let f = |x| { C.a = x; C }; f.call(1)", "C", 15),
    ("let f = |x| || |y| { C.b.c = x; y }; f.call(1)", "C", 22),
    ("[1].map(|x| { if x == 1 { L[0] = x } })", "L", 27),
    ("fn f() { const D = #{}; D.a = 1; } f()", "D", 25),
    ("fn f() { global::C.a = 2; } f()", "global::C", 18),
    ("ctx.app = \"other\"", "ctx", 1),
];

#[test]
fn a_part_of_a_constant_is_not_assigned() {
    on_worker(1, async |rig| {
        for (source, name, column) in CHANGES {
            let source = format!(
                "const C = #{{ a: 1, b: #{{ c: 1 }} }};\nconst L = [[1]]; const T = \"abc\"; let k = \"a\";\n{source}"
            );
            let error = rig.run(&source).await.completion.error.unwrap();
            assert_eq!(error.kind, ScriptErrorKind::Compile, "{source}: {error:?}");
            let message = format!("Cannot modify constant {name}");
            assert!(error.message.contains(&message), "{source}: {error:?}");
            let place = error.frames.first().map(|frame| (frame.line, frame.column));
            assert_eq!(place, Some((3, column)), "{source}");
        }
    });
}

#[test]
fn variables_may_have_the_names_of_constants() {
    on_worker(1, async |rig| {
        for (source, expected) in [
            ("for C in [#{ a: 5 }] { C.a = 7; r = C.a; } r", "7"),
            ("for (x, C) in [4, 5] { r += C; } r", "1"),
            ("const x = 1; for x in [5, 6] { r += x; } r", "11"),
            ("const x = 1; try { throw 7 } catch (x) { r = x; } r", "7"),
            (
                "const x = 1; try { throw #{ a: 7 } } catch (x) { x.a += 1; r = x.a; } r",
                "8",
            ),
            (
                "const x = 1; for i in 0..2 { for x in [3] { r += x + i; } } r + x",
                "8",
            ),
            ("let C = #{}; C.a = 5; C.a", "5"),
            ("if r == 0 { let C = #{}; C.a = 5; r = C.a; } r", "5"),
            ("let f = |C| { C.a = 8; C.a }; f.call(#{})", "8"),
            ("let f = |C| C.a = 8; f.call(#{}); C.a", "1"),
            ("fn f(C) { C.a = 9; C.a } f(C) + C.a", "10"),
            (
                "fn f(C) { let g = || { C.a = 9; C.a }; g.call() } f(C) + C.a",
                "10",
            ),
            ("let D = C; D.a = 9; D.a + C.a", "10"),
            ("let f = |x| C.a + x; f.call(2)", "3"),
            ("let event = #{}; event.kind = 3; event.kind", "3"),
        ] {
            let source = format!("const C = #{{ a: 1 }}; let r = 0;\n{source}");
            assert_eq!(body(&rig.run(&source).await), expected, "{source}");
        }
    });
}
