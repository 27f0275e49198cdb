//! Runs that other scripts, and the control plane, start.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use orchestrator_core::{Format, ScriptHost};
use shared::allowance::Allowance;
use shared::event::Cause;
use shared::id::{AppId, ExecutionId, RequestId};
use shared::invocation::{HttpInput, Invocation, LogLine, ResponseBody};
use shared::limits::Limits;
use shared::memory::Order;
use shared::seam::{Caller, DirectOutcome, DirectRun, Host, HostAnswer};
use shared::service::invoke::{EndsCaller, InvokeCall, InvokeReply, ScriptCall};
use shared::service::{HostCall, HostError, HostErrorKind, HostReply, Invoke, Service as _};
use tokio::task::JoinHandle;

use crate::records::stored;
use crate::server::{Server, all_to_main};

struct NoServices;

impl Host for NoServices {
    fn call(&self, _: Caller, call: HostCall) -> HostAnswer {
        HostAnswer::Ready(Err(HostError::internal(call.service())))
    }

    fn logged(&self, _: &Invocation, _before: usize, _lines: &[LogLine]) {}
}

fn host(server: &Server) -> Arc<ScriptHost> {
    let host = ScriptHost::new(Arc::new(NoServices));
    server.orchestrator.connect(&host);
    host
}

/// The default limits, and so much time left.
fn allowance(left: Duration) -> Allowance {
    let limits = Limits::default();
    let left = Limits {
        wall: left,
        ..limits
    };
    Allowance::new(&left, &limits, &"caller".parse().unwrap())
}

/// `invoke::call("main", ())` of some script with so much time left.
fn call(server: &Server, app: AppId, left: Duration) -> HostAnswer {
    let execution = ExecutionId::from_bytes([7; 16]);
    let caller = Caller {
        app,
        execution,
        cause: Cause::first(execution),
        memory: Limits::default().memory,
        cpu: Limits::default().cpu,
        order: Order::Request,
    };
    let call = ScriptCall {
        script: "main".parse().unwrap(),
        args: Bytes::from_static(b"null"),
        allowance: allowance(left),
    };
    host(server).call(caller, Invoke::wrap(InvokeCall::Call(Box::new(call))))
}

fn answer(server: &Server, app: AppId) -> InvokeReply {
    match call(server, app, Duration::from_mins(1)) {
        HostAnswer::Pending(answer) => match server.runtime.block_on(answer).answer {
            Ok(HostReply::Invoke(reply)) => reply,
            other => panic!("{other:?}"),
        },
        HostAnswer::Ready(answer) => panic!("{answer:?}"),
    }
}

#[test]
fn the_records_of_called_scripts_are_bounded_and_all_are_counted() {
    let server = Server::start();
    let app = server.shop("text 1");
    for _ in 0..4_000 {
        let reply = answer(&server, app);
        assert!(matches!(reply, InvokeReply::Returned { .. }), "{reply:?}");
    }
    assert_eq!(stored(&server, app).len(), 1_000);
    let text = server.orchestrator.metrics().text(Format::OpenMetrics);
    let counted = "picloud_executions_total{app=\"shop\",script=\"main\",trigger=\"invoke\",\
                   outcome=\"ok\"} 4000";
    assert!(text.contains(counted), "{text}");
    assert!(text.contains("picloud_execution_records_skipped_total 3000"));
    answer(&server, app);
    assert_eq!(stored(&server, app).len(), 1_001, "a new window");
}

#[test]
fn failed_ones_have_a_bound_of_their_own() {
    let server = Server::start();
    let app = server.shop("fail");
    for _ in 0..2_100 {
        let reply = answer(&server, app);
        assert!(matches!(reply, InvokeReply::Failed { .. }), "{reply:?}");
    }
    assert_eq!(stored(&server, app).len(), 2_000);
}

/// How a script ended is what its caller is told, by the name its record has for it.
#[test]
fn a_caller_is_told_how_its_callee_ended() {
    for (how, kind, ends) in [
        ("thrown", HostErrorKind::Thrown, None),
        ("public", HostErrorKind::Thrown, None),
        ("runtime", HostErrorKind::Runtime, None),
        ("compile", HostErrorKind::Compile, None),
        ("host", HostErrorKind::Host, None),
        ("wall", HostErrorKind::Limit, None),
        ("memory", HostErrorKind::Limit, None),
        ("overloaded", HostErrorKind::Overloaded, None),
        ("suspended", HostErrorKind::Suspended, None),
        ("internal", HostErrorKind::Internal, None),
        (
            "cancelled",
            HostErrorKind::Unavailable,
            Some(EndsCaller::Cancelled),
        ),
    ] {
        let server = Server::start();
        let app = server.shop(&format!("fail {how}"));
        let InvokeReply::Failed {
            error, ends_caller, ..
        } = answer(&server, app)
        else {
            panic!("{how} is no failure");
        };
        assert_eq!((error.kind, ends_caller), (kind, ends), "{how}");
        assert!(
            error.message.starts_with("script `main` failed: "),
            "{error}"
        );
        let outcome = stored(&server, app).remove(0).outcome;
        if ends.is_none() {
            assert_eq!(error.kind.as_str(), outcome, "one word for one thing");
        }
    }
}

/// Gives a call up when its script has begun.
fn given_up(left: Duration) -> (String, Option<String>) {
    let server = Server::start();
    let app = server.shop("hang");
    let HostAnswer::Pending(answer) = call(&server, app, left) else {
        panic!("it does not wait");
    };
    let waiting = server.runtime.spawn(answer);
    server.started();
    waiting.abort();
    let permit = server.runtime.block_on(server.fake.cancelled.acquire());
    permit.unwrap().forget();
    assert!(server.runtime.block_on(waiting).is_err());
    let mut rows = stored(&server, app);
    assert_eq!(rows.len(), 1);
    let row = rows.remove(0);
    (row.outcome, row.error)
}

#[test]
fn a_call_that_is_given_up_is_recorded_with_the_reason() {
    let (outcome, _) = given_up(Duration::from_mins(10));
    assert_eq!(outcome, "cancelled");
    let (outcome, error) = given_up(Duration::ZERO);
    assert_eq!(outcome, "limit");
    let error = error.unwrap();
    assert!(
        error.contains("`caller` has 10s of elapsed time"),
        "{error}"
    );
}

fn direct(app: AppId, draft: Option<&str>) -> DirectRun {
    DirectRun {
        app,
        script: "main".parse().unwrap(),
        draft: draft.map(Into::into),
        handler: None,
        request: RequestId::from_bytes([9; 16]),
        http: HttpInput {
            method: http::Method::GET,
            uri: "/here?secret=1".parse().unwrap(),
            scheme: "http",
            host: "shop.localhost".into(),
            headers: shared::invocation::ScriptHeaders::default(),
            params: Vec::new(),
            ip: [127, 0, 0, 1].into(),
            body: Bytes::new(),
        },
    }
}

type Ran = Result<DirectOutcome, shared::error::Error>;

fn begin(server: &Server, run: DirectRun) -> JoinHandle<Ran> {
    let run = server.orchestrator.runner().run(run);
    server.runtime.spawn(run)
}

fn run(server: &Server, run: DirectRun) -> Ran {
    let running = begin(server, run);
    let ran = server.runtime.block_on(running);
    ran.unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn direct_runs_are_recorded_within_the_bounds() {
    let server = Server::start();
    let app = server.shop("text served");
    run(&server, direct(app, None)).unwrap();
    run(&server, direct(app, Some("fail public"))).unwrap();
    let rows = stored(&server, app);
    let seen = rows.iter().map(|row| {
        let target = row.target.as_deref();
        (
            &*row.trigger,
            &*row.outcome,
            row.status,
            row.version,
            target,
        )
    });
    let mut seen: Vec<_> = seen.collect();
    // Two that began within a millisecond have no order.
    seen.sort_unstable();
    let target = Some("GET /here");
    let expected = [
        ("manual", "ok", Some(200), 1, target),
        ("manual", "thrown", Some(404), 0, target),
    ];
    assert_eq!(seen, expected);
    assert_eq!(rows[0].request, RequestId::from_bytes([9; 16]));
    for _ in 0..1_100 {
        run(&server, direct(app, Some("text draft"))).unwrap();
    }
    assert_eq!(stored(&server, app).len(), 2 + 1_000);
}

#[test]
fn a_direct_run_needs_a_script_and_a_place() {
    let server = Server::start();
    let app = server.app("shop", false);
    let code = |run: Ran| run.map(|ran| ran.execution).unwrap_err().code;
    assert_eq!(code(run(&server, direct(app, None))), "not_found");
    run(&server, direct(app, Some("text draft"))).unwrap();
    server.deploy(app, &[("main", "hang")], &all_to_main());
    let hanging: Vec<_> = (0..64).map(|_| begin(&server, direct(app, None))).collect();
    for _ in &hanging {
        server.started();
    }
    assert_eq!(code(run(&server, direct(app, None))), "busy");
    server.fake.release.add_permits(64);
    for run in hanging {
        server.runtime.block_on(run).unwrap().unwrap();
    }
    run(&server, direct(app, Some("text draft"))).unwrap();
    server.change(move |change| store::apps::delete(change, app));
    assert_eq!(code(run(&server, direct(app, None))), "not_found");
}

#[test]
fn a_direct_run_that_nobody_waits_for_is_recorded_as_cancelled() {
    let server = Server::start();
    let app = server.shop("hang");
    let waiting = begin(&server, direct(app, None));
    server.started();
    waiting.abort();
    assert!(server.runtime.block_on(waiting).is_err());
    let ran = run(&server, direct(app, Some("stream"))).unwrap();
    let body = ran.outcome.response.unwrap().body;
    assert!(matches!(body, ResponseBody::Stream(_)));
    assert_eq!(stored(&server, app).len(), 1, "it streams still");
    drop(body);
    let rows = stored(&server, app);
    let outcomes: Vec<&str> = rows.iter().map(|row| &*row.outcome).collect();
    assert_eq!(outcomes, ["cancelled", "cancelled"]);
}
