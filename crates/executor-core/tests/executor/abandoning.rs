//! What a run tells that nobody waits for any more.

use std::future::poll_fn;
use std::sync::Arc;

use shared::invocation::{Completion, Farewell, ResponseBody, StreamItem};
use shared::script_error::ScriptErrorKind;
use shared::seam::Executor;
use tokio::sync::oneshot;

use crate::support::{on_worker, poll_once, unlimited};

fn told() -> (Farewell, oneshot::Receiver<Completion>) {
    let (tell, told) = oneshot::channel();
    (
        Box::new(move |completion| drop(tell.send(completion))),
        told,
    )
}

/// It was cancelled after it had logged.
fn was_cancelled(completion: &Completion, what: &str) {
    let error = completion.error.as_ref().unwrap();
    assert_eq!(error.kind, ScriptErrorKind::Cancelled, "{what}");
    assert!(!error.frames.is_empty(), "{what}");
    assert_eq!(completion.logs[0].message, "here", "{what}");
    assert!(completion.usage.operations > 0, "{what}");
}

#[test]
fn a_run_on_this_thread_tells_at_once() {
    on_worker(1, async |rig| {
        for rest in [
            "loop {}",
            "sleep(1000.0)",
            "try { sleep(1000.0) } catch {} loop {}",
            "kv::collection(\"c\").get(\"gate\")",
            "[1, 2].map(|x| sleep(1000.0))",
        ] {
            let run = unlimited(&format!("log::info(\"here\"); {rest}"));
            rig.executor.warm(Arc::clone(&run.script)).await.unwrap();
            let mut run = rig.executor.execute(run);
            assert!(poll_once(&mut run).is_pending(), "{rest}");
            let (tell, mut told) = told();
            run.abandon(tell);
            was_cancelled(&told.try_recv().unwrap(), rest);
            assert_eq!(rig.active(), 0, "{rest}");
        }
    });
}

#[test]
fn a_run_that_has_not_begun_has_nothing_to_tell() {
    on_worker(2, async |rig| {
        let run = unlimited("log::info(\"here\")");
        let compiling = rig.executor.execute(run.clone());
        rig.executor.warm(Arc::clone(&run.script)).await.unwrap();
        let ready = rig.executor.execute(run);
        for run in [compiling, ready] {
            let (tell, mut told) = told();
            run.abandon(tell);
            let completion = told.try_recv().unwrap();
            let error = completion.error.unwrap();
            assert_eq!(error.kind, ScriptErrorKind::Cancelled);
            assert!(completion.logs.is_empty());
        }
    });
}

#[test]
fn a_run_on_another_thread_tells_when_that_has_ended_it() {
    on_worker(2, async |rig| {
        let source = "log::info(\"here\"); kv::collection(\"c\").get(\"gate\"); loop {}";
        let run = rig.executor.submit(unlimited(source));
        let mut arrived = rig.host.arrived.subscribe();
        arrived.wait_for(|count| *count == 1).await.unwrap();
        let (tell, told) = told();
        run.abandon(tell);
        was_cancelled(&told.await.unwrap(), source);
    });
}

#[test]
fn a_run_that_ended_unheard_tells_how() {
    on_worker(2, async |rig| {
        let source = "log::info(\"here\"); throw \"no stock\"";
        let run = rig.executor.submit(unlimited(source));
        while rig.executor.stats().finished == 0 {
            tokio::task::yield_now().await;
        }
        let (tell, told) = told();
        run.abandon(tell);
        let completion = told.await.unwrap();
        assert_eq!(completion.error.unwrap().message, "no stock");
        assert_eq!(completion.logs.len(), 1);
    });
}

#[test]
fn a_stream_tells_how_far_its_script_came() {
    on_worker(1, async |rig| {
        let source = "response::stream(|out| { log::info(\"here\"); loop { out.write(\"x\"); } })";
        let outcome = rig.executor.execute(unlimited(source)).await;
        let ResponseBody::Stream(mut pieces) = outcome.response.unwrap().body else {
            panic!("no stream");
        };
        let first = poll_fn(|cx| pieces.as_mut().poll_next(cx)).await;
        assert!(matches!(first, Some(StreamItem::Chunk(_))));
        let (tell, told) = told();
        pieces.abandon(tell);
        was_cancelled(&told.await.unwrap(), source);
    });
}

#[test]
fn a_run_whose_thread_ends_tells_that_it_was_cancelled() {
    on_worker(2, async |rig| {
        // So that the others go to the other thread.
        let busy = unlimited("sleep(1000.0)");
        rig.executor.warm(Arc::clone(&busy.script)).await.unwrap();
        let mut busy = rig.executor.execute(busy);
        assert!(poll_once(&mut busy).is_pending());
        let source = "log::info(\"here\"); kv::collection(\"c\").get(\"gate\")";
        let run = rig.executor.submit(unlimited(source));
        let mut arrived = rig.host.arrived.subscribe();
        arrived.wait_for(|count| *count == 1).await.unwrap();
        rig.end_others();
        was_cancelled(&run.await.completion, source);
        // Nobody takes it any more.
        let late = rig.executor.submit(unlimited(source)).await.completion;
        assert_eq!(late.error.unwrap().kind, ScriptErrorKind::Cancelled);
    });
}

#[test]
fn what_was_logged_is_told_when_the_script_waits_and_once() {
    on_worker(1, async |rig| {
        for wait in [
            "sleep(1000.0)",
            "loop {}",
            "kv::collection(\"c\").get(\"gate\")",
            "[1].map(|x| sleep(1000.0))",
        ] {
            let run = unlimited(&format!("log::info(\"a\"); print(\"b\"); {wait}"));
            rig.executor.warm(Arc::clone(&run.script)).await.unwrap();
            let mut run = rig.executor.execute(run);
            for _ in 0..3 {
                assert!(poll_once(&mut run).is_pending(), "{wait}");
            }
            let lines = std::mem::take(&mut *rig.host.told.lock().unwrap());
            assert_eq!(lines, ["a", "b"], "{wait}");
            let (tell, mut told) = told();
            run.abandon(tell);
            let completion = told.try_recv().unwrap();
            assert_eq!((completion.logs.len(), completion.told), (2, 2), "{wait}");
        }
        // Who never waits tells all of it at its end.
        let outcome = rig.executor.execute(unlimited("log::info(\"a\")")).await;
        let completion = outcome.completion;
        assert_eq!((completion.logs.len(), completion.told), (1, 0));
    });
}
