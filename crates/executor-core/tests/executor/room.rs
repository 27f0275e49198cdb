//! The memory of all runs together: one budget, in fair shares.

use std::time::Duration;

use shared::invocation::{Outcome, TriggerKind};
use shared::memory::{Memory, Order};
use shared::script_error::ScriptErrorKind;
use shared::seam::Executor;
use tokio::task::JoinHandle;

use crate::support::{Rig, app, body, event_of, failure, on_worker, script_of, within};

const MIB: u64 = 1 << 20;

/// Starts runs of `source`, all of which wait until the gate is opened.
fn all_at_once(rig: &Rig, runs: usize, of: &str, source: &str) -> Vec<JoinHandle<Outcome>> {
    (0..runs)
        .map(|_| {
            let mut run = script_of(of, source);
            run.limits.cpu = Duration::from_mins(1);
            run.limits.wall = Duration::from_mins(1);
            tokio::task::spawn_local(rig.executor.submit(run))
        })
        .collect()
}

/// How many ended well, and how many for want of memory. No other end is right.
async fn ends(runs: Vec<JoinHandle<Outcome>>) -> (usize, usize) {
    let (mut well, mut refused) = (0, 0);
    for run in runs {
        let outcome = run.await.unwrap();
        match &outcome.completion.error {
            None => well += 1,
            Some(error) => {
                assert_eq!(error.kind, ScriptErrorKind::Overloaded, "{error:?}");
                assert!(error.message.contains("memory.budget"), "{error:?}");
                refused += 1;
            }
        }
    }
    (well, refused)
}

async fn arrived(rig: &Rig, runs: usize) {
    let mut arrived = rig.host.arrived.subscribe();
    arrived.wait_for(|count| *count == runs).await.unwrap();
}

/// Until so many runs have ended, and the others wait at the gate.
async fn ended(rig: &Rig, runs: u64) {
    while rig.executor.stats().finished < runs {
        tokio::task::yield_now().await;
    }
}

const GATE: &str = "kv::collection(\"c\").get(\"gate\");";

#[test]
fn an_answer_for_which_there_is_no_memory_ends_its_run_and_no_script_catches_it() {
    on_worker(1, async |rig| {
        let source = "try { kv::collection(\"c\").get(\"no room\") } catch { } 1";
        let outcome = rig.run(source).await;
        let error = outcome.completion.error.unwrap();
        assert_eq!(error.kind, ScriptErrorKind::Overloaded, "{error:?}");
        assert!(error.message.contains("memory.budget"), "{error:?}");
        assert_eq!(error.frames[0].line, 1);
    });
}

#[test]
fn runs_of_all_together_stay_within_the_budget_and_some_end_well() {
    let sources = [
        format!("let b = blob(6000000, 7); {GATE} b.len"),
        format!("let a = []; a.pad(300000, 7); {GATE} a.len"),
        format!("let a = []; for i in 0..4000 {{ a.push(\"x\".repeat(1000) + i); }} {GATE} a.len"),
        format!(
            "let s = \"x\".repeat(1000000); let a = []; for i in 0..5 {{ a.push(s + i); }} {GATE} a.len"
        ),
        format!(
            "let m = #{{}}; for i in 0..50000 {{ m[`key ${{i}} of many`] = `${{i}}`; }} {GATE} m.len"
        ),
    ];
    for source in sources {
        let memory = Memory::new(64 * MIB);
        within(&memory, 2, async |rig| {
            let runs = all_at_once(rig, 20, "shop", &source);
            let opener = async {
                let finished = || rig.executor.stats().finished as usize;
                while finished() + *rig.host.arrived.borrow() < 20 {
                    tokio::task::yield_now().await;
                    assert!(memory.used() <= memory.most());
                }
                rig.host.gate.send_replace(true);
            };
            let ((well, refused), ()) = tokio::join!(ends(runs), opener);
            assert!(well > 2 && refused > 2, "{well} and {refused}: {source}");
            assert_eq!(memory.used(), 0, "{source}");
            assert_eq!(memory.refused(), refused as u64, "{source}");
            assert_eq!(rig.executor.stats().leaked_bytes, 0);
        });
    }
}

#[test]
fn what_one_app_holds_keeps_no_other_from_its_part() {
    let memory = Memory::new(64 * MIB);
    within(&memory, 2, async |rig| {
        let hoard = format!("let b = blob(5000000, 7); {GATE} b.len");
        let runs = all_at_once(rig, 30, "hoard", &hoard);
        // Five eighths of the budget are seven of them.
        ended(rig, 23).await;
        let mut more = memory.hold(Some(app("hoard").id), Order::Request);
        assert!(more.grow(5 * MIB).is_err());
        // Two MiB each: a part of the last quarter.
        for other in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            let source = "let b = blob(1500000, 7); sleep(0.001); b.len";
            let outcome = rig.executor.execute(script_of(other, source)).await;
            assert_eq!(body(&outcome), "1500000");
        }
        // More is refused, and what needs nothing is served, whoever asks for it.
        let large = "let b = blob(5000000, 7); sleep(0.001); b.len";
        let outcome = rig.executor.execute(script_of("a", large)).await;
        assert_eq!(failure(&outcome), ScriptErrorKind::Overloaded);
        for of in ["hoard", "a"] {
            let outcome = rig.executor.execute(script_of(of, "\"hello\"")).await;
            assert_eq!(body(&outcome), "hello");
            // It waits, and has its stack and its request meanwhile.
            let outcome = rig.executor.execute(script_of(of, "sleep(0.001); 1")).await;
            assert_eq!(body(&outcome), "1");
        }
        rig.host.gate.send_replace(true);
        assert_eq!(ends(runs).await, (7, 23));
    });
    assert_eq!(memory.used(), 0);
}

#[test]
fn runs_that_only_wait_are_counted_too() {
    let memory = Memory::new(4 * MIB);
    within(&memory, 2, async |rig| {
        let runs = all_at_once(rig, 200, "shop", GATE);
        // Three quarters of the budget, 32 KiB each.
        ended(rig, 200 - 96).await;
        assert_eq!(memory.used(), 96 * (32 << 10));
        rig.host.gate.send_replace(true);
        let (well, refused) = ends(runs).await;
        assert_eq!((well, refused), (96, 200 - 96));
    });
    assert_eq!(memory.used(), 0);
}

#[test]
fn events_find_no_room_before_requests_do() {
    let memory = Memory::new(64 * MIB);
    let mut others = memory.hold(Some(app("shop").id), Order::Request);
    others.grow(23 * MIB).unwrap();
    within(&memory, 1, async |rig| {
        let source = "let b = blob(4000000, 7); b.len";
        for trigger in [TriggerKind::Queue, TriggerKind::Cron, TriggerKind::Kv] {
            let run = event_of(trigger, "{}", source);
            let outcome = rig.executor.execute(run).await;
            assert_eq!(
                failure(&outcome),
                ScriptErrorKind::Overloaded,
                "{trigger:?}"
            );
        }
        for trigger in [
            TriggerKind::Webhook,
            TriggerKind::Invoke,
            TriggerKind::Manual,
        ] {
            let run = event_of(trigger, "{}", source);
            let outcome = rig.executor.execute(run).await;
            assert!(
                outcome.completion.error.is_none(),
                "{trigger:?}: {outcome:?}"
            );
        }
    });
}

#[test]
fn no_script_goes_on_when_it_was_refused() {
    let memory = Memory::new(4 * MIB);
    within(&memory, 1, async |rig| {
        for source in [
            "try { let b = blob(6000000, 7); } catch { } \"went on\"",
            "let a = []; try { loop { a.push(\"x\".repeat(100000)); } } catch { a = 1; } \"went on\"",
            "let f = |n| { let b = blob(n, 1); b.len }; try { f.call(9000000) } catch(e) { e }",
        ] {
            let outcome = rig.run(source).await;
            assert_eq!(failure(&outcome), ScriptErrorKind::Overloaded, "{source}");
            assert_eq!(memory.used(), 0, "{source}");
        }
        assert_eq!(body(&rig.run("1 + 1").await), "2");
    });
}

#[test]
fn what_a_run_frees_is_free_for_others_while_it_waits() {
    let memory = Memory::new(64 * MIB);
    within(&memory, 2, async |rig| {
        let source = format!("let b = blob(20000000, 7); b = (); {GATE} 1");
        let runs = all_at_once(rig, 1, "shop", &source);
        arrived(rig, 1).await;
        assert!(memory.used() <= MIB, "{}", memory.used());
        rig.host.gate.send_replace(true);
        assert_eq!(ends(runs).await, (1, 0));
    });
}

#[test]
fn an_answer_of_json_is_counted_until_it_is_handed_over() {
    let memory = Memory::new(2 * MIB);
    within(&memory, 1, async |rig| {
        // A few bytes of memory, shared; megabytes of JSON.
        let source = "let t = \"x\".repeat(100000); let a = []; a.pad(40, t); a";
        let outcome = rig.run(source).await;
        assert_eq!(failure(&outcome), ScriptErrorKind::Overloaded);
        assert_eq!(memory.used(), 0);
    });
}

#[test]
fn pieces_that_nobody_has_read_are_counted() {
    let memory = Memory::new(8 * MIB);
    within(&memory, 1, async |rig| {
        let source = "response::stream(|out| { loop { out.write(blob(1000000, 7)); } })";
        let outcome = rig.run(source).await;
        assert!(outcome.completion.error.is_none());
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        let held = memory.used();
        assert!((3 * MIB..=8 * MIB).contains(&held), "{held}");
        drop(outcome);
        rig.settle().await;
        assert_eq!(memory.used(), 0);
    });
}

#[test]
fn runs_that_are_given_up_hold_nothing() {
    let memory = Memory::new(64 * MIB);
    within(&memory, 2, async |rig| {
        let source = format!("let b = blob(5000000, 7); {GATE} b.len");
        let runs = all_at_once(rig, 4, "shop", &source);
        arrived(rig, 4).await;
        assert!(memory.used() >= 20 * MIB);
        for run in &runs {
            run.abort();
        }
        drop(runs);
        while rig.active() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(memory.used(), 0);
    });
}
