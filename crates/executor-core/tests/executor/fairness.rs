//! Scripts that use their slices take turns between apps; new ones do not wait for them.

use std::sync::Arc;

use shared::seam::Executor;

use crate::support::{Rig, app, limited, on_worker, poll_once, script_of, unlimited};

/// Works a little, then makes itself counted, forever.
const BUSY: &str = "let c = kv::collection(\"c\"); let n = 0;
    loop { for i in 0..100 { n += i; } c.get(\"tick\"); }";

fn busy(name: &str) -> Box<shared::invocation::Invocation> {
    let limits = limited(BUSY, |_| {}).limits;
    let mut run = script_of(name, BUSY);
    run.limits = limits;
    run
}

async fn until_ticks(rig: &Rig, count: u64) {
    rig.host
        .total
        .subscribe()
        .wait_for(|total| *total >= count)
        .await
        .unwrap();
}

#[test]
fn one_script_gets_as_much_as_the_eight_of_another_app() {
    on_worker(1, async |rig| {
        let mut runs = tokio::task::JoinSet::new();
        for _ in 0..8 {
            runs.spawn_local(rig.executor.execute(busy("many")));
        }
        runs.spawn_local(rig.executor.execute(busy("single")));
        // What they did before both had begun is not compared.
        until_ticks(rig, 2_000).await;
        let before = rig.host.ticks.lock().unwrap().clone();
        until_ticks(rig, 20_000).await;
        let after = rig.host.ticks.lock().unwrap().clone();
        let grown = |name| {
            let id = app(name).id;
            after[&id] - before.get(&id).copied().unwrap_or_default()
        };
        let (many, single) = (grown("many"), grown("single"));
        assert!(
            single * 2 > many && many * 2 > single,
            "many {many}, single {single}"
        );
        runs.abort_all();
        while runs.join_next().await.is_some() {}
        assert_eq!(rig.active(), 0);
    });
}

#[test]
fn a_new_script_answers_at_once_while_64_endless_ones_run() {
    on_worker(1, async |rig| {
        let hello = script_of("modest", "\"hello\"");
        rig.executor.warm(Arc::clone(&hello.script)).await.unwrap();
        let mut runs = tokio::task::JoinSet::new();
        for _ in 0..64 {
            runs.spawn_local(rig.executor.execute(unlimited("loop {}")));
        }
        while rig.executor.stats().workers[0].waiting < 64 {
            tokio::task::yield_now().await;
        }
        let mut at_once = 0;
        for _ in 0..100 {
            let mut future = rig.executor.execute(hello.clone());
            at_once += u32::from(poll_once(&mut future).is_ready());
            tokio::task::yield_now().await;
        }
        // The machine may take the processor from one that runs, whose slice is over then. Behind
        // the turns of the others none of them would be ready.
        assert!(at_once >= 80, "{at_once} of 100 did not wait for turns");
        runs.abort_all();
        while runs.join_next().await.is_some() {}
        assert_eq!(rig.active(), 0);
    });
}

#[test]
fn a_run_nobody_polls_does_not_take_the_turns_of_others() {
    on_worker(1, async |rig| {
        let endless = unlimited("loop {}");
        rig.executor
            .warm(Arc::clone(&endless.script))
            .await
            .unwrap();
        let mut forgotten = rig.executor.execute(endless);
        assert!(poll_once(&mut forgotten).is_pending());
        let source = "let s = 0; for i in 0..100000 { s += 1 } s";
        let outcome = rig.executor.execute(unlimited(source)).await;
        assert_eq!(crate::support::body(&outcome), "100000");
        assert_eq!(rig.active(), 1);
    });
}
