//! `docs/guide/scripts.md` names every function of the SDK.

use std::collections::BTreeSet;
use std::fs;

use crate::text::{read, root};

/// The names scripts use, from the sources of the SDK.
fn names(source: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut given = Vec::new();
    let mut inside = false;
    for line in source.lines() {
        let line = line.trim();
        if line.starts_with("#[export_module") {
            inside = true;
        } else if line.starts_with("#[cfg(test)]") {
            break;
        } else if inside
            && ["#[rhai_fn(", "name = \"", "get = \""]
                .iter()
                .any(|it| line.starts_with(it))
        {
            for key in ["name = \"", "get = \""] {
                let values = line.split(key).skip(1);
                given.extend(values.filter_map(|rest| Some(rest.split('"').next()?.to_owned())));
            }
        } else if let Some(rest) = line.strip_prefix("pub fn ").filter(|_| inside) {
            if given.is_empty() {
                let end = rest.find(['(', '<']).unwrap();
                given.push(rest[..end].to_owned());
            }
            // An operator is no word.
            let words = given
                .drain(..)
                .filter(|name| name.contains(char::is_alphabetic));
            names.extend(words);
        }
    }
    names
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .collect()
}

#[test]
fn every_function_is_in_the_reference() {
    let page = read("docs/guide/scripts.md");
    let words = words(&page);
    let folder = root().join("crates/executor-core/src/sdk");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut seen = 0;
    for path in files.filter(|path| path.is_file()) {
        for name in names(&fs::read_to_string(&path).unwrap()) {
            let file = path.display();
            assert!(
                words.contains(name.as_str()),
                "docs/guide/scripts.md does not name `{name}` of {file}"
            );
            seen += 1;
        }
    }
    assert!(
        seen > 80,
        "only {seen} functions were found; mend this test"
    );
}
