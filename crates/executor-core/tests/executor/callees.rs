//! A script that is called and its caller have one budget.

use std::sync::Arc;
use std::time::Duration;

use executor_core::LocalExecutor;
use shared::limits::Limits;
use shared::script_error::LimitKind;
use shared::seam::Executor as _;

use crate::support::{Rig, body, limit, limited, on_worker};

/// What `invoke::call` runs from now on.
fn calls(rig: &Rig, source: &str) {
    let executor: &Arc<LocalExecutor> = &rig.executor;
    let called = (Arc::downgrade(executor), source.to_owned());
    assert!(rig.host.called.set(called).is_ok());
}

#[test]
fn what_is_left_of_the_callers_limit_ends_both() {
    type Change = fn(&mut Limits);
    let cases: [(LimitKind, &str, Change); 5] = [
        (LimitKind::Wall, "sleep(1000.0)", |l| {
            l.wall = Duration::from_millis(100);
        }),
        (LimitKind::Cpu, "loop {}", |l| {
            l.cpu = Duration::from_millis(50);
        }),
        (LimitKind::Operations, "loop {}", |l| l.operations = 10_000),
        (
            LimitKind::Memory,
            "let all = []; loop { all.push(all.len()); }",
            |l| l.memory = 1 << 20,
        ),
        (
            LimitKind::HostCalls,
            "loop { kv::collection(\"c\").get(\"tick\"); }",
            |l| l.host_calls = 20,
        ),
    ];
    for (kind, source, change) in cases {
        on_worker(2, async |rig| {
            calls(rig, source);
            let caller = "try { invoke::call(\"other\", ()) } catch { \"caught\" }";
            let outcome = rig.executor.execute(limited(caller, change)).await;
            let failed = outcome.completion.error.is_some();
            assert!(failed, "{kind:?}: {:?}", outcome.completion);
            assert_eq!(limit(&outcome), kind);
            let error = outcome.completion.error.unwrap();
            assert!(error.message.contains("`other`"), "{}", error.message);
            assert_eq!(error.limit_of, None);
            rig.settle().await;
        });
    }
}

#[test]
fn what_a_callee_used_is_charged_to_its_caller() {
    on_worker(2, async |rig| {
        calls(
            rig,
            "for n in 0..3 { kv::collection(\"c\").get(\"tick\"); }
            let all = []; for n in 0..10000 { all.push(n); } all.len()",
        );
        let caller = limited("invoke::call(\"other\", ())", |_| {});
        let outcome = rig.executor.execute(caller).await;
        assert_eq!(body(&outcome), "10000");
        let usage = outcome.completion.usage;
        assert_eq!(usage.host_calls, 4);
        assert!(usage.operations > 10_000, "{usage:?}");
        assert!(usage.memory_peak > 100_000, "{usage:?}");
    });
}

#[test]
fn a_caller_has_no_more_host_calls_than_its_limit_with_its_callees() {
    on_worker(2, async |rig| {
        calls(
            rig,
            "for n in 0..3 { kv::collection(\"c\").get(\"tick\"); }",
        );
        for (calls, enough) in [(4, true), (3, false)] {
            let source = "invoke::call(\"other\", ())";
            let caller = limited(source, |limits| limits.host_calls = calls);
            let outcome = rig.executor.execute(caller).await;
            assert_eq!(outcome.completion.error.is_none(), enough, "{calls}");
            assert!(outcome.completion.usage.host_calls <= calls);
        }
    });
}
