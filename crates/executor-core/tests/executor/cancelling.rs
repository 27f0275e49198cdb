//! Dropping the future ends the script at once.

use shared::seam::Executor;

use crate::support::{body, on_worker, poll_once, script, unlimited};

#[test]
fn dropping_the_future_ends_a_script_wherever_it_is() {
    on_worker(1, async |rig| {
        let sources = [
            "loop {}",
            "loop { try { loop {} } catch {} }",
            "sleep(1000.0)",
            "try { sleep(1000.0) } catch {} loop {}",
            "kv::collection(\"c\").get(\"gate\")",
            "[1, 2].map(|x| sleep(1000.0))",
        ];
        for source in sources {
            let run = unlimited(source);
            rig.executor
                .warm(std::sync::Arc::clone(&run.script))
                .await
                .unwrap();
            let mut future = rig.executor.execute(run);
            assert!(poll_once(&mut future).is_pending(), "{source}");
            assert_eq!(rig.active(), 1, "{source}");
            drop(future);
            assert_eq!(rig.active(), 0, "{source}");
        }
        let stats = rig.executor.stats();
        assert_eq!(stats.cancelled, sources.len() as u64);
        assert_eq!(
            stats.leaked_bytes, 0,
            "what a cancelled script held was freed"
        );
        assert_eq!(body(&rig.run("\"next\"").await), "next");
    });
}

#[test]
fn a_future_that_was_never_polled_runs_nothing() {
    on_worker(1, async |rig| {
        drop(
            rig.executor
                .execute(script("kv::collection(\"c\").get(\"tick\")")),
        );
        tokio::task::yield_now().await;
        assert_eq!(*rig.host.total.borrow(), 0);
        assert_eq!(rig.executor.stats().finished, 0);
    });
}

#[test]
fn dropping_a_submitted_run_ends_it_on_its_worker() {
    on_worker(2, async |rig| {
        let source = "kv::collection(\"c\").get(\"gate\"); loop {}";
        let run = tokio::task::spawn_local(rig.executor.submit(unlimited(source)));
        rig.host
            .arrived
            .subscribe()
            .wait_for(|count| *count == 1)
            .await
            .unwrap();
        assert_eq!(rig.active(), 1);
        run.abort();
        rig.settle().await;
        assert_eq!(rig.executor.stats().cancelled, 1);
    });
}
