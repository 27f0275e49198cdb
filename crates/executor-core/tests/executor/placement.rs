//! Which worker runs a script.

use std::sync::Arc;

use shared::seam::Executor;

use crate::support::{body, on_worker, script, unlimited};

const WHERE: &str = "`${kv::collection(\"c\").get(\"where\")}`";

#[test]
fn a_script_runs_where_it_arrived() {
    on_worker(2, async |rig| {
        for _ in 0..20 {
            assert!(!body(&rig.run(WHERE).await).contains("worker-1"));
            // Requests come from the reactor; without its turn they would count as one crowd.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        }
    });
}

#[test]
fn a_crowd_on_one_worker_uses_the_others_too() {
    on_worker(2, async |rig| {
        let source = "for i in 0..5000 {} `${kv::collection(\"c\").get(\"where\")}`";
        let runs: Vec<_> = (0..100)
            .map(|_| tokio::task::spawn_local(rig.executor.execute(unlimited(source))))
            .collect();
        let mut elsewhere = 0;
        for run in runs {
            elsewhere += usize::from(body(&run.await.unwrap()).contains("worker-1"));
        }
        assert!((1..100).contains(&elsewhere), "{elsewhere} of 100");
    });
}

#[test]
fn a_busy_worker_hands_new_scripts_to_an_idle_one() {
    on_worker(2, async |rig| {
        rig.executor
            .warm(Arc::clone(&script(WHERE).script))
            .await
            .unwrap();
        let endless = tokio::task::spawn_local(rig.executor.execute(unlimited("loop {}")));
        while rig.executor.stats().workers[0].waiting == 0 {
            tokio::task::yield_now().await;
        }
        assert!(body(&rig.run(WHERE).await).contains("worker-1"));
        endless.abort();
        rig.settle().await;
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        assert!(!body(&rig.run(WHERE).await).contains("worker-1"));
    });
}

#[test]
fn submitted_scripts_go_to_the_least_loaded_worker() {
    on_worker(2, async |rig| {
        let source = "kv::collection(\"c\").get(\"gate\")";
        let mut runs = Vec::new();
        for count in 1..=10 {
            runs.push(tokio::task::spawn_local(
                rig.executor.submit(unlimited(source)),
            ));
            rig.host
                .arrived
                .subscribe()
                .wait_for(|arrived| *arrived == count)
                .await
                .unwrap();
        }
        let active: Vec<_> = rig
            .executor
            .stats()
            .workers
            .iter()
            .map(|w| w.active)
            .collect();
        assert_eq!(active, [5, 5]);
        rig.host.gate.send_replace(true);
        for run in runs {
            assert!(run.await.unwrap().completion.error.is_none());
        }
    });
}
