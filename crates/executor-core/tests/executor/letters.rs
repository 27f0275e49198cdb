//! Letters of a text are those the language's own standard library names.

use rhai::packages::{Package as _, StandardPackage};
use rhai::{Dynamic, Engine};

use crate::support::{body, on_worker};

const TEXTS: [&str; 4] = ["", "a", "hello", "grüße 🦀 an dich"];
const PLACES: [&str; 9] = [
    "-9223372036854775807",
    "-20",
    "-3",
    "-1",
    "0",
    "1",
    "4",
    "20",
    "9223372036854775807",
];

/// Each way to name letters of the text `s`, with the places `a` and `b`; what is found is in `o`.
const WAYS: [&str; 15] = [
    "o.push(s.sub_string(a, b))",
    "o.push(s.sub_string(a))",
    "o.push(s.sub_string(a..b))",
    "o.push(s.sub_string(a..=b))",
    "s.crop(a, b); o.push(s)",
    "s.crop(a); o.push(s)",
    "s.crop(a..b); o.push(s)",
    "s.crop(a..=b); o.push(s)",
    "s.set(a, 'ß'); o.push(s)",
    "for c in s.chars(a, b) { o.push(`${c}`) }",
    "for c in s.chars(a) { o.push(`${c}`) }",
    "for c in s.chars(a..b) { o.push(`${c}`) }",
    "for c in s.chars(a..=b) { o.push(`${c}`) }",
    "for (c, i) in s { o.push(`${c}`); o.push(i) }",
    "for c in s.chars() { o.push(`${c}`) } for c in s.chars { o.push(`${c}`) }",
];

/// All places one way finds in all texts.
fn program(way: &str) -> String {
    let mut program = "let all = [];".to_owned();
    for text in TEXTS {
        for a in PLACES {
            for b in PLACES {
                program += &format!(
                    "{{ let s = `{text}`; let a = {a}; let b = {b}; let o = []; {way}; all.push(o) }}"
                );
            }
        }
    }
    program + "all"
}

#[test]
fn letters_are_those_the_standard_library_names() {
    let mut plain = Engine::new_raw();
    plain.register_global_module(StandardPackage::new().as_shared_module());
    on_worker(1, async |rig| {
        for way in WAYS {
            let program = program(way);
            let expected = plain.eval::<Dynamic>(&program).expect("it is a program");
            let expected = rhai::format_map_as_json(&[("all".into(), expected)].into());
            let ours = rig.run(&program).await;
            assert_eq!(format!("{{\"all\":{}}}", body(&ours)), expected, "{way}");
        }
    });
}
