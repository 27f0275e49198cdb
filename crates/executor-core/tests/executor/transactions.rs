//! `tx::run`: all or nothing, against what was read.

use std::sync::atomic::Ordering;
use std::time::Duration;

use shared::event::Effect;
use shared::kv::{KvOp, KvUpdate};
use shared::script_error::{LimitKind, ScriptErrorKind};
use shared::seam::Executor;
use shared::service::HostCall;

use crate::support::{Rig, body, failure, limit, limited, on_worker, poll_once, unlimited};

const STORE: &str = "let c = kv::collection(\"store\");";

async fn run(rig: &Rig, source: &str) -> String {
    body(
        &rig.executor
            .execute(unlimited(&format!("{STORE} {source}")))
            .await,
    )
}

/// What the transaction asked for, in short.
fn ops(effects: &[Effect]) -> Vec<String> {
    let short = |effect: &Effect| match effect {
        Effect::Kv(call) => match &call.op {
            KvOp::Set { key, value, .. } => format!("set {key} {} bytes", value.len()),
            KvOp::Delete(key) => format!("delete {key}"),
            KvOp::Update(key, KvUpdate::Incr(by)) => format!("incr {key} {by}"),
            KvOp::Update(key, how) => format!("{how:?} {key}"),
            KvOp::Append(key, _) => format!("append {key}"),
            other => panic!("{other:?}"),
        },
        Effect::Send(queue, _) => format!("send {queue}"),
        Effect::Publish(topic, _) => format!("publish {topic}"),
        Effect::Invoke(script, _) => format!("invoke {script}"),
    };
    effects.iter().map(short).collect()
}

#[test]
fn everything_happens_in_one_call_against_what_was_read() {
    on_worker(1, async |rig| {
        rig.host.store("stock", "5", 11);
        let source = "tx::run(|| {
                let left = c.get(\"stock\");
                c.set(\"stock\", left - 1);
                if !c.has(\"order\") { c.set(\"order\", #{by: \"ada\"}); }
                let id = queue::send(\"orders\", 1);
                pubsub::publish(\"sold\", 1);
                invoke::later(\"report\", 1);
                [left, id.starts_with(\"evt_\")]
            })";
        assert_eq!(run(rig, source).await, "[5,true]");
        let applied = rig.host.applied();
        assert_eq!(applied.len(), 1);
        let (reads, effects) = &applied[0];
        let read: Vec<_> = reads.iter().map(|r| (r.key.as_str(), r.version)).collect();
        assert_eq!(read, [("order", None), ("stock", Some(11))]);
        assert_eq!(
            ops(effects),
            [
                "set stock 1 bytes",
                "set order 12 bytes",
                "send orders",
                "publish sold",
                "invoke report"
            ]
        );
        assert_eq!(rig.executor.stats().leaked_bytes, 0);
    });
}

/// The id of what was sent before is returned, by the transaction itself or by anybody else; only
/// what is new is sent.
#[test]
fn an_idempotency_key_is_one_event_inside_too() {
    on_worker(1, async |rig| {
        let source = "let key = #{idempotency_key: \"T\"};
            let known = #{idempotency_key: \"known\"};
            tx::run(|| {
                let ids = [];
                for n in 0..2 {
                    ids.push(queue::send(\"q\", n, key));
                    ids.push(pubsub::publish(\"q\", n, key));
                    ids.push(invoke::later(\"q\", n, key));
                    ids.push(queue::send(\"r\", n, key));
                    ids.push(queue::send(\"q\", n));
                    ids.push(queue::send(\"q\", n, known));
                    ids.push(pubsub::publish(\"q\", n, known));
                    ids.push(invoke::later(\"q\", n, known));
                }
                let first = ids.extract(0, 8);
                let second = ids.extract(8);
                let same = [];
                for n in 0..8 { same.push(first[n] == second[n]); }
                [same, first.unique().len, first[5]]
            })";
        assert_eq!(
            run(rig, source).await,
            "[[true,true,true,true,false,true,true,true],6,\
             \"evt_07070707070707070707070707070707\"]"
        );
        let applied = rig.host.applied();
        assert_eq!(
            ops(&applied[0].1),
            [
                "send q",
                "publish q",
                "invoke q",
                "send r",
                "send q",
                "send q"
            ]
        );
        assert_eq!(rig.executor.stats().leaked_bytes, 0);
    });
}

/// A transaction that runs again sends anew, with new ids.
#[test]
fn a_repeated_transaction_forgets_what_it_would_have_sent() {
    on_worker(1, async |rig| {
        rig.host.conflicts.store(1, Ordering::Relaxed);
        let source = "let key = #{idempotency_key: \"T\"};
            tx::run(|| [queue::send(\"q\", 1, key), queue::send(\"q\", 2, key)])";
        let ids = run(rig, source).await;
        let applied = rig.host.applied();
        let sent: Vec<_> = applied.iter().map(|(_, effects)| &effects[..]).collect();
        let [[Effect::Send(_, first)], [Effect::Send(_, second)]] = sent[..] else {
            panic!("{applied:?}");
        };
        assert_ne!(first.id, second.id);
        assert_eq!(ids, format!("[\"{0}\",\"{0}\"]", second.id));
    });
}

#[test]
fn it_sees_its_own_writes() {
    on_worker(1, async |rig| {
        rig.host.store("n", "40", 3);
        rig.host.store("list", "[1, 2]", 4);
        rig.host.store("old", "1", 5);
        let source = "tx::run(|| {
            [c.set(\"a\", 1), c.get(\"a\"), c.get_with_version(\"a\"), c.has(\"a\"),
             c.incr(\"n\"), c.incr(\"n\", 9), c.get(\"n\"), c.min(\"n\", 7), c.max(\"m\", 3),
             c.append(\"list\", #{x: 1}), c.get(\"list\"), c.append(\"new\", 1),
             c.delete(\"old\"), c.delete(\"old\"), c.get(\"old\"), c.incr(\"old\"),
             c.get_many([\"a\", \"old\", \"none\", \"n\", \"none\"])]
        })";
        assert_eq!(
            run(rig, source).await,
            "[true,1,{\"expires_at\":null,\"value\":1,\"version\":null},true,41,50,50,7,3,3,\
             [1,2,{\"x\":1}],1,true,false,null,1,[1,1,null,7,null]]"
        );
        let (reads, effects) = &rig.host.applied()[0];
        let read: Vec<_> = reads.iter().map(|r| (r.key.as_str(), r.version)).collect();
        let expected = [
            ("list", Some(4)),
            ("m", None),
            ("n", Some(3)),
            ("new", None),
            ("none", None),
            ("old", Some(5)),
        ];
        assert_eq!(read, expected);
        assert_eq!(
            ops(effects)[..4],
            ["set a 1 bytes", "incr n 1", "incr n 9", "Min(7) n"]
        );
        assert_eq!(
            rig.host.calls.lock().unwrap().len(),
            1,
            "nothing else wrote"
        );
    });
}

#[test]
fn conditions_hold_inside_too() {
    on_worker(1, async |rig| {
        rig.host.store("k", "1", 3);
        let source = "tx::run(|| [
            c.set(\"k\", 2, #{if_absent: true}), c.set(\"k\", 2, #{if_version: 4}),
            c.set(\"k\", 2, #{if_version: 3, ttl: \"1m\"}), c.set(\"k\", 3, #{if_absent: true}),
            c.set(\"l\", 3, #{if_absent: true}), c.set(\"l\", 4, #{if_absent: true}),
            c.get_with_version(\"k\").expires_at, c.incr(\"k\"),
            c.get_with_version(\"k\").expires_at])";
        assert_eq!(
            run(rig, source).await,
            "[false,false,true,false,true,false,1700000060000,3,1700000060000]"
        );
        let source = "tx::run(|| { c.set(\"k\", 1); c.set(\"k\", 1, #{if_version: 3}) })";
        let outcome = rig
            .executor
            .execute(unlimited(&format!("{STORE} {source}")))
            .await;
        let error = outcome.completion.error.unwrap();
        assert!(
            error.message.contains("no version before its end"),
            "{error:?}"
        );
    });
}

#[test]
fn the_same_errors_as_outside() {
    on_worker(1, async |rig| {
        rig.host.store("text", "\"x\"", 3);
        rig.host.store("most", "9223372036854775807", 3);
        for (work, expected) in [
            ("c.incr(\"text\")", "does not hold an integer"),
            ("c.append(\"text\", 1)", "does not hold an array"),
            ("c.incr(\"most\")", "leaves the range"),
        ] {
            let source = format!("{STORE} tx::run(|| {work})");
            let outcome = rig.executor.execute(unlimited(&source)).await;
            assert_eq!(failure(&outcome), ScriptErrorKind::Host);
            let error = outcome.completion.error.unwrap();
            assert!(error.message.contains(expected), "{error:?}");
        }
        assert!(rig.host.applied().is_empty());
    });
}

#[test]
fn a_conflict_runs_it_again_and_in_the_end_gives_up() {
    on_worker(1, async |rig| {
        rig.host.conflicts.store(4, Ordering::Relaxed);
        let source = "let n = 0; tx::run(|| { n += 1; queue::send(\"q\", n); n })";
        assert_eq!(run(rig, source).await, "5");
        let sent: Vec<usize> = rig.host.applied().iter().map(|(_, e)| e.len()).collect();
        assert_eq!(sent, [1; 5], "nothing stays of a try that failed");
        rig.host.conflicts.store(5, Ordering::Relaxed);
        let outcome = rig.executor.execute(unlimited(source)).await;
        assert_eq!(failure(&outcome), ScriptErrorKind::Host);
        let error = outcome.completion.error.unwrap();
        assert!(error.message.contains("5 times in a row"), "{error:?}");
        assert_eq!(rig.executor.stats().leaked_bytes, 0);
    });
}

#[test]
fn an_error_inside_does_nothing_and_is_thrown_on() {
    on_worker(1, async |rig| {
        let source = "let r = ();
            try { tx::run(|| { c.set(\"a\", 1); queue::send(\"q\", 1); throw \"no\"; }); }
            catch (error) { r = error; }
            tx::run(|| c.has(\"a\"));
            c.set(\"b\", 1);
            r";
        assert_eq!(run(rig, source).await, "no");
        let applied = rig.host.applied();
        assert_eq!(applied.len(), 1, "of the second only");
        assert!(applied[0].1.is_empty());
        let calls = rig.host.calls.lock().unwrap();
        assert!(
            matches!(calls.last(), Some(HostCall::Kv(_))),
            "outside again"
        );
    });
}

#[test]
fn nothing_is_asked_for_when_nothing_was_done() {
    on_worker(1, async |rig| {
        assert_eq!(run(rig, "tx::run(|| 3)").await, "3");
        assert!(rig.host.calls.lock().unwrap().is_empty());
    });
}

#[test]
fn what_cannot_be_part_of_it_says_so() {
    on_worker(1, async |rig| {
        let id = "ded_00000000000000000000000000000001";
        for work in [
            "c.list()",
            "c.list(#{prefix: \"a\"})",
            "c.count()",
            "invoke::call(\"echo\", 1)",
            "queue::depth(\"q\")",
            "dead_letters::list()",
            &format!("dead_letters::replay(\"{id}\")"),
            &format!("dead_letters::discard(\"{id}\")"),
            "tx::run(|| 1)",
            "retry::run(|| 1)",
        ] {
            let source = format!("{STORE} tx::run(|| {work})");
            let outcome = rig.executor.execute(unlimited(&source)).await;
            let error = outcome.completion.error.expect(work);
            assert!(
                error.message.contains("inside of tx::run"),
                "{work}: {error:?}"
            );
        }
        assert!(rig.host.calls.lock().unwrap().is_empty());
    });
}

#[test]
fn it_is_bounded() {
    on_worker(1, async |rig| {
        for (work, expected) in [
            (
                "for i in 0..1001 { queue::send(\"q\", i); }",
                "at most 1000 things",
            ),
            ("for i in 0..1001 { c.get(`k${i}`); }", "at most 1000 keys"),
            (
                "c.get(\"k\"); let a = []; for i in 0..1000 { a.push(`k${i + 1}`); } c.get_many(a)",
                "at most 1000 keys",
            ),
            (
                "for i in 0..100 { c.set(`k${i}`, blob(1000000)); }",
                "8 MiB",
            ),
            (
                "for i in 0..100 { c.append(\"k\", \"x\".repeat(100000)); }",
                "larger than 1 MiB",
            ),
        ] {
            let source = format!("{STORE} tx::run(|| {{ {work} }})");
            let run = limited(&source, |limits| limits.memory = 256 << 20);
            let outcome = rig.executor.execute(run).await;
            let error = outcome.completion.error.expect(work);
            assert!(error.message.contains(expected), "{work}: {error:?}");
        }
        assert!(rig.host.applied().is_empty());
        let source = "tx::run(|| { for i in 0..900 { c.append(\"k\", i); } c.get(\"k\").len })";
        assert_eq!(run(rig, source).await, "900");
        assert_eq!(rig.executor.stats().leaked_bytes, 0);
    });
}

#[test]
fn one_that_is_ended_does_nothing_and_the_next_run_is_clean() {
    on_worker(1, async |rig| {
        let endless = format!("{STORE} tx::run(|| {{ c.set(\"a\", 1); loop {{}} }})");
        for _ in 0..3 {
            let run = limited(&endless, |limits| limits.operations = 10_000);
            let outcome = rig.executor.execute(run).await;
            assert_eq!(limit(&outcome), LimitKind::Operations);
        }
        let caught = format!(
            "{STORE} loop {{ try {{ tx::run(|| {{ c.set(\"a\", 1); loop {{}} }}) }} catch {{}} }}"
        );
        let spinning = limited(&caught, |limits| limits.cpu = Duration::from_millis(20));
        assert_eq!(limit(&rig.executor.execute(spinning).await), LimitKind::Cpu);
        // Dropped while it waits for the platform.
        let waiting = "let g = kv::collection(\"g\");
            tx::run(|| { queue::send(\"q\", 1); g.get(\"gate\"); })";
        let waiting = unlimited(waiting);
        rig.executor
            .warm(std::sync::Arc::clone(&waiting.script))
            .await
            .unwrap();
        let mut future = rig.executor.execute(waiting);
        assert!(poll_once(&mut future).is_pending());
        drop(future);
        assert!(rig.host.applied().is_empty());
        assert_eq!(
            run(rig, "c.set(\"b\", 1)").await,
            "7",
            "not in a transaction"
        );
        assert_eq!(run(rig, "tx::run(|| c.set(\"b\", 1))").await, "true");
        assert_eq!(rig.executor.stats().leaked_bytes, 0);
    });
}

#[test]
fn two_runs_on_one_thread_have_their_own() {
    on_worker(1, async |rig| {
        let waiting = "let g = kv::collection(\"g\");
            tx::run(|| { queue::send(\"q\", 1); g.get(\"gate\") })";
        let first = tokio::task::spawn_local(rig.executor.execute(unlimited(waiting)));
        let mut arrived = rig.host.arrived.subscribe();
        arrived.wait_for(|count| *count == 1).await.unwrap();
        assert_eq!(run(rig, "c.set(\"b\", 1)").await, "7");
        assert_eq!(
            run(rig, "tx::run(|| { pubsub::publish(\"t\", 1); 2 })").await,
            "2"
        );
        rig.host.gate.send_replace(true);
        assert_eq!(body(&first.await.unwrap()), "open");
        let done: Vec<_> = rig.host.applied().iter().map(|(_, e)| ops(e)).collect();
        assert_eq!(done, [["publish t"], ["send q"]]);
    });
}

#[test]
fn what_it_holds_counts_against_the_memory_limit() {
    on_worker(1, async |rig| {
        let source = format!(
            "{STORE} for i in 0..3 {{ tx::run(|| {{ c.set(\"a\", blob(700000)); }}); }}
            tx::run(|| {{ for i in 0..9 {{ c.set(`k${{i}}`, blob(700000)); }} }})"
        );
        let run = limited(&source, |limits| limits.memory = 3 << 20);
        assert_eq!(limit(&rig.executor.execute(run).await), LimitKind::Memory);
        assert_eq!(rig.host.applied().len(), 3);
        let source = "let a = []; a.pad(9, \"x\".repeat(200000)); queue::send_many(\"q\", a)";
        let run = limited(source, |limits| limits.memory = 1 << 20);
        assert_eq!(limit(&rig.executor.execute(run).await), LimitKind::Memory);
    });
}

#[test]
fn a_key_that_changes_while_it_runs_makes_it_run_again() {
    on_worker(1, async |rig| {
        rig.host.store("moving", "1", 1);
        let source = "let n = 0; tx::run(|| {
                n += 1;
                let first = c.get_with_version(\"moving\").version;
                if first != c.get_with_version(\"moving\").version { throw \"impossible\"; }
                n
            })";
        assert_eq!(
            run(rig, source).await,
            "2",
            "not the error of an impossible state"
        );
        assert_eq!(rig.host.applied().len(), 1);
    });
}

/// `exit` ends the function well and then the run: nothing that was said to be done is lost.
#[test]
fn what_was_done_before_exit_is_done() {
    on_worker(1, async |rig| {
        for exit in [
            "exit(\"early\")",
            "[1].map(|x| exit(\"early\"))",
            "try { [1].map(|x| exit(\"early\")); } catch (e) { }",
        ] {
            let source = format!("tx::run(|| {{ c.set(\"a\", 1); {exit}; c.set(\"b\", 2); }}); 7");
            assert_eq!(run(rig, &source).await, "early");
            let (_reads, effects) = rig.host.applied().pop().unwrap();
            assert_eq!(ops(&effects), ["set a 1 bytes"], "{exit}");
        }
        assert_eq!(rig.host.applied().len(), 3);
        // What fails does nothing, also when `exit` stands behind it.
        let source = "let told = (); try { tx::run(|| { c.set(\"a\", 1); throw \"no\"; exit(3); }); } \
                      catch (e) { told = e; } told";
        assert_eq!(run(rig, source).await, "no");
        assert_eq!(rig.host.applied().len(), 3);
    });
}
