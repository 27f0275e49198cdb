//! Waiting scripts cost memory, not threads.

use shared::seam::Executor;

use crate::support::{body, on_worker, unlimited};

/// Bytes of the process that are in memory.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

#[test]
fn five_thousand_scripts_wait_at_once_on_two_workers() {
    const RUNS: usize = 5_000;
    on_worker(2, async |rig| {
        let source = "let text = kv::collection(\"c\").get(\"gate\"); sleep(0.01); text.len()";
        let before = resident();
        let runs: Vec<_> = (0..RUNS)
            .map(|_| tokio::task::spawn_local(rig.executor.submit(unlimited(source))))
            .collect();
        rig.host
            .arrived
            .subscribe()
            .wait_for(|count| *count == RUNS)
            .await
            .unwrap();
        assert_eq!(rig.active(), RUNS);
        // Other tests run in this process too.
        let each = resident().saturating_sub(before) / RUNS as u64;
        assert!(each < 100_000, "{each} bytes for each waiting script");
        rig.host.gate.send_replace(true);
        for run in runs {
            let outcome = run.await.unwrap();
            assert!(!body(&outcome).is_empty());
        }
        assert_eq!(rig.active(), 0);
        assert_eq!(rig.executor.stats().finished, RUNS as u64);
    });
}

#[test]
fn sleeping_scripts_wake_up_by_themselves() {
    on_worker(1, async |rig| {
        let runs: Vec<_> = (0..500)
            .map(|n| {
                let source = format!("sleep(0.02); {}", n % 7);
                tokio::task::spawn_local(rig.executor.execute(unlimited(&source)))
            })
            .collect();
        for (n, run) in runs.into_iter().enumerate() {
            assert_eq!(body(&run.await.unwrap()), (n % 7).to_string());
        }
    });
}
