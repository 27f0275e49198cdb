//! What a script catches when a service fails, through the whole platform.

use serde_json::{Value, json};

use crate::support::{APP, deploy, setup, started};

const CALLEE: &str = r#"throw #{ status: 404, message: "no such order" };"#;

/// Every line is something that a service refuses.
const CALLER: &str = r#"
let seen = [];
let c = kv::collection("c");
c.set("text", "not a number");
c.set("number", 9223372036854775807);
c.set("object", #{ a: 1 });
let steps = [
    || invoke::call("callee", ()),
    || invoke::call("nobody", ()),
    || c.incr("text"), || c.min("text", 1), || c.max("text", 1), || c.incr("number", 1),
    || c.append("text", 1), || c.append("object", 1),
    || tx::run(|| c.incr("text")), || tx::run(|| c.append("number", 1)),
    || retry::run(#{ attempts: 2, backoff: 0 }, || c.incr("text")),
    || c.set("large", "x".repeat(1048575)),
    || dead_letters::replay("ded_1"),
];
for step in steps {
    try { step.call(); seen.push("nothing"); }
    catch (e) {
        log::warn(`caught: ${e}`, #{ error: e });
        seen.push([e.message, `${e}`, "" + e, e.to_string(), e.kind, e.service, e.line > 0]);
    }
}
seen
"#;

/// A part of the message, the kind, and the service; empty: none.
type Expected = (&'static str, &'static str, &'static str);

const NO_INTEGER: Expected = (
    "`text` does not hold an integer; nothing was changed",
    "conflict",
    "kv",
);
const EXPECTED: [Expected; 13] = [
    (
        "script `callee` failed at callee:1:1: no such order",
        "thrown",
        "invoke",
    ),
    ("the app has no script `nobody`", "not_found", "invoke"),
    NO_INTEGER,
    NO_INTEGER,
    NO_INTEGER,
    (
        "leaves the range of 64-bit integers; nothing was changed",
        "conflict",
        "kv",
    ),
    (
        "`text` does not hold an array; nothing was changed",
        "conflict",
        "kv",
    ),
    (
        "`object` does not hold an array; nothing was changed",
        "conflict",
        "kv",
    ),
    NO_INTEGER,
    (
        "`number` does not hold an array; nothing was changed",
        "conflict",
        "kv",
    ),
    NO_INTEGER,
    ("larger than 1048576 bytes", "invalid", ""),
    ("ded_", "invalid", ""),
];

#[test]
fn the_error_of_every_service_has_a_text_a_kind_and_a_place() {
    let server = started(setup());
    deploy(&server, &[("callee", CALLEE), ("caller", CALLER)]);
    let seen = server.get("/caller").json();
    let seen = seen.as_array().unwrap();
    assert_eq!(seen.len(), EXPECTED.len(), "{seen:?}");
    for (found, (message, kind, service)) in seen.iter().zip(EXPECTED) {
        let text = found[0].as_str().unwrap_or_default();
        let service = if service.is_empty() {
            Value::Null
        } else {
            json!(service)
        };
        assert!(text.contains(message), "{found}");
        assert_eq!([&found[1], &found[2], &found[3]], [&found[0]; 3], "{found}");
        assert_eq!((&found[4], &found[5]), (&json!(kind), &service), "{found}");
        assert_eq!(found[6], true, "{found}");
    }
    let text = test_support::send("GET", server.metrics(), &[], "")
        .unwrap()
        .text();
    assert!(
        text.contains(r#"picloud_host_call_errors_total{service="kv",kind="conflict"}"#),
        "{text}"
    );
}

/// What an uncaught failure of a service leaves in the record, and what it does not tell the client.
#[test]
fn the_record_names_the_place_and_the_client_learns_nothing() {
    let server = started(setup());
    let source = "fn work() {\n    kv::collection(\"c\").append(\"k\", 1)\n}\nkv::collection(\"c\").set(\"k\", 1);\nwork()";
    let again = "try {\n    json::parse(\"{\")\n} catch (e) { throw e; }";
    deploy(&server, &[("append", source), ("again", again)]);
    for (path, kind, line, function) in [
        ("/append", "host", 2, "work"),
        ("/again", "runtime", 2, "main"),
    ] {
        let reply = server.get(path);
        assert_eq!(reply.status, 500);
        assert!(
            !reply.text().contains("nothing was changed"),
            "{}",
            reply.text()
        );
        let record = last_record(&server, &path[1..]);
        let error = &record["error"];
        assert_eq!(error["kind"], kind, "{record}");
        assert_eq!(error["frames"][0]["line"], line, "{record}");
        assert_eq!(error["frames"][0]["function"], function, "{record}");
        assert!(
            error["frames"][0]["column"].as_u64().unwrap() > 0,
            "{record}"
        );
        assert!(error["excerpt"].as_str().unwrap().contains('^'), "{record}");
    }
}

/// A callee, and what its caller catches: the kind, the beginning of the message, a part of it.
const CALLEES: [(&str, &str, &str, &str, &str); 7] = [
    (
        "throws",
        "\nthrow \"boom\"",
        "thrown",
        "script `throws` failed at throws:2:1: ",
        "boom",
    ),
    (
        "throws-map",
        "fn f() { throw #{ message: \"m\" } }\nf()",
        "thrown",
        "script `throws-map` failed at throws-map:1:10: ",
        "m",
    ),
    (
        "divides",
        "let a = 0;\n1 / a",
        "runtime",
        "script `divides` failed at divides:2:3: ",
        "zero",
    ),
    (
        "misuses",
        "json::parse(\"{\")",
        "runtime",
        "script `misuses` failed at misuses:1:",
        "JSON",
    ),
    (
        "conflicts",
        "let c = kv::collection(\"c\"); c.set(\"k\", \"t\");\nc.incr(\"k\")",
        "host",
        "script `conflicts` failed at conflicts:2:3: ",
        "integer",
    ),
    (
        "in-a-module",
        "import \"lib\" as lib;\nlib::fails()",
        "thrown",
        "script `in-a-module` failed at lib:2:14: ",
        "deep",
    ),
    (
        "nobody",
        "",
        "not_found",
        "the app has no script `nobody`",
        "pic scripts ls",
    ),
];

/// However a script ends that was called: its caller is told how and where, in the words that its
/// record has.
#[test]
fn a_caller_catches_how_and_where_its_callee_failed() {
    let server = started(setup());
    let caller = "let told = ();\ntry { invoke::call(req.query.name, ()); }\ncatch (e) { told = [e.kind, e.message, e.service, e.script, e.line]; }\ntold";
    let scripts = CALLEES.iter().filter(|(_, source, ..)| !source.is_empty());
    let limits = json!({ "operations": 100_000 });
    let mut all: serde_json::Map<_, _> = scripts
        .map(|(name, source, ..)| {
            let script = json!({ "source": source, "limits": limits });
            ((*name).to_owned(), script)
        })
        .collect();
    all.insert("caller".to_owned(), json!({ "source": caller }));
    let module = "\nfn fails() { throw \"deep\" }";
    let body = json!({ "scripts": all, "modules": { "lib": { "source": module } } });
    let path = format!("/apps/{APP}/releases");
    server.api("POST", &path, &body).expect(201);
    for (name, source, kind, begins, contains) in CALLEES {
        let caught = server
            .get(&format!("/caller?name={name}"))
            .expect(200)
            .json();
        let message = caught[1].as_str().unwrap_or_default();
        assert_eq!(caught[0], kind, "{caught}");
        assert!(
            message.starts_with(begins) && message.contains(contains),
            "{caught}"
        );
        // The place of the error is the caller's own, in its own file.
        assert_eq!(caught[2], "invoke", "{caught}");
        assert!(
            caught[3].as_str().unwrap().starts_with("caller"),
            "{caught}"
        );
        assert_eq!(caught[4], 2, "{caught}");
        if !source.is_empty() && !matches!(kind, "invalid") {
            assert_eq!(last_record(&server, name)["execution"]["outcome"], kind);
        }
    }
}

fn last_record(server: &test_support::Server, script: &str) -> Value {
    // Records are stored within about a second.
    loop {
        let page = server
            .api("GET", &format!("/apps/{APP}/executions"), &Value::Null)
            .json();
        let items = page["items"].as_array().cloned().unwrap_or_default();
        if let Some(found) = items.iter().find(|item| item["script"] == script) {
            let id = found["id"].as_str().unwrap();
            let path = format!("/apps/{APP}/executions/{id}");
            return server.api("GET", &path, &Value::Null).json();
        }
    }
}
