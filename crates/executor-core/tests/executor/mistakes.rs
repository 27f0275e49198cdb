//! What newcomers are told about their mistakes, kept as text so that it is read when it changes.

use std::fmt::Write as _;
use std::path::Path;

use crate::support::{Rig, body, on_worker};

const FILE: &str = "tests/data/mistakes.txt";

/// What names the language this platform is written in, or its insides.
const IMPLEMENTATION: [&str; 10] = [
    "i64",
    "f64",
    "&mut",
    "anon$",
    "rhai::",
    "core::",
    "alloc::",
    "ImmutableString",
    "FnPtr",
    "Dynamic",
];

/// Where it happened and what a script's author reads about it.
async fn told(rig: &Rig, source: &str) -> String {
    let outcome = rig.run(source).await;
    let Some(error) = &outcome.completion.error else {
        return format!("no error: {}", body(&outcome));
    };
    let mut told = String::new();
    if let Some(frame) = error.frames.first() {
        let (line, column) = (frame.line, frame.column);
        write!(told, "{line}:{column} {}: ", frame.function).unwrap();
    }
    told + error.message.as_str()
}

#[test]
fn mistakes_are_told_with_their_place_and_what_to_do() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let kept = std::fs::read_to_string(file).unwrap();
    on_worker(1, async |rig| {
        let mut parts = kept.split("===\n");
        let mut now = parts.next().unwrap().to_owned();
        let mut all = Vec::new();
        for part in parts {
            let (source, _told) = part.split_once("\n---\n").unwrap();
            let told = told(rig, source).await;
            writeln!(now, "===\n{source}\n---\n{told}").unwrap();
            all.push(told);
        }
        let seen = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mistakes.txt");
        std::fs::write(&seen, &now).unwrap();
        assert!(all.len() >= 100, "{}", all.len());
        for told in all {
            assert!(!told.starts_with("0:0 "), "{told}");
            let ours = IMPLEMENTATION.iter().find(|word| told.contains(**word));
            assert_eq!(ours, None, "{told}");
        }
        let seen = seen.display();
        assert!(
            now == kept,
            "read {seen}; if it is better, it becomes {FILE}"
        );
    });
}
