//! The wire form: what is committed in `golden/` is what programs of this version write and read.

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;

use super::calls::variants_of_all;
use super::wire::{WireError, decode_answer, decode_call, encode_answer, encode_call};
use super::*;

/// The messages of a service, one a line, as they cross.
fn golden(service: ServiceKind) -> String {
    let file = format!("src/service/golden/{service}.jsonl");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
    std::fs::read_to_string(path).unwrap_or_else(|error| {
        panic!("{file}: {error}; write a line for every call, reply and an error of `{service}`")
    })
}

fn is_call(line: &str) -> bool {
    line.contains(r#","call":"#)
}

/// Decodes a line and encodes it again.
fn there_and_back(line: &str) -> Result<Vec<u8>, WireError> {
    if is_call(line) {
        decode_call(line.as_bytes()).map(|call| encode_call(&call))
    } else {
        decode_answer(line.as_bytes()).map(|answer| encode_answer(&answer))
    }
}

#[test]
fn every_message_reads_and_writes_as_it_did() {
    for service in ServiceKind::ALL {
        for line in golden(*service).lines() {
            let written = there_and_back(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert_eq!(String::from_utf8(written).unwrap(), line);
            assert!(
                line.contains(&format!(r#""service":"{service}""#)),
                "{line}"
            );
        }
    }
}

#[test]
fn every_call_and_reply_has_a_line() {
    for (service, variants) in variants_of_all() {
        let golden = golden(service);
        for kind in [r#","call":"#, r#","reply":"#, r#","error":"#] {
            assert!(golden.contains(kind), "{service}: no line with {kind}");
        }
        for variant in variants {
            let quoted = format!("\"{variant}\"");
            assert!(golden.contains(&quoted), "{service}: no line with {quoted}");
        }
    }
}

#[test]
fn a_missing_line_would_be_noticed() {
    let variants: Vec<_> = variants_of_all()
        .into_iter()
        .flat_map(|(_, all)| all)
        .collect();
    for name in [
        "GetMany",
        "Page",
        "Commit",
        "Conflict",
        "Depth",
        "Published",
        "Later",
        "Discard",
    ] {
        assert!(variants.contains(&name), "{name}");
    }
}

#[test]
fn kinds_have_one_name_everywhere() {
    let names: BTreeSet<_> = ServiceKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(names.len(), ServiceKind::ALL.len());
    for service in ServiceKind::ALL {
        assert_eq!(ServiceKind::from_name(service.as_str()), Some(*service));
        let text = serde_json::to_string(service).unwrap();
        assert_eq!(text, format!("\"{service}\""));
    }
    for kind in HostErrorKind::ALL {
        let text = serde_json::to_string(&kind).unwrap();
        assert_eq!(text, format!("\"{}\"", kind.as_str()));
    }
}

#[test]
fn what_another_program_wrote_is_named() {
    let cases = [
        (r#"{"version":2,"service":"kv","call":1}"#, "version 2"),
        (r#"{"version":1,"service":"fax","call":1}"#, "`fax`"),
        (
            r#"{"version":1,"service":"kv","call":{"Fax":1}}"#,
            "none of `kv`",
        ),
        (
            r#"{"version":1,"service":"kv","reply":{"Flag":true}}"#,
            "no call",
        ),
        (
            r#"{"version":1,"service":"queue","call":{"Depth":"no such name"}}"#,
            "`no such name`",
        ),
        (
            r#"{"version":1,"service":"invoke","call":{"Call":{"script":"a","args":"%"}}}"#,
            "none of `invoke`",
        ),
        (r#"{"service":"kv","call":1}"#, "`version`"),
        ("", "no message"),
        ("[]", "no message"),
    ];
    for (text, says) in cases {
        let error = decode_call(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
    let error = decode_answer(br#"{"version":1,"service":"kv"}"#).unwrap_err();
    assert!(error.to_string().contains("no reply"), "{error}");
}

#[test]
fn deep_and_long_messages_are_errors() {
    let deep = |n| format!("{}{}", "[".repeat(n), "]".repeat(n));
    for body in [
        deep(100_000),
        format!("\"{}\"", "x".repeat(1 << 20)),
        "1e400".to_owned(),
    ] {
        let text = format!(r#"{{"version":1,"service":"kv","call":{body}}}"#);
        assert!(decode_call(text.as_bytes()).is_err());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(decode_call(&bytes));
        drop(decode_answer(&bytes));
    }

    /// A message with one byte changed is another message or an error, and reads as what it writes.
    #[test]
    fn a_changed_byte_is_no_surprise(line in 0_usize..100, at in 0_usize..400, byte in any::<u8>()) {
        let all: String = ServiceKind::ALL.iter().map(|service| golden(*service)).collect();
        let lines: Vec<_> = all.lines().collect();
        let mut bytes = lines[line % lines.len()].as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(call) = decode_call(&bytes) {
            prop_assert_eq!(decode_call(&encode_call(&call)).unwrap(), call);
        }
        if let Ok(answer) = decode_answer(&bytes) {
            prop_assert_eq!(decode_answer(&encode_answer(&answer)).unwrap(), answer);
        }
    }
}
