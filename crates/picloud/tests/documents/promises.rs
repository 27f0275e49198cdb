//! Each promise of `SECURITY.md` names tests, and those are there.

use crate::text::{read, root};

/// The lines of the table of promises: what is promised, and where it is tested.
fn promises(page: &str) -> Vec<(&str, &str)> {
    let table = page
        .lines()
        .skip_while(|line| *line != "| promise | tests |");
    let rows = table.skip(2).take_while(|line| line.starts_with("| "));
    rows.map(|row| {
        let cells = row.trim_matches(['|', ' ']).split_once(" | ");
        cells.unwrap_or_else(|| panic!("`{row}` has two cells"))
    })
    .collect()
}

/// What of `tests` is missing: it is "`file`: `name`, `name`; `file`: `name`".
fn missing(tests: &str) -> Vec<String> {
    let mut missing = Vec::new();
    for group in tests.split("; ") {
        let (file, names) = group.split_once(": ").unwrap_or((group, ""));
        let file = file.trim_matches('`');
        if !root().join(file).is_file() {
            missing.push(file.to_owned());
            continue;
        }
        let source = read(file);
        let names = names.split(", ").map(|name| name.trim_matches('`'));
        let absent = names.filter(|name| !source.contains(&format!("fn {name}(")));
        missing.extend(absent.map(|name| format!("`{name}` in {file}")));
    }
    missing
}

#[test]
fn every_promise_has_its_tests() {
    let page = read("SECURITY.md");
    let promises = promises(&page);
    assert!(promises.len() >= 10, "{promises:?}");
    for (promise, tests) in promises {
        assert_eq!(missing(tests), Vec::<String>::new(), "{promise}");
    }
}

#[test]
fn a_test_that_is_not_there_is_missed() {
    let here = "crates/picloud/tests/documents/promises.rs";
    let there = format!("`{here}`: `every_promise_has_its_tests`");
    assert_eq!(missing(&there), Vec::<String>::new());
    let gone = missing(&format!("{there}, `gone`; `no/such.rs`: `x`"));
    assert_eq!(gone, [format!("`gone` in {here}"), "no/such.rs".to_owned()]);
    assert_eq!(missing(&format!("`{here}`")).len(), 1, "a file is no test");
}
