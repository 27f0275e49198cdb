//! What the documents say about `pic` is what `pic` does.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::Person;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            documents(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The subcommands of a command, from its help.
fn commands(person: &Person, of: &[&str]) -> Vec<String> {
    let help = person.pic(&[of, &["--help"]].concat()).expect(0).stdout;
    let list = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
    list.lines()
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_guide_names_every_command() {
    let person = Person::stranger();
    let page = fs::read_to_string(root().join("docs/guide/cli.md")).unwrap();
    let all = commands(&person, &[]);
    assert!(all.len() > 20, "{all:?}");
    for command in all {
        let below = commands(&person, &[&command]);
        let names = if below.is_empty() {
            vec![format!("`pic {command}")]
        } else {
            below
                .iter()
                .map(|name| format!("`pic {command} {name}"))
                .collect()
        };
        for name in names {
            assert!(
                page.contains(&name),
                "docs/guide/cli.md does not name {name}`"
            );
        }
    }
}

#[test]
fn every_command_a_document_names_is_there() {
    let person = Person::stranger();
    let mut files = vec![root().join("README.md"), root().join("SECURITY.md")];
    documents(&root().join("docs"), &mut files);
    documents(&root().join("examples"), &mut files);
    let top = commands(&person, &[]);
    let mut seen = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split('`').skip(1).step_by(2);
        let indented = text.lines().filter_map(|line| line.strip_prefix("    "));
        let uses = code
            .chain(indented)
            .filter_map(|code| code.strip_prefix("pic "));
        for line in uses {
            let mut words = line.split_whitespace();
            let command = words.next().unwrap();
            assert!(
                top.iter().any(|c| c == command),
                "{}: pic {line}",
                file.display()
            );
            let below = commands(&person, &[command]);
            if !below.is_empty() {
                let word = words.next().unwrap_or_default();
                assert!(
                    below.iter().any(|c| c == word),
                    "{}: pic {line}",
                    file.display()
                );
            }
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} uses were found; mend this test");
}
