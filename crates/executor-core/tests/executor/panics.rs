//! A panic of the platform inside a script ends that run at a place, and nothing else.

use std::panic::{catch_unwind, set_hook};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shared::invocation::{Invocation, Outcome, TriggerKind};
use shared::script_error::ScriptErrorKind;
use shared::seam::Executor as _;

use crate::support::{Rig, body, event_of, failure, on_worker, script};

/// What panics, in each way that a script can get there; the function and the line it is in.
const PANICS: [(&str, &str, u32); 2] = [
    (
        "let c = kv::collection(\"c\");\nc.get(\"panic\")",
        "main",
        2,
    ),
    (
        "fn f(c) {\n  for i in 0..2 {\n  c.get(\"panic\") }\n}\nf(kv::collection(\"c\"))",
        "f",
        3,
    ),
];

/// The place where a run failed for a defect of the platform.
fn place(outcome: &Outcome) -> (String, u32) {
    assert_eq!(failure(outcome), ScriptErrorKind::Internal);
    let error = outcome.completion.error.as_ref().unwrap();
    assert!(error.message.contains("on purpose"), "{}", error.message);
    assert!(error.excerpt.contains("panic"), "{}", error.excerpt);
    let first = error.frames.first().expect("it has a place");
    (first.function.clone(), first.line)
}

async fn end_at_their_place(rig: &Rig, as_run: impl Fn(&str) -> Box<Invocation>) {
    let neighbour =
        tokio::task::spawn_local(rig.executor.submit(script("sleep(0.05); \"served\"")));
    for (source, function, line) in PANICS {
        let outcome = rig.executor.execute(as_run(source)).await;
        assert_eq!(place(&outcome), (function.to_owned(), line), "{source}");
        assert_eq!(body(&rig.run("\"still here\"").await), "still here");
    }
    assert_eq!(body(&neighbour.await.unwrap()), "served");
    let stats = rig.executor.stats();
    assert_eq!(stats.panicked, PANICS.len() as u64);
    assert_eq!((stats.active(), stats.leaked_bytes), (0, 0));
}

#[test]
fn a_panic_is_an_error_with_a_place_and_no_script_catches_it() {
    on_worker(1, async |rig| end_at_their_place(rig, script).await);
}

#[test]
fn a_panic_while_an_event_is_handled_is_an_error_with_a_place() {
    on_worker(1, async |rig| {
        let event = |source: &str| event_of(TriggerKind::Queue, "{\"payload\":1}", source);
        end_at_their_place(rig, event).await;
    });
}

#[test]
fn a_panic_of_a_handler_is_an_error_with_a_place() {
    on_worker(1, async |rig| {
        let source = "fn on_it(event) {\n  let c = kv::collection(\"c\");\n  c.get(\"panic\")\n}";
        let mut run = event_of(TriggerKind::Queue, "{\"payload\":1}", source);
        run.handler = Some("on_it".parse().unwrap());
        let outcome = rig.executor.execute(run).await;
        assert_eq!(place(&outcome), ("on_it".to_owned(), 3));
    });
}

#[test]
fn a_caller_outlives_a_callee_that_panics() {
    on_worker(2, async |rig| {
        let source = "let c = kv::collection(\"c\");\nc.get(\"panic\")";
        let called = (Arc::downgrade(&rig.executor), source.to_owned());
        assert!(rig.host.called.set(called).is_ok());
        let caller =
            "let said = 0; try { invoke::call(\"other\", ()) } catch (e) { said = e.message } said";
        let outcome = rig.run(caller).await;
        assert!(body(&outcome).contains("on purpose"), "{}", body(&outcome));
        assert_eq!(rig.executor.stats().panicked, 1);
    });
}

/// The process reports a panic of anything else as before.
#[test]
fn the_process_reports_panics_outside_of_scripts_only() {
    static REPORTED: AtomicUsize = AtomicUsize::new(0);
    set_hook(Box::new(|_panic| {
        REPORTED.fetch_add(1, Ordering::Relaxed);
    }));
    executor_core::hush_panics();
    on_worker(1, async |rig| {
        let outcome = rig.run("kv::collection(\"c\").get(\"panic\")").await;
        assert_eq!(failure(&outcome), ScriptErrorKind::Internal);
        assert_eq!(REPORTED.load(Ordering::Relaxed), 0);
        assert!(catch_unwind(|| panic!("another")).is_err());
        assert_eq!(REPORTED.load(Ordering::Relaxed), 1);
    });
}
