//! What writes mean: random ones, one by one and together in a transaction, against a judge that
//! knows neither SQL nor the store.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use shared::clock::Timestamp;
use shared::event::Effect;
use shared::id::AppId;
use shared::kv::{KvCall, KvCondition, KvEntry, KvOp, KvReply, KvUpdate, KvValue};
use store::StoreError;
use store::effects::{self, EffectError};
use test_support::judge::{Condition, Held, Judge, Step, Write, keys, steps};

use crate::events::sent;
use crate::kv::get;
use crate::support::{Db, NOW, on_both};

on_both![
    random_writes_mean_what_the_judge_says,
    random_transactions_mean_what_their_writes_mean_one_by_one,
];

const ENDS: [u64; 4] = [1, 10_000, 60_000, u64::MAX / 4];
const COLLECTION: &str = "default";

fn at(now_ms: u64) -> Timestamp {
    NOW.plus(Duration::from_millis(now_ms))
}

fn value(held: &Held) -> KvValue {
    match held {
        Held::Blob(bytes) => KvValue::Blob(bytes.clone().into()),
        other => KvValue::Json(other.text().unwrap().into_bytes().into()),
    }
}

fn op(step: &Step, version: Option<i64>) -> KvOp {
    let key = step.key.clone();
    match &step.write {
        Write::Set(held, ttl_ms, condition) => KvOp::Set {
            key,
            value: value(held),
            ttl_ms: *ttl_ms,
            condition: match condition {
                Condition::None => KvCondition::None,
                Condition::Absent => KvCondition::IfAbsent,
                Condition::ItsVersion => KvCondition::IfVersion(version.unwrap_or(0)),
                Condition::NoVersion => KvCondition::IfVersion(-1),
            },
        },
        Write::Delete => KvOp::Delete(key),
        Write::Incr(by) => KvOp::Update(key, KvUpdate::Incr(*by)),
        Write::Min(with) => KvOp::Update(key, KvUpdate::Min(*with)),
        Write::Max(with) => KvOp::Update(key, KvUpdate::Max(*with)),
        Write::Append(item) => KvOp::Append(key, item.clone().into_bytes().into()),
    }
}

fn call(op: KvOp) -> KvCall {
    KvCall {
        collection: COLLECTION.parse().unwrap(),
        op,
    }
}

/// All keys, compared with the judge's.
fn agree(db: &Db, app: AppId, judge: &Judge, now_ms: u64) -> BTreeMap<String, KvEntry> {
    let stored: BTreeMap<String, KvEntry> = keys()
        .into_iter()
        .filter_map(|key| Some((key.clone(), get(db, app, at(now_ms), &key)?)))
        .collect();
    let judged = judge.at(now_ms);
    assert_eq!(
        stored.keys().collect::<Vec<_>>(),
        judged.keys().collect::<Vec<_>>()
    );
    for (key, entry) in &stored {
        let judged = &judged[key];
        // Not `assert_eq`: some of them have a megabyte.
        assert!(entry.value == value(&judged.held), "the value of {key:?}");
        assert_eq!(entry.expires_at, judged.ends.map(|end| at(end).as_micros()));
    }
    stored
}

fn random_writes_mean_what_the_judge_says(db: &Db) {
    let mut highest = 0;
    for seed in 0..6 {
        let app = db.app(&format!("app-{seed}")).id;
        let (mut judge, mut now) = (Judge::default(), 0);
        for step in steps(&mut Rng::with_seed(seed), 60, &ENDS) {
            now += step.pause_ms;
            let version = get(db, app, at(now), &step.key).map(|entry| entry.version);
            let judged = judge.judge(&step, now);
            let call = call(op(&step, version));
            let sent = sent(app, at(now));
            let done = db.try_write(move |conn| effects::change(conn, sent, &call));
            let answer = match done {
                Ok(KvReply::Written(version)) => {
                    assert!(version > highest, "{version} was used before");
                    highest = version;
                    Ok("stored".to_owned())
                }
                Ok(KvReply::Refused(now)) => {
                    assert_eq!(now, version);
                    Ok("refused".to_owned())
                }
                Ok(KvReply::Flag(flag)) => Ok(flag.to_string()),
                Ok(KvReply::Number(number)) => Ok(number.to_string()),
                Ok(other) => panic!("{other:?}"),
                Err(error) => Err(error.to_string()),
            };
            assert_eq!(answer, judged, "seed {seed}, {:?}", step.key);
            let stored = agree(db, app, &judge, now);
            highest = stored.values().map(|e| e.version).fold(highest, i64::max);
        }
    }
}

/// Whether all of it happens; the error of the first that fails.
fn together(judge: &mut Judge, steps: &[Step], now_ms: u64) -> Result<bool, String> {
    for step in steps {
        if judge.judge(step, now_ms)? == "refused" {
            return Ok(false);
        }
    }
    Ok(true)
}

fn random_transactions_mean_what_their_writes_mean_one_by_one(db: &Db) {
    let (mut whole, mut broken) = (0, 0);
    for seed in 100..106 {
        let app = db.app(&format!("app-{seed}")).id;
        let (mut judge, mut now) = (Judge::default(), 0);
        let mut rng = Rng::with_seed(seed);
        for _ in 0..20 {
            now += rng.u64(..20_000);
            let steps: Vec<Step> = (0..rng.usize(1..5))
                .flat_map(|_| steps(&mut rng, 1, &ENDS))
                // Before its end a transaction's writes have no versions.
                .filter(|s| !matches!(s.write, Write::Set(_, _, Condition::ItsVersion)))
                .collect();
            let mut after = judge.clone();
            let judged = together(&mut after, &steps, now);
            let effects: Vec<Effect> = steps
                .iter()
                .map(|s| Effect::Kv(call(op(s, None))))
                .collect();
            let sent = sent(app, at(now));
            let done = db.try_write(move |conn| -> Result<(), EffectError> {
                let done = effects::commit(conn, sent, &[], &effects)?;
                let refused = || StoreError::Unavailable("refused".to_owned()).into();
                done.then_some(()).ok_or_else(refused)
            });
            match (done, judged) {
                (Ok(()), Ok(true)) => {
                    judge = after;
                    whole += 1;
                }
                (Err(EffectError::Store(_)), Ok(false)) => broken += 1,
                (Err(error), Err(judged)) => {
                    assert_eq!(error.to_string(), judged);
                    broken += 1;
                }
                (done, judged) => panic!("seed {seed}: {done:?}, {judged:?}"),
            }
            agree(db, app, &judge, now);
        }
    }
    assert!(whole > 20 && broken > 20, "{whole} whole, {broken} broken");
}
