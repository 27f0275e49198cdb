//! Writes mean the same inside of a transaction and outside, and what is sent twice is one event.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};
use test_support::judge::{Condition, Held, Judge, Step, Write, keys, steps};
use test_support::{Postgres, Server, Setup};

use crate::support::{deploy, deploy_with, setup, started};

/// Carries out steps, and tells the answer of each, or what it caught.
const STEPS: &str = r#"
    fn value(step) { if step.blob != () { step.blob.to_blob() } else { step.value } }

    fn one(c, step) {
        let key = step.key;
        let answer = ();
        try {
            answer = switch step.op {
                "set" => c.set(key, value(step), step.options) != false,
                "delete" => c.delete(key),
                "incr" => c.incr(key, step.by),
                "min" => c.min(key, step.by),
                "max" => c.max(key, step.by),
                "append" => c.append(key, step.value),
            };
        } catch (e) { answer = e.message; }
        answer
    }

    fn all(c, steps) {
        let answers = [];
        for step in steps { answers.push(one(c, step)); }
        answers
    }

    fn shown(c, keys) {
        keys.map(|key| {
            let found = c.get_with_version(key);
            if found == () { () } else { #{ value: found.value, ends: found.expires_at != () } }
        })
    }

    let asked = req.json;
    let c = kv::collection(asked.collection);
    let answers = if asked.inside { tx::run(|| all(c, asked.steps)) } else { all(c, asked.steps) };
    #{ answers: answers, seen: shown(c, asked.keys) }
"#;

/// A time to live that no test sees the end of.
const ENDS: [u64; 1] = [86_400_000];

/// A step as the script gets it; `None` for what cannot be asked inside of a transaction, or is too
/// large for many of them.
fn asked(step: &Step) -> Option<Value> {
    let key = &step.key;
    Some(match &step.write {
        Write::Set(held, ttl_ms, condition) => {
            let mut options = json!({});
            if let Some(ttl_ms) = ttl_ms {
                options["ttl"] = json!(ttl_ms);
            }
            match condition {
                Condition::None => {}
                Condition::Absent => options["if_absent"] = json!(true),
                Condition::ItsVersion | Condition::NoVersion => return None,
            }
            let mut step = json!({"op": "set", "key": key, "options": options});
            match held {
                Held::Blob(bytes) => step["blob"] = json!(String::from_utf8_lossy(bytes)),
                other => {
                    let text = other.text().filter(|text| text.len() < 1_000)?;
                    step["value"] = serde_json::from_str(&text).unwrap();
                }
            }
            step
        }
        Write::Delete => json!({"op": "delete", "key": key}),
        Write::Incr(by) => json!({"op": "incr", "key": key, "by": by}),
        Write::Min(by) => json!({"op": "min", "key": key, "by": by}),
        Write::Max(by) => json!({"op": "max", "key": key, "by": by}),
        Write::Append(item) => {
            let item: Value = serde_json::from_str(item).unwrap();
            json!({"op": "append", "key": key, "value": item})
        }
    })
}

/// An answer of the judge, as the script tells it.
fn judged(answer: Result<String, String>) -> Value {
    match answer {
        Ok(text) => match text.as_str() {
            "stored" => json!(true),
            "refused" => json!(false),
            other => serde_json::from_str(other).unwrap(),
        },
        Err(message) => json!(message),
    }
}

fn writes_mean_the_same(setup: Setup) {
    let server = started(setup);
    deploy(&server, &[("steps", STEPS)]);
    let keys = keys();
    let mut rng = Rng::with_seed(7);
    let (mut judge, mut answered) = (Judge::default(), BTreeMap::<String, usize>::new());
    for round in 0..40 {
        let wanted: Vec<(Value, Step)> = steps(&mut rng, 8, &ENDS)
            .into_iter()
            .filter_map(|step| Some((asked(&step)?, step)))
            .collect();
        let (wanted, steps): (Vec<Value>, Vec<Step>) = wanted.into_iter().unzip();
        let answers: Vec<Value> = steps.iter().map(|s| judged(judge.judge(s, 0))).collect();
        let mut seen = Vec::new();
        for inside in [false, true] {
            let collection = if inside { "inside" } else { "outside" };
            let body = json!({"collection": collection, "inside": inside, "steps": wanted,
                "keys": keys});
            let reply = server
                .request("POST", "/steps", &[], body.to_string())
                .expect(200)
                .json();
            let told = format!("round {round}, {collection}: {wanted:?}");
            assert_eq!(reply["answers"], json!(answers), "{told}");
            seen.push(reply["seen"].clone());
        }
        assert_eq!(seen[0], seen[1], "round {round}: {wanted:?}");
        for answer in &answers {
            let kind = answer.as_str().map_or("answer", |text| {
                text.split_once("` ").map_or("beyond", |(_, rest)| rest)
            });
            *answered.entry(kind.to_owned()).or_default() += 1;
        }
    }
    assert!(
        answered.len() >= 4,
        "every kind of error was met: {answered:?}"
    );
}

#[test]
fn writes_mean_the_same_inside_of_a_transaction_on_sqlite() {
    writes_mean_the_same(setup());
}

#[test]
fn writes_mean_the_same_inside_of_a_transaction_on_postgresql() {
    writes_mean_the_same(setup().postgres(&Postgres::shared().fresh()));
}

const SENDS: &str = r#"
    let once = #{ idempotency_key: req.query.key };
    let send = || queue::send("mail", "hello", once);
    let first = send.call();
    let inside = tx::run(|| [send.call(), send.call(), queue::send("other", "hello", once)]);
    [first, send.call(), inside[0], inside[1], inside[2], queue::send("other", "again", once),
     pubsub::publish("news", 1, once)]
"#;
/// The same where the key is new in the transaction.
const SENDS_INSIDE: &str = r#"
    let once = #{ idempotency_key: req.query.key };
    let inside = tx::run(|| [queue::send("mail", 1, once), queue::send("mail", 2, once)]);
    [inside[0], inside[1], queue::send("mail", 3, once)]
"#;
const HANDLE: &str = r#"kv::collection("handled").incr(event.id); "done""#;
const HANDLED: &str = r#"
    let all = #{};
    for item in kv::collection("handled").list(#{ limit: 1000 }).items { all[item.key] = item.value; }
    all
"#;
/// How long something that has to happen may take on a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until these events were handled, and looks that each was handled once.
fn are_handled_once(server: &Server, events: &[&Value]) {
    let start = Instant::now();
    loop {
        let handled = server.get("/handled").expect(200).json();
        let handled = handled.as_object().unwrap();
        assert!(handled.values().all(|times| times == 1), "{handled:?}");
        let known = |event: &&&Value| handled.contains_key(event.as_str().unwrap());
        if events.iter().filter(known).count() == events.len() {
            assert_eq!(handled.len(), events.len(), "{handled:?} and no others");
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{handled:?} of {events:?}");
    }
}

fn one_key_is_one_event(setup: Setup) {
    let server = started(setup);
    let scripts = [
        ("sends", SENDS),
        ("sends-inside", SENDS_INSIDE),
        ("handle", HANDLE),
        ("handled", HANDLED),
    ];
    let queue = |name: &str| json!({"kind": "queue", "queue": name, "script": "handle"});
    deploy_with(&server, &scripts, &json!([queue("mail"), queue("other")]));
    let get = |path: &str| server.get(path).expect(200).json();
    let first = get("/sends?key=a");
    let (mail, other, news) = (&first[0], &first[4], &first[6]);
    // One place, one event, wherever it is sent; another place has an event of its own.
    assert_eq!(first, json!([mail, mail, mail, mail, other, other, news]));
    assert!(mail != other && mail != news && other != news, "{first}");
    // And so it is for later requests, which learn the ids of the first.
    assert_eq!(get("/sends?key=a"), first);
    let inside = get("/sends-inside?key=b");
    assert_eq!(inside, json!([inside[0], inside[0], inside[0]]));
    let second = get("/sends?key=c");
    assert!(second[0] != *mail && second[0] != inside[0], "{second}");
    are_handled_once(&server, &[mail, other, &inside[0], &second[0], &second[4]]);
}

#[test]
fn one_idempotency_key_is_one_event_with_one_id_on_sqlite() {
    one_key_is_one_event(setup());
}

#[test]
fn one_idempotency_key_is_one_event_with_one_id_on_postgresql() {
    one_key_is_one_event(setup().postgres(&Postgres::shared().fresh()));
}
