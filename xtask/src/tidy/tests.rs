//! The repository is tidy, and each check finds what it is for.

use super::*;

#[test]
fn the_repository_is_tidy() {
    let repository = Repository::read();
    assert!(repository.0.len() > 50, "the working tree was read");
    assert_eq!(check(&repository), []);
}

/// What a check says about a repository with these files.
fn found(check: fn(&Repository) -> Vec<Finding>, files: &[(&str, &str)]) -> Vec<String> {
    let owned = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    let findings = check(&Repository(owned.collect()));
    findings
        .into_iter()
        .map(|f| format!("{}: {}", f.at, f.what))
        .collect()
}

#[test]
fn a_file_without_a_purpose_is_found() {
    assert_eq!(
        found(sources::first_line, &[("a.rs", "//! For a.\n")]),
        [""; 0]
    );
    assert_eq!(found(sources::first_line, &[("a.rs", "use b;\n")]).len(), 1);
}

#[test]
fn a_long_file_is_found() {
    let (fits, long) = ("\n".repeat(600), "\n".repeat(601));
    assert_eq!(found(sources::size, &[("a.rs", &fits)]), [""; 0]);
    assert_eq!(found(sources::size, &[("a.rs", &long)]).len(), 1);
}

#[test]
fn left_overs_are_found_with_their_line() {
    for word in [
        concat!("to", "do!()"),
        concat!("#[ig", "nore]"),
        concat!("unimplem", "ented!()"),
        concat!("// FIX", "ME"),
    ] {
        let text = format!("//! a\n{word}\n");
        let found = found(sources::left_overs, &[("a.rs", &text)]);
        assert!(found[0].starts_with("a.rs:2"), "{found:?}");
    }
}

#[test]
fn unsafe_code_elsewhere_is_found() {
    let text = concat!("fn f() { un", "safe { g() } }");
    assert_eq!(
        found(sources::unsafe_code, &[("crates/store/src/a.rs", text)]).len(),
        1
    );
    assert_eq!(
        found(
            sources::unsafe_code,
            &[("crates/executor-core/src/sandbox/meter.rs", text)]
        ),
        [""; 0]
    );
    let lifted = concat!("#![expect(un", "safe_code, reason = \"x\")]");
    assert_eq!(
        found(sources::unsafe_code, &[("crates/node/src/a.rs", lifted)]).len(),
        1
    );
}

#[test]
fn an_executor_that_reaches_out_is_found() {
    for text in [
        "use std::fs;",
        "std::env::var(\"X\")",
        "use std::net::TcpStream;",
        "std::process::Command",
    ] {
        assert_eq!(
            found(
                sources::executor_is_sealed,
                &[("crates/executor-core/src/a.rs", text)]
            )
            .len(),
            1
        );
        assert_eq!(
            found(
                sources::executor_is_sealed,
                &[("crates/node/src/a.rs", text)]
            ),
            [""; 0]
        );
    }
}

#[test]
fn a_statement_that_asks_for_the_engine_is_found() {
    let text = "if conn.dialect() == Dialect::Sqlite {";
    for (path, many) in [
        ("crates/store/src/kv/list.rs", 1),
        ("crates/store/src/kv.rs", 1),
        ("crates/store/src/dialect.rs", 0),
        ("crates/store/src/postgres/lane.rs", 0),
        ("crates/store/tests/store/kv.rs", 0),
    ] {
        let found = found(sources::dialects, &[(path, text)]);
        assert_eq!(found.len(), many, "{path}");
    }
}

#[test]
fn a_crate_without_the_lints_is_found() {
    assert_eq!(
        found(sources::lints, &[("crates/a/Cargo.toml", "[package]")]).len(),
        1
    );
    let text = "[package]\n[lints]\nworkspace = true\n";
    assert_eq!(
        found(sources::lints, &[("crates/a/Cargo.toml", text)]),
        [""; 0]
    );
}

#[test]
fn a_crate_the_architecture_does_not_know_is_found_and_the_other_way_round() {
    let files = [
        ("ARCHITECTURE.md", "`crates/b` does b"),
        ("crates/a/Cargo.toml", ""),
    ];
    assert_eq!(found(documents::crates, &files).len(), 2);
    let files = [
        ("ARCHITECTURE.md", "`crates/a/src/lib.rs` does a"),
        ("crates/a/Cargo.toml", ""),
    ];
    assert_eq!(found(documents::crates, &files), [""; 0]);
}

#[test]
fn an_undocumented_task_is_found() {
    let tasks = "pub enum TaskKind {\n    /// One.\n    One,\n    /// Two.\n    Two,\n}\n";
    let files = [
        ("crates/node/src/tasks.rs", tasks),
        ("ARCHITECTURE.md", "`TaskKind::One`"),
    ];
    assert_eq!(
        found(documents::tasks, &files),
        ["ARCHITECTURE.md: does not describe `TaskKind::Two`"]
    );
    assert_eq!(
        found(documents::tasks, &[]).len(),
        1,
        "a check that finds no list says so"
    );
}

#[test]
fn a_code_without_a_page_and_a_page_without_a_code_are_found() {
    let codes = "    /// A.\n    A = \"a\";\n    B = \"b\";\n";
    let files = [
        ("crates/shared/src/error/code.rs", codes),
        ("docs/errors/a.md", "# a"),
        ("docs/errors/c.md", "# c"),
    ];
    assert_eq!(
        found(documents::error_pages, &files),
        [
            "docs/errors/b.md: is missing",
            "docs/errors/c.md: has no error code"
        ]
    );
}

#[test]
fn a_code_that_is_not_in_the_catalogue_is_found() {
    let files = [
        ("crates/shared/src/error/code.rs", "    A = \"a\";\n"),
        (
            "crates/x/src/y.rs",
            "Error::new(Kind::NotFound, \"a\", x); Error::new(Kind::NotFound,\n  \"z\", x)",
        ),
    ];
    assert_eq!(
        found(documents::error_codes, &files),
        ["crates/x/src/y.rs: `z` is not a code of crates/shared/src/error/code.rs"]
    );
}

#[test]
fn a_dead_link_is_found() {
    let files = [
        (
            "docs/a.md",
            "[b](b.md) [up](../README.md) [c](https://c) [d](gone.md)",
        ),
        ("docs/b.md", ""),
        ("README.md", ""),
    ];
    assert_eq!(
        found(documents::links, &files),
        ["docs/a.md:1: the link `gone.md` leads nowhere"]
    );
}
