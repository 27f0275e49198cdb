//! Bodies as clients write them, and the words of what is refused.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outer {
    #[serde(default)]
    inner: Option<Inner>,
    #[serde(default)]
    all: Vec<Inner>,
    #[serde(default)]
    named: BTreeMap<String, Inner>,
    #[serde(default)]
    kind: Option<Kind>,
    #[serde(default)]
    raw: Option<Box<RawValue>>,
    #[serde(default)]
    pair: Option<(u32, String)>,
}

#[derive(Debug, Deserialize)]
struct Inner {
    count: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Plain,
    Boxed(Inner),
    Struct { at: i64 },
}

fn read(text: &str) -> Result<Outer, String> {
    from_json(text.as_bytes())
}

#[test]
fn objects_are_objects_at_every_depth() {
    for text in [
        "[]",
        r#"{"inner": [1]}"#,
        r#"{"all": [[1]]}"#,
        r#"{"named": {"a": [1]}}"#,
        r#"{"kind": {"boxed": [1]}}"#,
        r#"{"kind": {"struct": [1]}}"#,
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains("expected an object"), "{text}: {error}");
    }
}

#[test]
fn everything_else_is_read_as_it_was() {
    let text = r#"{"inner": {"count": 1}, "all": [{"count": 2}], "named": {"a": {"count": 3}},
        "kind": {"struct": {"at": -4}}, "raw": {"big": 12345678901234567890123},
        "pair": [5, "six"]}"#;
    let outer = read(text).unwrap();
    assert_eq!(outer.inner.unwrap().count, 1);
    assert_eq!(outer.all[0].count, 2);
    assert_eq!(outer.named["a"].count, 3);
    assert!(matches!(outer.kind, Some(Kind::Struct { at: -4 })));
    assert_eq!(
        outer.raw.unwrap().get(),
        r#"{"big": 12345678901234567890123}"#
    );
    assert_eq!(outer.pair.unwrap(), (5, "six".to_owned()));
    assert!(matches!(
        read(r#"{"kind": {"boxed": {"count": 1}}}"#).unwrap().kind,
        Some(Kind::Boxed(Inner { count: 1 }))
    ));
    let plain = read(r#"{"kind": "plain"}"#).unwrap();
    assert!(matches!(plain.kind, Some(Kind::Plain)) && plain.inner.is_none());
}

#[test]
fn errors_name_no_type_of_the_program() {
    for (text, said) in [
        (
            r#"{"inner": {"count": -1}}"#,
            "expected an integer of at least 0",
        ),
        (
            r#"{"inner": {"count": "x"}}"#,
            "expected an integer of at least 0",
        ),
        (r#"{"inner": 5}"#, "expected an object"),
        (
            r#"{"all": {}}"#,
            "invalid type: object, expected an array at",
        ),
        (
            r#"{"kind": {"struct": {"at": 1.5}}}"#,
            "expected an integer at",
        ),
        (r#"{"pair": [1]}"#, "array of size 2"),
        (r#"{"none": 1}"#, "unknown field `none`"),
        (
            r#"{"inner": {"count": 99999999999}}"#,
            "expected an integer of at least 0",
        ),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
        for word in error.split(|c: char| !c.is_alphanumeric()) {
            let known = WORDS.iter().any(|(rust, _)| *rust == word);
            assert!(!known && word != "struct", "{text}: {error}");
        }
    }
}
