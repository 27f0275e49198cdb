//! What scripts print and read as JSON: the platform's own values, and numbers of any size.

use std::sync::Arc;

use bytes::Bytes;
use shared::invocation::{HttpInput, Input, Invocation, TriggerKind};
use shared::seam::Executor as _;

use crate::support::{body, event_of, on_worker, script};

fn request(source: &str, text: &str) -> Box<Invocation> {
    let mut headers = http::HeaderMap::new();
    for (name, value) in [
        ("x-shop", "ada"),
        ("authorization", "Bearer secret"),
        ("cookie", "sid=secret"),
        ("x-api-key", "secret"),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    let mut run = script(source);
    run.trigger = TriggerKind::Http;
    run.input = Some(Input::Http(HttpInput {
        method: http::Method::POST,
        uri: "/orders/7?page=2".parse().unwrap(),
        scheme: "https",
        host: Arc::from("shop.localhost"),
        headers: headers.into(),
        params: vec![("id".to_owned(), "7".to_owned())],
        ip: [127, 0, 0, 1].into(),
        body: Bytes::from(text.to_owned()),
    }));
    run
}

/// The request below, as text.
const SHOWN: &str = "#{\"headers\": #{\"authorization\": \"[redacted]\", \"cookie\": \"[redacted]\", \
    \"x-api-key\": \"[redacted]\", \"x-shop\": \"ada\"}, \"ip\": \"127.0.0.1\", \"method\": \"POST\", \
    \"params\": #{\"id\": \"7\"}, \"query\": #{\"page\": \"2\"}, \"text\": \"{\\\"n\\\":1}\", \
    \"url\": \"https://shop.localhost/orders/7?page=2\"}";

#[test]
fn a_printed_request_is_the_request_without_what_its_sender_signs_in_with() {
    on_worker(1, async |rig| {
        for source in [
            "req.to_string()",
            "`${req}`",
            "req.to_debug()",
            "\"\" + req",
            "fn f(r) { `${r}` } f(req)",
        ] {
            let outcome = rig.executor.execute(request(source, "{\"n\":1}")).await;
            assert_eq!(body(&outcome), SHOWN, "{source}");
        }
        for source in [
            "print(req)",
            "log::info(req)",
            "debug(req)",
            "log::warn(`${req}`)",
        ] {
            let outcome = rig.executor.execute(request(source, "{\"n\":1}")).await;
            assert_eq!(outcome.completion.logs[0].message, SHOWN, "{source}");
        }
        let long = "ä".repeat(5_000);
        let outcome = rig.executor.execute(request("print(req)", &long)).await;
        let line = &outcome.completion.logs[0].message;
        assert!(line.contains("ä…\"") && line.len() < 4_500, "{line}");
        let outcome = rig.executor.execute(request("`${req.headers}`", "")).await;
        assert!(SHOWN.contains(&body(&outcome)), "{}", body(&outcome));
    });
}

#[test]
fn a_printed_event_is_the_event_and_ctx_what_the_run_knows() {
    on_worker(1, async |rig| {
        let fields = "{\"name\":\"orders\",\"message\":{\"n\":[1.5]}}";
        for source in [
            "print(event)",
            "log::info(event)",
            "print(`${event}`)",
            "print(\"\" + event)",
        ] {
            let run = event_of(TriggerKind::Queue, fields, source);
            let outcome = rig.executor.execute(run).await;
            let line = &outcome.completion.logs[0].message;
            for part in [
                "\"kind\": \"queue\"",
                "\"message\": #{\"n\": [1.5]}",
                "\"name\": \"orders\"",
            ] {
                assert!(line.contains(part), "{source}: {line}");
            }
        }
        let outcome = rig.run("`${ctx}`").await;
        assert!(
            body(&outcome).contains("\"app\": \"shop\""),
            "{}",
            body(&outcome)
        );
    });
}

#[test]
fn whole_numbers_of_any_size_are_read() {
    on_worker(1, async |rig| {
        for (source, expected) in [
            (
                "req.json",
                "{\"free\":1.8446744073709552e19,\"name\":\"disk\"}",
            ),
            ("json::parse(req.text).free", "1.8446744073709552e19"),
            ("parse_json(req.text).name", "disk"),
            (
                "json::parse(req.body, #{}).free == 18446744073709551615.0",
                "true",
            ),
            (
                "json::parse(req.text, #{ big: \"text\" }).free",
                "18446744073709551615",
            ),
            (
                "json::parse(req.body, #{ big: \"text\" }).free",
                "18446744073709551615",
            ),
            (
                "json::parse(\"9223372036854775807\")",
                "9223372036854775807",
            ),
            (
                "json::parse(\"9223372036854775808\")",
                "9.223372036854776e18",
            ),
            (
                "json::parse(\"-9223372036854775808\")",
                "-9223372036854775808",
            ),
            (
                "json::parse(\"-9223372036854775809\", #{ big: \"text\" })",
                "-9223372036854775809",
            ),
            (
                "json::parse(\"[1, 99999999999999999999]\", #{ big: \"text\" })",
                "[1,\"99999999999999999999\"]",
            ),
            ("json::parse(\"-0\")", "-0.0"),
            (
                "json::parse(\"[0, -0, -0.0]\").map(|n| type_of(n))",
                "[\"i64\",\"f64\",\"f64\"]",
            ),
            ("json::parse(\"1\" + \"0\".repeat(308)) == 1e308", "true"),
        ] {
            let text = "{\"name\":\"disk\",\"free\":18446744073709551615}";
            let outcome = rig.executor.execute(request(source, text)).await;
            assert_eq!(body(&outcome), expected, "{source}");
        }
    });
}

#[test]
fn numbers_that_fit_nothing_and_wrong_options_are_errors() {
    on_worker(1, async |rig| {
        for (source, told) in [
            (
                "json::parse(\"1\" + \"0\".repeat(400))",
                "too large for a 64-bit float",
            ),
            (
                "json::parse(\"1\", #{ big: \"digits\" })",
                "\"float\" or \"text\", not \"digits\"",
            ),
            ("json::parse(\"1\", #{ big: 1 })", "not integer"),
            (
                "json::parse(\"1\", #{ large: \"text\" })",
                "no option `large`",
            ),
        ] {
            let error = rig.run(source).await.completion.error.unwrap();
            assert!(error.message.contains(told), "{source}: {}", error.message);
        }
    });
}
