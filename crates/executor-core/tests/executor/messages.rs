//! `queue`, `pubsub`, `invoke`, `dead_letters`, `retry`: what reaches the platform, and what does
//! not.

use std::sync::Arc;

use shared::event::{Effect, Message};
use shared::script_error::{LimitKind, ScriptErrorKind};
use shared::seam::Executor;
use shared::service::HostCall;
use shared::service::dead_letters::DeadLettersCall;

use crate::support::{body, failure, limit, limited, on_worker, unlimited};

fn message(effect: &Effect) -> &Message {
    match effect {
        Effect::Send(_, it) | Effect::Publish(_, it) | Effect::Invoke(_, it) => it,
        Effect::Kv(call) => panic!("{call:?}"),
    }
}

#[test]
fn a_message_is_sent_with_its_options_and_its_id_is_returned() {
    on_worker(1, async |rig| {
        let source = "[queue::send(\"orders\", #{total: 5}),
            queue::send(\"orders\", 1, #{key: \"ada\", delay: \"10s\", idempotency_key: \"k1\"}),
            pubsub::publish(\"shop.opened\", ()),
            pubsub::publish(\"shop.opened\", 2, #{delay: 3, idempotency_key: \"k2\"}),
            invoke::later(\"report\", [1]),
            invoke::later(\"report\", [2], #{delay: \"1h\"})]";
        let outcome = rig.run(source).await;
        let applied = rig.host.applied();
        assert_eq!(applied.len(), 6, "one call each");
        let effects: Vec<&Effect> = applied.iter().map(|(_, effects)| &effects[0]).collect();
        let ids: Vec<String> = effects
            .iter()
            .map(|effect| format!("\"{}\"", message(effect).id))
            .collect();
        assert_eq!(body(&outcome), format!("[{}]", ids.join(",")));
        assert!(applied.iter().all(|(reads, _)| reads.is_empty()));
        assert!(matches!(effects[0], Effect::Send(queue, m)
            if queue.as_str() == "orders" && m.body == "{\"total\":5}" && m.delay_ms == 0));
        let second = message(effects[1]);
        assert_eq!(second.key.as_deref(), Some("ada"));
        assert_eq!(second.idempotency_key.as_deref(), Some("k1"));
        assert_eq!(second.delay_ms, 10_000);
        assert!(matches!(effects[2], Effect::Publish(topic, m)
            if topic.as_str() == "shop.opened" && m.body == "null"));
        assert_eq!(message(effects[3]).delay_ms, 3_000);
        assert!(matches!(effects[4], Effect::Invoke(script, m)
            if script.as_str() == "report" && m.body == "[1]"));
        assert_eq!(message(effects[5]).delay_ms, 3_600_000);
        assert_eq!(rig.executor.stats().leaked_bytes, 0);
    });
}

#[test]
fn many_messages_are_one_call() {
    on_worker(1, async |rig| {
        let source = "let ids = queue::send_many(\"q\", [1, \"two\", [3]]);
            [ids.len, ids.unique().len, queue::send_many(\"q\", [])]";
        assert_eq!(body(&rig.run(source).await), "[3,3,[]]");
        let applied = rig.host.applied();
        assert_eq!(applied.len(), 1);
        let bodies: Vec<_> = applied[0]
            .1
            .iter()
            .map(|e| message(e).body.clone())
            .collect();
        assert_eq!(bodies, ["1", "\"two\"", "[3]"]);
    });
}

#[test]
fn wrong_use_is_an_error_that_says_what_to_do() {
    on_worker(1, async |rig| {
        for (source, expected) in [
            (
                "queue::send(\"q\", 1, #{priority: 1})",
                "there are key, delay, idempotency_key, unique_for and attempts",
            ),
            (
                "pubsub::publish(\"t\", 1, #{key: \"a\"})",
                "there are delay, idempotency_key and unique_for",
            ),
            ("queue::send(\"q\", 1, #{delay: -1})", "not negative"),
            ("queue::send(\"q\", 1, #{delay: \"500d\"})", "365 days"),
            ("queue::send(\"q\", 1, #{key: ()})", "1 to 256 bytes"),
            ("queue::send(\"q\", 1, #{key: \"\"})", "1 to 256 bytes"),
            (
                "queue::send(\"q\", 1, #{idempotency_key: \"a\".repeat(257)})",
                "1 to 256 bytes",
            ),
            ("queue::send(\"\", 1)", "is not a valid"),
            ("invoke::later(\"No Name\", 1)", "not a valid script name"),
            ("queue::send(\"q\", |x| x)", "a function"),
            ("queue::send(\"q\", 0.0 / 0.0)", "NaN"),
            (
                "queue::send(\"q\", \"x\".repeat(262145))",
                "larger than 262144 bytes",
            ),
            (
                "let a = []; for i in 0..200 { a = [a]; } queue::send(\"q\", a)",
                "deeper than 128",
            ),
            (
                "let a = []; a.pad(1001, 1); queue::send_many(\"q\", a)",
                "at most 1000",
            ),
            (
                "let a = []; a.pad(40, \"x\".repeat(250000)); queue::send_many(\"q\", a)",
                "8 MiB",
            ),
            ("dead_letters::list(#{limit: 101})", "1 to 100"),
            ("dead_letters::list(#{limits: 1})", "there is limit"),
            ("dead_letters::replay(\"ded_1\")", "ded_"),
            ("retry::run(#{attempts: 0}, || 1)", "1 to 100"),
            ("retry::run(#{tries: 3}, || 1)", "attempts and backoff"),
        ] {
            let outcome = rig.executor.execute(unlimited(source)).await;
            let error = outcome.completion.error.expect(source);
            assert!(error.message.contains(expected), "{source}: {error:?}");
        }
        assert!(rig.host.calls.lock().unwrap().is_empty());
        assert_eq!(rig.executor.stats().leaked_bytes, 0);
    });
}

#[test]
fn sending_forever_ends_at_the_limit_of_host_calls() {
    on_worker(1, async |rig| {
        let source = "for i in 0..10000 { try { queue::send(\"q\", i); } catch {} }";
        let run = limited(source, |limits| limits.host_calls = 1_000);
        let outcome = rig.executor.execute(run).await;
        assert_eq!(limit(&outcome), LimitKind::HostCalls);
        assert_eq!(rig.host.applied().len(), 1_000);
    });
}

#[test]
fn messages_that_are_refused_earn_no_memory() {
    on_worker(1, async |rig| {
        let source = "let a = []; a.pad(30, \"x\".repeat(250000)); a.push(|x| x);
            for i in 0..5 { try { queue::send_many(\"q\", a); } catch {} }
            let kept = []; loop { kept.push(blob(100000)); }";
        let run = limited(source, |limits| limits.memory = 16 << 20);
        let outcome = rig.executor.execute(run).await;
        assert_eq!(limit(&outcome), LimitKind::Memory);
        assert!(outcome.completion.usage.memory_peak < 20 << 20);
    });
}

#[test]
fn the_depth_of_a_queue_is_a_number() {
    on_worker(1, async |rig| {
        assert_eq!(body(&rig.run("queue::depth(\"q\") + 1").await), "4");
    });
}

#[test]
fn a_called_script_gives_its_value_back() {
    on_worker(1, async |rig| {
        let source = "let v = invoke::call(\"echo\", #{a: [1, 2.5, \"x\", ()]}); [v.a[3] == (), v]";
        assert_eq!(
            body(&rig.run(source).await),
            "[true,{\"a\":[1,2.5,\"x\",null]}]"
        );
        assert_eq!(rig.executor.stats().leaked_bytes, 0);
    });
}

#[test]
fn scripts_that_call_each_other_without_end_are_ended_by_the_platform() {
    on_worker(1, async |rig| {
        let source = "if event == () || event.args < 100 {
                invoke::call(\"self\", if event == () { 1 } else { event.args + 1 })
            } else { 0 }";
        let called = (Arc::downgrade(&rig.executor), source.to_owned());
        rig.host.called.set(called).unwrap();
        let outcome = rig.executor.execute(unlimited(source)).await;
        assert_eq!(failure(&outcome), ScriptErrorKind::Host);
        assert!(
            outcome
                .completion
                .error
                .unwrap()
                .message
                .contains("too deep")
        );
        assert_eq!(rig.host.calls.lock().unwrap().len(), 9);
        rig.settle().await;
        let count = "invoke::call(\"self\", 99)";
        assert_eq!(body(&rig.run(count).await), "0");
    });
}

#[test]
fn dead_letters_are_listed_replayed_and_discarded() {
    on_worker(1, async |rig| {
        let id = "ded_00000000000000000000000000000001";
        let source = format!(
            "[dead_letters::list()[0].attempts, dead_letters::list(#{{limit: 5}})[0].attempts,
            dead_letters::replay(\"{id}\"), dead_letters::replay(\"{id}\", #{{message: 1}}),
            dead_letters::discard(\"{id}\")]"
        );
        assert_eq!(body(&rig.run(&source).await), "[20,5,true,true,true]");
        let calls = rig.host.calls.lock().unwrap();
        assert!(
            matches!(&calls[2], HostCall::DeadLetters(DeadLettersCall::Replay { id: given, payload: None })
            if given.to_string() == id)
        );
        assert!(
            matches!(&calls[3], HostCall::DeadLetters(DeadLettersCall::Replay { payload: Some(fields), .. })
            if fields == "{\"message\":1}")
        );
    });
}

#[test]
fn retry_runs_again_after_an_error_and_throws_the_last() {
    on_worker(1, async |rig| {
        let source = "let n = 0;
            let v = retry::run(#{backoff: \"1ms\"}, || { n += 1; if n < 3 { throw n; } n });
            [n, v]";
        assert_eq!(body(&rig.run(source).await), "[3,3]");
        let source = "let n = 0; let e = ();
            try { retry::run(#{attempts: 2, backoff: \"1ms\"}, || { n += 1; throw n; }); }
            catch (error) { e = error; } [n, e]";
        assert_eq!(body(&rig.run(source).await), "[2,2]");
        let source = "retry::run(#{attempts: 100, backoff: \"1ms\"}, || { loop {} })";
        let run = limited(source, |limits| limits.operations = 1_000);
        let outcome = rig.executor.execute(run).await;
        assert_eq!(limit(&outcome), LimitKind::Operations);
        assert_eq!(outcome.completion.usage.host_calls, 0, "it did not wait");
        let source = "fn deep(n) { deep(n + 1) } retry::run(|| deep(0))";
        let outcome = rig.executor.execute(unlimited(source)).await;
        assert_eq!(limit(&outcome), LimitKind::CallDepth);
        assert_eq!(outcome.completion.usage.host_calls, 0, "it did not wait");
    });
}
