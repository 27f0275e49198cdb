//! The OpenAPI document and the error pages.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use shared::error::code;

use crate::world::{Ask, World};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_committed_document_is_the_programs() {
    let file = root().join("api/openapi.json");
    #[expect(
        clippy::disallowed_methods,
        reason = "asks for the file to be written anew"
    )]
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, manager_core::openapi_json()).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == manager_core::openapi_json(),
        "api/openapi.json is stale: UPDATE_OPENAPI=1 cargo test -p manager-core documents"
    );
}

#[tokio::test]
async fn the_document_is_served_to_everybody() {
    let world = World::new().await;
    let reply = world
        .send(Ask::new("GET", "/openapi.json"))
        .await
        .expect(200);
    assert_eq!(reply.json()["openapi"], "3.1.0");
}

#[test]
fn every_operation_is_described() {
    let document: Value = serde_json::from_str(&manager_core::openapi_json()).unwrap();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            let text = |key: &str| operation[key].as_str().unwrap_or_default();
            assert!(ids.insert(text("operationId").to_owned()), "{name}");
            assert!(
                !text("operationId").is_empty() && !text("summary").is_empty(),
                "{name}"
            );
            assert_eq!(
                operation["tags"].as_array().map(Vec::len),
                Some(1),
                "{name}"
            );
            let problem = &operation["responses"]["default"]["content"];
            assert!(problem["application/problem+json"].is_object(), "{name}");
            for part in path
                .split('/')
                .filter_map(|p| p.strip_prefix('{')?.strip_suffix('}'))
            {
                let parameters = operation["parameters"].as_array().unwrap();
                let known = parameters
                    .iter()
                    .any(|p| p["name"] == part && p["in"] == "path");
                assert!(known, "{name}: {part}");
            }
        }
    }
    assert!(ids.len() >= 53, "{}", ids.len());
}

/// Every `$ref` leads somewhere.
#[test]
fn the_document_is_complete() {
    fn refs(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(target)) = map.get("$ref") {
                    found.insert(target.clone());
                }
                map.values().for_each(|value| refs(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| refs(value, found)),
            _ => {}
        }
    }
    let document: Value = serde_json::from_str(&manager_core::openapi_json()).unwrap();
    let mut found = BTreeSet::new();
    refs(&document, &mut found);
    for target in found {
        let pointer = target.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{target}");
    }
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let codes: BTreeSet<&str> = code::ALL.iter().copied().collect();
    assert_eq!(codes.len(), code::ALL.len());
    let embedded: BTreeSet<&str> = manager_core::ERROR_PAGES.iter().map(|(c, _)| *c).collect();
    assert_eq!(codes, embedded);
    let files: BTreeSet<String> = std::fs::read_dir(root().join("docs/errors"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected: BTreeSet<String> = codes.iter().map(|code| format!("{code}.md")).collect();
    assert_eq!(files, expected);
    for (code, page) in manager_core::ERROR_PAGES {
        for part in ["# ", &format!("Code `{code}`"), "## Why", "## What to do"] {
            assert!(page.contains(part), "{code}: {part}");
        }
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// A code that is written as text somewhere is one of the catalogue.
#[test]
fn no_crate_makes_up_codes() {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let folder = entry.unwrap().path().join("src");
        if folder.is_dir() {
            sources(&folder, &mut files);
        }
    }
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for (at, found) in text.match_indices("Kind::") {
            // Not `TriggerKind::` or another one.
            if text[..at].ends_with(|before: char| before.is_ascii_alphanumeric()) {
                continue;
            }
            let part = &text[at + found.len()..];
            // `Kind::NotFound, "no_route",` as it stands in `Error::new`.
            let mut rest = part.splitn(3, ',').map(str::trim);
            let (Some(kind), Some(code)) = (rest.next(), rest.next()) else {
                continue;
            };
            let plain = kind.chars().all(|c| c.is_ascii_alphanumeric());
            let quoted = code
                .strip_prefix('"')
                .and_then(|code| code.strip_suffix('"'));
            let is_code = |text: &&str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            let quoted = quoted.filter(is_code);
            if let (true, Some(code)) = (plain, quoted) {
                assert!(code::ALL.contains(&code), "{code} in {}", file.display());
            }
        }
    }
}

#[tokio::test]
async fn the_pages_are_served() {
    let world = World::new().await;
    let page = Ask::new("GET", "").raw_path("/docs/errors/invalid_release");
    let reply = world.send(page).await.expect(200);
    assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    assert!(reply.body.starts_with(b"# The release has errors"));
}
