//! JSONTestSuite at the JSON boundary: bodies a client sends, and texts a script parses.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};
use test_support::Server;

use crate::support::{deploy, setup, started};

/// Answers the body's value; a body that is not JSON is the client's mistake.
const BODY: &str = "#{ value: req.json }";
/// A text that is not JSON is the script's own affair.
const PARSE: &str = r"
    let value = ();
    try {
        value = json::parse(req.text);
    } catch (error) {
        throw #{ status: 422, message: `${error}` };
    }
    #{ value: value }
";

/// What RFC 8259 leaves open and we take. The other 30 are refused: floats beyond their range are
/// no numbers, half surrogates and bytes that are not UTF-8 are no text, a byte order mark is no
/// value, and 500 levels are more than our 128.
const TAKEN: [&str; 5] = [
    "i_number_double_huge_neg_exp.json",
    "i_number_real_underflow.json",
    "i_number_too_big_neg_int.json",
    "i_number_too_big_pos_int.json",
    "i_number_very_big_negative_int.json",
];

/// The texts, by file name: `y_` must be taken, `n_` refused, `i_` is our choice.
fn corpus() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../executor-core/tests/data/jsontestsuite/test_parsing");
    let files = fs::read_dir(folder).unwrap().map(|file| {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    });
    files.collect()
}

fn must_be_taken(name: &str) -> bool {
    name.starts_with("y_") || TAKEN.contains(&name)
}

/// Whether two values are the same; a number is its value, however it is written.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => {
            // The judge rounds very long ones to a neighbour.
            let near = |a: f64, b: f64| (a - b).abs() <= a.abs() * f64::EPSILON;
            ours.as_f64()
                .zip(theirs.as_f64())
                .is_some_and(|(a, b)| near(a, b))
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| same(a, b))
        }
        (Value::Object(ours), Value::Object(theirs)) => same_maps(ours, theirs),
        _ => ours == theirs,
    }
}

fn same_maps(ours: &Map<String, Value>, theirs: &Map<String, Value>) -> bool {
    let found = |(key, value): (&String, &Value)| ours.get(key).is_some_and(|own| same(own, value));
    ours.len() == theirs.len() && theirs.iter().all(found)
}

/// What is wrong with an answer, if anything.
fn wrong(name: &str, text: &[u8], status: u16, refusal: u16, body: &[u8]) -> Option<String> {
    let expected = if must_be_taken(name) { 200 } else { refusal };
    if status != expected {
        let body = String::from_utf8_lossy(body);
        return Some(format!("{name}: {status}, not {expected}: {body:.200}"));
    }
    if status != 200 {
        return None;
    }
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let theirs: Value = serde_json::from_slice(text).unwrap_or_default();
    let fine = answer.get("value").is_some_and(|ours| same(ours, &theirs));
    (!fine).then(|| format!("{name}: another value: {answer}"))
}

/// Posts every text; `refusal` is the status for what is not JSON.
fn all(server: &Server, path: &str, refusal: u16, texts: &BTreeMap<String, Vec<u8>>) {
    let findings: Vec<String> = texts
        .iter()
        .filter_map(|(name, text)| {
            let reply = server.request("POST", path, &[], text.clone());
            wrong(name, text, reply.status, refusal, &reply.body)
        })
        .collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn json_test_suite_at_both_doors() {
    let mut texts = corpus();
    let count = |start| texts.keys().filter(|name| name.starts_with(start)).count();
    assert_eq!((count("y_"), count("n_"), count("i_")), (95, 188, 35));
    let server = started(setup());
    deploy(&server, &[("body", BODY), ("parse", PARSE)]);
    all(&server, "/body", 400, &texts);
    // A text in a script is valid UTF-8 already; what is not became other characters.
    texts.retain(|_, text| std::str::from_utf8(text).is_ok());
    all(&server, "/parse", 422, &texts);
    server.get("/parse").expect(422);
}

#[test]
fn the_check_sees_the_wrong_verdict_and_the_wrong_value() {
    let fine = |name, status, body: &str| wrong(name, b"[1]", status, 400, body.as_bytes());
    assert_eq!(fine("y_a.json", 200, r#"{"value":[1.0]}"#), None);
    assert_eq!(fine("n_a.json", 400, ""), None);
    assert!(fine("y_a.json", 400, "").is_some());
    assert!(fine("n_a.json", 200, r#"{"value":[1]}"#).is_some());
    assert!(fine("n_a.json", 500, "").is_some());
    assert!(fine("y_a.json", 200, r#"{"value":[2]}"#).is_some());
}
