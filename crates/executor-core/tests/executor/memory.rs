//! The memory meter, and values that are deeper than a thread's stack.

use shared::script_error::LimitKind;
use shared::seam::Executor;

use crate::support::{body, limit, limited, on_worker, unlimited};

#[test]
fn the_cap_stops_arrays_maps_and_strings() {
    let sources = [
        "let a = []; loop { a.push(\"some text of a few bytes\" + a.len()); }",
        "let m = #{}; let i = 0; loop { m[`key ${i}`] = i; i += 1; }",
        "let s = \"x\"; loop { s += s; }",
        "let l = []; let big = []; big.pad(1000, 1); loop { let held = big + []; l.push(|| held); }",
    ];
    on_worker(1, async |rig| {
        for source in sources {
            let outcome = rig
                .executor
                .execute(limited(source, |l| l.memory = 4 << 20))
                .await;
            let kind = limit(&outcome);
            assert!(
                matches!(kind, LimitKind::Memory | LimitKind::StringSize),
                "{source}: {kind:?}"
            );
            // One operation may overshoot: a container doubles.
            let peak = outcome.completion.usage.memory_peak;
            assert!(peak < 3 * (4 << 20), "{source}: {peak}");
        }
        assert_eq!(
            rig.executor.stats().leaked_bytes,
            0,
            "what was stopped was freed"
        );
    });
}

#[test]
fn what_the_platform_answers_is_charged() {
    on_worker(1, async |rig| {
        let source = "let c = kv::collection(\"c\"); let all = [];
            loop { all.push(c.get(\"large\")); }";
        let outcome = rig
            .executor
            .execute(limited(source, |l| l.memory = 4 << 20))
            .await;
        assert_eq!(limit(&outcome), LimitKind::Memory);
        assert!(outcome.completion.usage.host_calls < 10);
        assert_eq!(rig.executor.stats().leaked_bytes, 0);
    });
}

#[test]
fn values_deeper_than_a_thread_stack_are_dropped_safely() {
    on_worker(1, async |rig| {
        // Needs several megabytes of stack to drop in this build; a thread has two.
        let source = "let a = []; for i in 0..9000 { a = [take(a)]; } \"alive\"";
        assert_eq!(
            body(&rig.executor.execute(unlimited(source)).await),
            "alive"
        );
        let source = "let p = || 0; for i in 0..3000 { let q = p; p = || q.call(); } throw \"end\"";
        let outcome = rig.executor.execute(unlimited(source)).await;
        assert!(outcome.completion.error.is_some());
        assert_eq!(body(&rig.run("\"next\"").await), "next");
    });
}

#[test]
fn pushing_is_linear() {
    on_worker(1, async |rig| {
        let count = async |n: u32| {
            let source = format!("let a = []; for i in 0..{n} {{ a.push(i); }} a.len()");
            let outcome = rig.executor.execute(unlimited(&source)).await;
            assert_eq!(body(&outcome), n.to_string());
            outcome.completion.usage.cpu
        };
        count(1_000).await;
        let (few, many) = (count(10_000).await, count(100_000).await);
        // Quadratic would be a hundred times as much.
        assert!(
            many < few * 50,
            "{few:?} for 10,000 and {many:?} for 100,000"
        );
    });
}
