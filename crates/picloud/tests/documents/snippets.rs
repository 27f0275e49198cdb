//! The snippets of the documents compile, parse, and run.

use serde_json::json;
use shared::manifest::Manifest;
use test_support::Setup;

use crate::text::{blocks, read};

const DOCUMENTS: [&str; 3] = [
    "README.md",
    "docs/guide/scripts.md",
    "docs/guide/deploying.md",
];

#[test]
fn scripts_compile() {
    let server = Setup::new(env!("CARGO_BIN_EXE_picloud")).start();
    server.default_app("docs");
    let mut seen = 0;
    for document in DOCUMENTS {
        for source in blocks(&read(document), "rhai") {
            let release =
                json!({ "replace": true, "scripts": { "snippet": { "source": source } } });
            let reply = server.api("POST", "/apps/docs/releases", &release);
            assert_eq!(reply.status, 201, "{document}: {source}\n{}", reply.text());
            seen += 1;
        }
    }
    assert!(seen >= 4, "only {seen} scripts were found");
}

#[test]
fn manifests_parse() {
    let manifests = blocks(&read("docs/guide/deploying.md"), "toml");
    assert!(!manifests.is_empty());
    for text in manifests {
        Manifest::parse(&text).unwrap();
    }
}
