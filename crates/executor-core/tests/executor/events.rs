//! `event`, `ctx`, and what becomes of the value of a run that has an event.

use shared::event::Effect;
use shared::invocation::{Invocation, ResponseBody, TriggerKind};
use shared::script_error::{LimitKind, ScriptErrorKind};
use shared::seam::Executor;

use crate::support::{body, event_of, failure, limit, on_worker};

/// A run whose value is seen: as if another script called it.
fn called(fields: &str, source: &str) -> Box<Invocation> {
    event_of(TriggerKind::Invoke, fields, source)
}

#[test]
fn an_event_has_the_common_fields_and_its_own() {
    on_worker(1, async |rig| {
        let fields = r#"{"name":"orders","message":{"total":12.5},"id":"forged","key":null}"#;
        for (source, expected) in [
            ("event.kind", "\"invoke\""),
            ("event.id", "\"evt_07070707070707070707070707070707\""),
            ("event.time", "\"2023-11-14T22:13:20.000Z\""),
            ("event.message.total", "12.5"),
            ("event[\"name\"]", "\"orders\""),
            ("event.missing", "null"),
            ("event.contains(\"key\")", "true"),
            ("event.contains(\"missing\")", "false"),
            (
                "event.keys()",
                "[\"id\",\"kind\",\"time\",\"key\",\"message\",\"name\"]",
            ),
            (
                "event.to_map().id",
                "\"evt_07070707070707070707070707070707\"",
            ),
            ("req", "null"),
        ] {
            let outcome = rig.executor.execute(called(fields, source)).await;
            assert_eq!(body(&outcome), expected, "{source}");
        }
    });
}

#[test]
fn what_is_read_of_an_event_cannot_change_it() {
    on_worker(1, async |rig| {
        let source = "event.message.push(2); event.message.len";
        let outcome = rig
            .executor
            .execute(called("{\"message\":[1]}", source))
            .await;
        assert_eq!(body(&outcome), "1");
        let outcome = rig
            .executor
            .execute(called("{\"message\":[1]}", "event.message = 2;"))
            .await;
        assert_eq!(failure(&outcome), ScriptErrorKind::Compile);
        let copied = "let copy = event; copy.message = 2;";
        let outcome = rig
            .executor
            .execute(called("{\"message\":[1]}", copied))
            .await;
        assert_eq!(failure(&outcome), ScriptErrorKind::Runtime);
    });
}

#[test]
fn handlers_get_the_event() {
    on_worker(1, async |rig| {
        let source = "fn on_order(event) { event.message + ctx().attempt }";
        let mut run = called("{\"message\":41}", source);
        run.handler = Some("on_order".parse().unwrap());
        assert_eq!(body(&rig.executor.execute(run).await), "42");
    });
}

#[test]
fn ctx_tells_where_a_run_stands() {
    on_worker(1, async |rig| {
        let source = "[ctx.trigger, ctx.attempt, ctx.depth, ctx.event_id, ctx.root]";
        let mut run = called("{}", source);
        run.attempt = 3;
        run.cause.depth = 2;
        let root = run.cause.root;
        let expected =
            format!("[\"invoke\",3,2,\"evt_07070707070707070707070707070707\",\"{root}\"]");
        assert_eq!(body(&rig.executor.execute(run).await), expected);
        let outcome = rig
            .run("[ctx.trigger, ctx.attempt, ctx.depth, ctx.event_id, event]")
            .await;
        assert_eq!(body(&outcome), "[\"manual\",1,0,null,null]");
    });
}

#[test]
fn a_called_script_returns_its_value_exactly() {
    on_worker(1, async |rig| {
        for (source, expected) in [
            ("()", "null"),
            ("\"text\"", "\"text\""),
            (
                "#{statusCode: 404, body: \"x\"}",
                "{\"body\":\"x\",\"statusCode\":404}",
            ),
            ("1.0", "1.0"),
        ] {
            let outcome = rig.executor.execute(called("{}", source)).await;
            assert_eq!(body(&outcome), expected, "{source}");
            let head = &outcome.response.unwrap().headers;
            assert_eq!(head["content-type"], "application/json");
        }
        for source in [
            "response::json(1)",
            "response::stream(|out| out.write(\"x\"))",
        ] {
            let outcome = rig.executor.execute(called("{}", source)).await;
            assert_eq!(outcome.completion.error, None);
            assert_eq!(outcome.response.unwrap().status, 204, "it has no value");
        }
    });
}

#[test]
fn the_value_of_an_events_handler_does_not_matter() {
    on_worker(1, async |rig| {
        let sources = [
            "|x| x",
            "response::stream(|out| { loop {} })",
            "#{statusCode: 99}",
            "let a = []; for i in 0..1000 { a = [a]; } a",
            "\"x\".repeat(1000000)",
        ];
        for source in sources {
            let outcome = rig
                .executor
                .execute(event_of(TriggerKind::Queue, "{}", source))
                .await;
            assert_eq!(outcome.completion.error, None, "{source}");
            let response = outcome.response.unwrap();
            assert_eq!(response.status, 204);
            assert!(matches!(response.body, ResponseBody::Full(b) if b.is_empty()));
        }
    });
}

#[test]
fn fields_count_against_the_limits_once() {
    on_worker(1, async |rig| {
        let large = format!("{{\"message\":\"{}\"}}", "x".repeat(200_000));
        let source = "let n = 0; for i in 0..50 { n += event.message.len; } n";
        let mut run = called(&large, source);
        run.limits.memory = 2 << 20;
        assert_eq!(body(&rig.executor.execute(run).await), "10000000");
        let mut run = called(&large, "event.message.len");
        run.limits.memory = 100_000;
        let outcome = rig.executor.execute(run).await;
        assert_eq!(limit(&outcome), LimitKind::Memory);
        let mut run = called(&large, "loop { event.to_map(); }");
        run.limits.operations = 10_000;
        run.limits.cpu = std::time::Duration::from_mins(2);
        run.limits.wall = run.limits.cpu;
        let outcome = rig.executor.execute(run).await;
        assert_eq!(limit(&outcome), LimitKind::Operations);
    });
}

#[test]
fn the_deepest_message_arrives() {
    on_worker(1, async |rig| {
        let deepest = "let a = []; for i in 0..127 { a = [a]; }";
        let source = format!("{deepest} queue::send(\"q\", a); ()");
        assert_eq!(rig.run(&source).await.completion.error, None);
        let text = format!("{}{}", "[".repeat(128), "]".repeat(128));
        let effects = &rig.host.applied()[0].1;
        assert!(matches!(&effects[0], Effect::Send(_, message) if message.body == text));
        let fields = format!("{{\"message\":{text}}}");
        let source = format!("{deepest} event.message == a");
        let outcome = rig.executor.execute(called(&fields, &source)).await;
        assert_eq!(body(&outcome), "true");
    });
}
