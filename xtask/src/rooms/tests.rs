//! The crates keep their order, and what breaks one is found where it stands.

use super::*;

#[test]
fn the_crates_keep_their_rooms() {
    let repository = Repository::read();
    for own in CRATES {
        let files = repository
            .rust()
            .filter(|(path, _)| path.starts_with(own.folder));
        assert!(files.count() > 3, "{} was read", own.folder);
    }
    assert_eq!(check(&repository), []);
}

const HOUSE: Crate = Crate {
    folder: "crates/house/src",
    rooms: &["lib", "sdk", "language", "sandbox"],
    barred: &[("sandbox", "rhai")],
};

/// What is found in a crate with these files, each in `crates/house/src/`.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let files = files.iter().map(|(path, text)| {
        let path = format!("crates/house/src/{path}");
        (path, (*text).to_owned())
    });
    let findings = check_crate(&HOUSE, &Repository(files.collect())).into_iter();
    findings
        .map(|f| format!("{}: {}", f.at, f.what).replace("crates/house/src/", ""))
        .collect()
}

const ORDERLY: [(&str, &str); 6] = [
    (
        "lib.rs",
        "mod language;\nmod sandbox;\nmod sdk;\npub use sdk::kv::Kv;\n",
    ),
    (
        "sdk.rs",
        "pub mod kv;\nmod time;\nfn all() { kv::functions(); }\n",
    ),
    (
        "sdk/kv.rs",
        "use super::time::{self, now as at};\nuse rhai::Engine;\n\
         mod functions {\n    use super::*;\n    fn f() { crate::sandbox::meter::Account::new(); }\n}\n",
    ),
    (
        "sdk/time.rs",
        "use crate::sandbox::meter;\nfn now() { meter::now() }\n",
    ),
    ("sandbox.rs", "pub(crate) mod meter;\n"),
    (
        "sandbox/meter.rs",
        "//! Not rhai::Engine, not `crate::sdk`.\nconst R: &str = \"rhai::Engine\";\n",
    ),
];

/// The orderly crate with one file changed or added.
fn with(path: &str, text: &str) -> Vec<String> {
    let mut files = ORDERLY.to_vec();
    files.retain(|(known, _)| *known != path);
    files.push((path, text));
    found(&files)
}

#[test]
fn an_orderly_crate_has_no_findings() {
    assert_eq!(found(&ORDERLY), [""; 0]);
}

#[test]
fn a_barred_library_is_found_however_it_is_named() {
    for (text, line) in [
        ("//! x\n\nuse rhai::Engine;\n", 3),
        ("use std::rc::Rc;\nuse {rhai::Engine, std::fmt};\n", 2),
        ("use ::rhai::Engine;\n", 1),
        ("use rhai as r;\n", 1),
        ("fn f() {\n    let e = rhai::Engine::new_raw();\n}\n", 2),
        ("fn f(e: &::rhai::Engine) {}\n", 1),
        ("pub(crate) use rhai::{\n    Engine,\n};\n", 2),
        ("#[cfg(test)]\nmod tests {\n    use rhai::Engine;\n}\n", 3),
    ] {
        let expected =
            format!("sandbox/meter.rs:{line}: `sandbox` must not name the library `rhai`");
        assert_eq!(with("sandbox/meter.rs", text), [expected], "{text}");
    }
}

#[test]
fn an_arrow_that_points_up_is_found_however_it_is_written() {
    for text in [
        "use crate::sdk::kv;\n",
        "use crate::{sandbox::meter, sdk::kv::Kv};\n",
        "use super::super::sdk::kv;\n",
        "fn f() { crate::sdk::kv::get(); }\n",
        "fn f() { super::super::sdk::kv::get(); }\n",
        "mod inner { fn f() { super::super::super::sdk::kv::get(); } }\n",
        "#[cfg(test)]\nmod tests { use crate::sdk::kv; }\n",
    ] {
        let found = with("language/engine.rs", text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(
            found[0].contains("`language` must not name `sdk`"),
            "{found:?}"
        );
        let line = text.lines().position(|line| line.contains("sdk")).unwrap() + 1;
        assert!(
            found[0].starts_with(&format!("language/engine.rs:{line}: ")),
            "{found:?}"
        );
    }
}

#[test]
fn a_circle_between_rooms_is_found() {
    let found = with("sandbox/meter.rs", "//! x\nuse crate::sdk::time;\n");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("sandbox/meter.rs:2: `sandbox` must not name `sdk`"));
    assert_eq!(
        found[1],
        "sandbox/meter.rs:2: a circle of files: sandbox/meter.rs:2 names sdk/time.rs, \
         sdk/time.rs:1 names sandbox/meter.rs"
    );
}

#[test]
fn a_circle_inside_a_room_is_found() {
    let two = with("sdk/time.rs", "use super::kv::Kv;\n");
    assert_eq!(two.len(), 1, "{two:?}");
    let parent = with("sdk/time.rs", "use super::all;\n");
    let expected =
        "sdk.rs:3 names sdk/kv.rs, sdk/kv.rs:1 names sdk/time.rs, sdk/time.rs:1 names sdk.rs";
    assert!(parent[0].ends_with(expected), "{parent:?}");
    let root = with("sandbox/meter.rs", "fn f(kv: crate::Kv) {}\n");
    assert!(
        root.iter()
            .any(|f| f.contains("`sandbox` must not name `lib`")),
        "{root:?}"
    );
}

#[test]
fn tests_may_look_around_in_their_room() {
    let text = "#[cfg(test)]\nmod tests {\n    use crate::sdk::kv::Kv;\n}\n";
    assert_eq!(with("sdk/time.rs", text), [""; 0]);
    assert_eq!(
        with("sdk/time/tests.rs", "use crate::sdk::kv::Kv;\n"),
        [""; 0]
    );
}

#[test]
fn a_file_without_a_room_is_found() {
    let found = with("codec.rs", "//! x\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("codec.rs: is in none of the rooms"));
}
