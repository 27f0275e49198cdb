//! `/metrics` as a collector sees it.

use serde_json::Value;
use test_support::exposition::findings;
use test_support::{Reply, Server, send};

use super::support::{APP, deploy, setup, started, with_a_queue};

const OPEN: &str = "application/openmetrics-text; version=1.0.0";

fn asked(server: &Server, accept: &str) -> Reply {
    send("GET", server.metrics(), &[("accept", accept)], "").unwrap()
}

#[test]
fn both_formats_are_right_and_each_is_sent_to_who_asks_for_it() {
    let server = with_a_queue(setup(), "\"fine\"");
    server.get("/send?n=1").expect(200);
    server.get("/pure").expect(200);
    server.get("/nothing").expect(404);
    server.api("GET", "/apps", &Value::Null).expect(200);
    let open = asked(&server, OPEN);
    assert_eq!(findings(&open.text(), true), Vec::<String>::new());
    assert!(open.header("content-type").unwrap().starts_with(OPEN));
    for accept in ["text/plain; version=0.0.4", "*/*", "text/html"] {
        let classic = asked(&server, accept);
        assert_eq!(findings(&classic.text(), false), Vec::<String>::new());
        let kind = classic.header("content-type").unwrap();
        assert!(
            kind.starts_with("text/plain; version=0.0.4"),
            "{accept}: {kind}"
        );
    }
    let text = asked(&server, "*/*").text();
    for part in [
        "# TYPE picloud_store_statements_total counter",
        "# TYPE picloud_store_commits_total counter",
        "# TYPE picloud_scripts_limited_total counter",
        "# TYPE picloud_scripts_leaked_bytes_total counter",
        "# TYPE picloud_scripts_panicked_total counter",
        "picloud_build_info{version=",
        "picloud_http_platform_answers_total{status=\"404\"} 1",
        "\nprocess_cpu_seconds_total ",
        "\nprocess_resident_memory_bytes ",
        "\nprocess_open_fds ",
        "\nprocess_max_fds ",
        "\nprocess_start_time_seconds ",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn metrics_are_read_and_not_written() {
    let server = setup().start();
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let reply = send(method, server.metrics(), &[], "").unwrap();
        assert_eq!(reply.status, 405, "{method}");
        assert_eq!(reply.header("allow"), Some("GET, HEAD"));
    }
    let head = send("HEAD", server.metrics(), &[], "").unwrap();
    assert_eq!((head.status, head.text()), (200, String::new()));
}

#[test]
fn series_end_with_their_app_and_follow_its_name() {
    let server = started(setup());
    deploy(&server, &[("x", "1")]);
    server.get("/x").expect(200);
    let shown = |app: &str| {
        let series = format!("picloud_http_requests_total{{app=\"{app}\"");
        asked(&server, "*/*").text().contains(&series)
    };
    assert!(shown(APP));
    let path = format!("/apps/{APP}");
    let renamed = serde_json::json!({ "name": "store" });
    server.api("PATCH", &path, &renamed).expect(200);
    server.get("/x").expect(200);
    assert!(shown("store") && !shown(APP));
    server
        .api("DELETE", "/apps/store", &Value::Null)
        .expect(204);
    assert!(!shown("store"));
}

#[test]
fn a_script_that_was_called_and_failed_is_a_failure_to_its_caller() {
    let server = started(setup());
    let caller = |callee: &str| {
        format!(
            "let got = (); try {{ got = invoke::call({callee:?}, ()); }} catch (e) {{ got = e.kind; }} got"
        )
    };
    let scripts = [
        ("throws", "throw \"no\""),
        ("fine", "1"),
        ("to-throws", &caller("throws")),
        ("to-fine", &caller("fine")),
        ("to-nobody", &caller("nobody")),
    ];
    deploy(&server, &scripts);
    for (path, answer) in [
        ("/to-throws", "thrown"),
        ("/to-throws", "thrown"),
        ("/to-nobody", "not_found"),
        ("/to-fine", "1"),
    ] {
        assert_eq!(server.get(path).expect(200).text(), answer);
    }
    let text = asked(&server, "*/*").text();
    for line in [
        "picloud_host_calls_total{service=\"invoke\",access=\"write\"} 4",
        "picloud_host_call_errors_total{service=\"invoke\",kind=\"thrown\"} 2",
        "picloud_host_call_errors_total{service=\"invoke\",kind=\"not_found\"} 1",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}
