//! Every limit ends the run it belongs to, and only that.

use std::time::Duration;

use shared::invocation::LogLevel;
use shared::script_error::{LimitKind, ScriptErrorKind};
use shared::seam::Executor;

use crate::support::{body, failure, limit, limited, on_worker, script, unlimited};

/// Processor time of the calling thread.
fn thread_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}

#[test]
fn a_script_answers() {
    on_worker(1, async |rig| {
        let outcome = rig.run("\"hello \" + (40 + 2)").await;
        assert_eq!(body(&outcome), "hello 42");
        assert!(outcome.completion.usage.operations > 0);
        assert_eq!(outcome.completion.error, None);
        let stats = rig.executor.stats();
        assert_eq!(
            (stats.finished, stats.active(), stats.cache_misses),
            (1, 0, 1)
        );
    });
}

#[test]
fn an_endless_loop_ends_at_each_limit_and_costs_nothing_afterwards() {
    on_worker(1, async |rig| {
        let short = Duration::from_millis(40);
        let cpu = limited("loop {}", |limits| limits.cpu = short);
        assert_eq!(limit(&rig.executor.execute(cpu).await), LimitKind::Cpu);
        let wall = limited("loop {}", |limits| limits.wall = short);
        assert_eq!(limit(&rig.executor.execute(wall).await), LimitKind::Wall);
        let operations = limited("loop {}", |limits| limits.operations = 10_000);
        let outcome = rig.executor.execute(operations).await;
        assert_eq!(limit(&outcome), LimitKind::Operations);
        assert_eq!(outcome.completion.usage.operations, 10_001);

        let before = thread_time();
        let wait = Duration::from_millis(200);
        tokio::time::sleep(wait).await;
        assert!(
            thread_time().saturating_sub(before) < wait / 2,
            "the worker still works for a dead script"
        );
        assert_eq!(rig.executor.stats().stopped_by_limit(), 3);
    });
}

#[test]
fn what_others_work_for_a_run_counts_as_its_processor_time() {
    on_worker(1, async |rig| {
        let calls = |each: u32, source: &str| {
            let source = source.replace("EACH", &each.to_string());
            limited(&source, |limits| limits.cpu = Duration::from_mins(1))
        };
        let ten = "let c = kv::collection(\"c\"); for n in 0..10 { c.get(\"worked EACH\"); } 1";
        let outcome = rig.executor.execute(calls(10_000, ten)).await;
        assert_eq!(limit(&outcome), LimitKind::Cpu);
        assert_eq!(
            outcome.completion.usage.host_calls, 6,
            "60 s and what it used itself"
        );
        let caught = ten.replace("c.get(", "try { c.get(\"no\") } catch {} c.get(");
        let outcome = rig.executor.execute(calls(10_000, &caught)).await;
        assert_eq!(limit(&outcome), LimitKind::Cpu);
        let outcome = rig.executor.execute(calls(5_000, ten)).await;
        assert_eq!(body(&outcome), "1", "it stays within the limit");
        assert!(outcome.completion.usage.cpu >= Duration::from_secs(50));
        let outcome = rig.executor.execute(calls(0, ten)).await;
        assert!(outcome.completion.usage.cpu < Duration::from_secs(50));
    });
}

#[test]
fn catch_cannot_keep_a_script_alive() {
    on_worker(1, async |rig| {
        let source = "loop { try { loop {} } catch {} }";
        let run = limited(source, |limits| limits.operations = 100_000);
        assert_eq!(
            limit(&rig.executor.execute(run).await),
            LimitKind::Operations
        );
        let source = "loop { try { sleep(3600.0) } catch {} }";
        let run = limited(source, |limits| limits.wall = Duration::from_millis(20));
        assert_eq!(limit(&rig.executor.execute(run).await), LimitKind::Wall);
    });
}

#[test]
fn callbacks_count_too() {
    on_worker(1, async |rig| {
        let source = "let a = []; a.pad(1000, 0);
            a.map(|x| { let s = 0; for i in 0..100 { s += i } s }).len()";
        let run = limited(source, |limits| limits.operations = 5_000);
        assert_eq!(
            limit(&rig.executor.execute(run).await),
            LimitKind::Operations
        );
    });
}

#[test]
fn waiting_for_the_platform_ends_at_the_deadline() {
    on_worker(1, async |rig| {
        let source = "kv::collection(\"c\").get(\"gate\")";
        let run = limited(source, |limits| limits.wall = Duration::from_millis(20));
        assert_eq!(limit(&rig.executor.execute(run).await), LimitKind::Wall);
        assert_eq!(rig.active(), 0);
    });
}

#[test]
fn host_calls_are_counted() {
    on_worker(1, async |rig| {
        let source = "let c = kv::collection(\"c\"); loop { c.get(\"tick\"); }";
        let run = limited(source, |limits| limits.host_calls = 7);
        let outcome = rig.executor.execute(run).await;
        assert_eq!(limit(&outcome), LimitKind::HostCalls);
        assert_eq!(outcome.completion.usage.host_calls, 7);
        assert_eq!(*rig.host.total.borrow(), 7);
        let message = outcome.completion.error.unwrap().message;
        assert!(message.contains("limits.host_calls"), "{message}");
    });
}

#[test]
fn every_level_logs_and_plain_debug_and_print_do_too() {
    on_worker(1, async |rig| {
        let source = r#"log::trace("a"); log::debug("b"); log::debug("c", #{n: 1}); log::info("d");
            log::warn("e"); log::error("f"); debug("g"); print("h")"#;
        let outcome = rig.run(source).await;
        assert_eq!(outcome.completion.error, None);
        let logs = outcome.completion.logs.iter();
        let levels: Vec<&str> = logs.map(|line| line.level.as_str()).collect();
        let wanted = [
            "trace", "debug", "debug", "info", "warn", "error", "debug", "info",
        ];
        assert_eq!(levels, wanted);
    });
}

#[test]
fn logs_end_with_one_line_that_says_so() {
    on_worker(1, async |rig| {
        let run = limited("for i in 0..1000 { print(`line ${i}`); }", |l| l.logs = 500);
        let logs = rig.executor.execute(run).await.completion.logs;
        assert!(logs.len() < 20, "{}", logs.len());
        let last = logs.last().unwrap();
        assert_eq!(last.level, LogLevel::Warn);
        assert!(last.message.contains("500 bytes"), "{}", last.message);
    });
}

/// Such a run was ended by nobody: as "cancelled" it would end its callers as if the server stopped,
/// and its event would be tried again without a count.
#[test]
fn a_panic_while_a_run_waits_is_no_cancellation() {
    on_worker(1, async |rig| {
        let waiting = script("kv::collection(\"c\").get(\"panic later\")");
        let outcome = rig.executor.submit(waiting).await;
        assert_eq!(failure(&outcome), ScriptErrorKind::Internal);
        rig.settle().await;
        assert_eq!(body(&rig.run("\"still here\"").await), "still here");
    });
}

#[test]
fn a_failed_host_call_can_be_caught_and_names_itself_when_it_is_not() {
    on_worker(1, async |rig| {
        let failing = "kv::collection(\"c\").get(\"nothing\")";
        let outcome = rig.run(failing).await;
        assert_eq!(failure(&outcome), ScriptErrorKind::Host);
        assert_eq!(outcome.completion.error.unwrap().message, "not today");
        let caught = format!("let r = 0; try {{ {failing} }} catch {{ r = \"caught\" }} r");
        assert_eq!(body(&rig.run(&caught).await), "caught");
    });
}

#[test]
fn deep_recursion_is_a_limit() {
    on_worker(1, async |rig| {
        let outcome = rig.run("fn f(n) { f(n + 1) } f(0)").await;
        assert_eq!(limit(&outcome), LimitKind::CallDepth);
    });
}

#[test]
fn eight_runs_at_once_have_their_own_counters() {
    on_worker(1, async |rig| {
        let runs: Vec<_> = (0..8)
            .map(|n| {
                let source = format!("let s = 0; for i in 0..20000 {{ s += 1 }} s + {n}");
                tokio::task::spawn_local(rig.executor.execute(unlimited(&source)))
            })
            .collect();
        let mut counts = Vec::new();
        for (n, run) in runs.into_iter().enumerate() {
            let outcome = run.await.unwrap();
            assert_eq!(body(&outcome), (20_000 + n).to_string());
            counts.push(outcome.completion.usage.operations);
        }
        assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    });
}

#[test]
fn a_compiled_script_answers_at_the_first_poll() {
    on_worker(1, async |rig| {
        let run = script("1 + 1");
        rig.executor
            .warm(std::sync::Arc::clone(&run.script))
            .await
            .unwrap();
        let mut future = rig.executor.execute(run);
        assert!(crate::support::poll_once(&mut future).is_ready());
    });
}
