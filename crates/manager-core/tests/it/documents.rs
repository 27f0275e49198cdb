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

fn document() -> Value {
    serde_json::from_str(&manager_core::openapi_json()).unwrap()
}

/// Calls `look` with every object of the document and where it is.
fn each(value: &Value, place: &str, look: &mut impl FnMut(&str, &Value)) {
    if value.is_object() {
        look(place, value);
    }
    let fields = value.as_object().into_iter().flatten();
    fields.for_each(|(name, field)| each(field, &format!("{place}/{name}"), look));
    let items = value.as_array().into_iter().flatten();
    items.for_each(|item| each(item, place, look));
}

/// Generators make required fields of those with a default, and refuse one of another type.
#[test]
fn no_field_has_a_default_and_all_that_are_required_exist() {
    each(
        &document()["components"]["schemas"],
        "",
        &mut |place, value| {
            let is_schema = value.get("type").is_some() || value.get("$ref").is_some();
            assert!(
                !is_schema || value.get("default").is_none(),
                "{place}: {value}"
            );
            assert!(value.get("allOf").is_none(), "{place}: two schemas at once");
            for name in value["required"].as_array().into_iter().flatten() {
                let known = &value["properties"][name.as_str().unwrap()];
                assert!(
                    known.is_object(),
                    "{place}: {name} is required and not described"
                );
            }
        },
    );
}

#[test]
fn pages_name_their_items_and_errors_of_scripts_are_one_object() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut pages = 0;
    for (name, schema) in schemas {
        if let Some(item) = name.strip_prefix("Page_") {
            pages += 1;
            let link = &schema["properties"]["items"]["items"]["$ref"];
            assert_eq!(link, &format!("#/components/schemas/{item}"), "{name}");
        }
    }
    assert!(pages >= 16, "{pages}");
    let error = &schemas["ScriptError"];
    assert_eq!(error["type"], "object");
    let kinds = error["properties"]["kind"]["enum"].as_array().unwrap();
    assert!(
        kinds.len() >= 9 && kinds.contains(&"limit".into()),
        "{kinds:?}"
    );
    assert_eq!(error["required"], serde_json::json!(["kind", "message"]));
}

#[test]
fn times_and_closed_sets_say_what_they_are() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    let mut times = 0;
    each(schemas, "", &mut |place, value| {
        let text = value["type"] == "string" || value["type"][0] == "string";
        if text && (place.ends_with("_at") || place.ends_with("/at")) {
            times += 1;
            assert_eq!(value["format"], "date-time", "{place}");
        }
    });
    assert!(times >= 18, "{times}");
    let outcomes = &schemas["Execution"]["properties"]["outcome"]["enum"];
    assert!(outcomes.as_array().unwrap().len() >= 10, "{outcomes}");
}

#[test]
fn every_operation_names_its_statuses_and_calls_their_bodies() {
    let document = document();
    let tags = document["tags"].as_array().unwrap();
    assert_eq!(document["servers"][0]["url"], "/");
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            let body = operation.get("requestBody").is_some();
            let name = format!("{method} {path}");
            assert_eq!(responses.contains_key("415"), body, "{name}");
            assert_eq!(responses.contains_key("404"), path.contains('{'), "{name}");
            let tag = &operation["tags"][0];
            assert!(tags.iter().any(|known| known["name"] == *tag), "{name}");
            if path.ends_with("/invoke") {
                assert!(responses.contains_key("204"), "{name}");
                assert_eq!(body, matches!(method.as_str(), "post" | "put" | "patch"));
            }
        }
    }
}

/// A name the pattern allows is one, but for reserved words; one it does not allow is none.
#[test]
fn patterns_of_names_are_the_rules() {
    use shared::name::{AppSlug, CollectionName, EnvName, FunctionName, ModuleName, ScriptName};
    let schemas = document()["components"]["schemas"].clone();
    let pattern = |name: &str| {
        let text = schemas[name]["pattern"].as_str().expect(name);
        regex::Regex::new(text).unwrap()
    };
    let long = "a".repeat(40);
    let texts = [
        "a",
        "A",
        "_",
        "-",
        "1",
        "a-",
        "a-b",
        "a_b",
        "a.b",
        "a/b",
        "a//b",
        "A_1",
        "1a",
        "aB",
        "",
        "a b",
        "\u{e9}",
        "a\n",
        &long,
        &format!("{long}a"),
        &"a".repeat(64),
        &"a".repeat(65),
        &"A".repeat(128),
        &"A".repeat(129),
    ];
    for text in texts {
        let same = |name: &str, is_one: bool| {
            assert_eq!(pattern(name).is_match(text), is_one, "{name}: {text:?}");
        };
        same("AppSlug", text.parse::<AppSlug>().is_ok());
        same("ScriptName", text.parse::<ScriptName>().is_ok());
        same("ModuleName", text.parse::<ModuleName>().is_ok());
        same("EnvName", text.parse::<EnvName>().is_ok());
        same("CollectionName", text.parse::<CollectionName>().is_ok());
        same("FunctionName", text.parse::<FunctionName>().is_ok());
    }
}
