//! Triggers as they are written and read.

use super::*;
use crate::manifest::Manifest;

const ALL: [&str; 7] = [
    r#"{"kind":"kv","script":"a","handler":"h","collection":"c","prefix":"p/"}"#,
    r#"{"kind":"queue","script":"a","queue":"q","retry":{"attempts":2,"backoff":"fixed","base":"2s","max":"1h"}}"#,
    r#"{"kind":"pubsub","script":"a","topic":"t.*","concurrency":3}"#,
    r#"{"kind":"cron","script":"a","schedule":"0 6 * * *","timezone":"Europe/Berlin","catch_up":"skip","overlap":"queue"}"#,
    r#"{"kind":"dead_letter","script":"a","of":"b"}"#,
    r#"{"kind":"webhook","script":"a","path":"/x","provider":"github","secret":"S"}"#,
    r#"{"kind":"deploy","script":"a"}"#,
];

#[test]
fn a_trigger_is_written_as_it_was_read() {
    for text in ALL {
        let spec: TriggerSpec = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&spec).unwrap(), text);
    }
}

/// Every setting of every kind, given to every other kind.
#[test]
fn a_setting_of_another_kind_is_refused_by_name() {
    let parsed = |text| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let mut tried = 0;
    for (own, other) in ALL.iter().flat_map(|a| ALL.map(|b| (parsed(a), parsed(b)))) {
        if own["kind"] == other["kind"] {
            continue;
        }
        let common = ["kind", "script", "handler", "retry", "concurrency"];
        for (name, value) in other.as_object().unwrap() {
            if common.contains(&name.as_str()) {
                continue;
            }
            let mut mixed = own.clone();
            mixed[name] = value.clone();
            let error = serde_json::from_value::<TriggerSpec>(mixed).unwrap_err();
            let (kind, owner) = (
                own["kind"].as_str().unwrap(),
                other["kind"].as_str().unwrap(),
            );
            let wanted = format!(
                "the trigger of script `a`: a {kind} trigger has no `{name}`, which is a \
                 setting of {owner} triggers; remove it, or change `kind`"
            );
            assert_eq!(error.to_string(), wanted);
            tried += 1;
        }
    }
    assert_eq!(tried, 12 * 6);
}

#[test]
fn a_manifest_says_where_the_trigger_is_that_does_not_fit() {
    let text = "manifest = 1\napp = 'shop'\n[scripts.a]\nfile = 'a.rhai'\n\
                [[triggers]]\nkind = 'deploy'\nscript = 'a'\n\
                [[triggers]]\nkind = 'kv'\nscript = 'a'\nschedule = '@daily'\n";
    assert_eq!(
        Manifest::parse(text).unwrap_err().to_string(),
        "picloud.toml: line 8, column 1: the trigger of script `a`: a kv trigger has no \
         `schedule`, which is a setting of cron triggers; remove it, or change `kind`"
    );
    let text = text.replace(
        "kind = 'kv'\nscript = 'a'\nschedule",
        "kind = 'queue'\nscript = 'a'\nqeue",
    );
    let told = Manifest::parse(&text).unwrap_err().to_string();
    assert!(told.contains("did you mean `queue`?"), "{told}");
    let text = text.replace("qeue = '@daily'", "");
    assert_eq!(
        Manifest::parse(&text).unwrap_err().to_string(),
        "picloud.toml: line 8, column 1: the trigger of script `a`: a queue trigger needs `queue`"
    );
}
