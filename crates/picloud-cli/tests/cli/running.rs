//! Calls, runs and logs.

use crate::support::{PATIENCE, Person, server};

#[test]
fn a_call_hands_over_method_query_headers_and_body() {
    let server = server();
    let person = Person::of(&server);
    let source =
        "`${req.method} ${req.query.a ?? \"\"} ${req.headers[\"x-kind\"] ?? \"\"} ${req.text}`";
    person.pipe(source, &["deploy", "echo", "-"]).expect(0);
    person.write("body.txt", "from a file");
    for (args, answer) in [
        (&["--query", "a=1"][..], "GET 1  "),
        (&["-d", "text"], "POST   text"),
        (
            &["-X", "put", "-d", "@body.txt", "-H", "X-Kind: k"],
            "PUT  k from a file",
        ),
        (&["-d", "@-"], "POST   piped"),
    ] {
        let done = person
            .pipe("piped", &[&["invoke", "echo"], args].concat())
            .expect(0);
        assert_eq!(done.stdout, answer, "{args:?}");
    }
    person
        .pic(&["invoke", "echo", "-i"])
        .expect(0)
        .says("content-type");
    let source = "`${req.path} ${req.params.id} ${req.query.a}`";
    person.write("draft.rhai", source);
    let args = [
        "run",
        "draft.rhai",
        "--path",
        "/x",
        "--param",
        "id=7",
        "--query",
        "a=1",
    ];
    assert_eq!(person.pic(&args).expect(0).stdout, "/x 7 1");
}

#[test]
fn a_body_of_bytes_arrives_as_it_is() {
    let server = server();
    let person = Person::of(&server);
    person
        .pipe(
            "response::blob(base64::decode(\"/wD+\"))",
            &["deploy", "x", "-"],
        )
        .expect(0);
    let done = person.shell("pic invoke x | od -An -tx1").expect(0);
    assert_eq!(done.stdout.trim(), "ff 00 fe");
}

#[test]
fn a_draft_and_what_is_live_give_and_take_the_same_bytes() {
    let server = server();
    let person = Person::of(&server);
    person.write("echo.rhai", "req.body");
    person.write("all", (0..=255).collect::<Vec<u8>>());
    person.pic(&["deploy", "echo.rhai"]).expect(0);
    for (input, bytes) in [("@all", 256), ("text", 4)] {
        for command in ["invoke echo", "run echo.rhai"] {
            let counted = format!("pic {command} -d {input} > out; wc -c < out");
            let counted = person.shell(&counted).expect(0).stdout;
            assert_eq!(counted.trim(), bytes.to_string(), "{command} {input}");
        }
    }
    person
        .shell("pic invoke echo -d @all | cmp - all")
        .expect(0);
    person
        .shell("pic run echo.rhai -d @all | cmp - all")
        .expect(0);
    let called = person
        .pic(&["invoke", "echo", "-d", "@all", "--json"])
        .expect(0)
        .json();
    let run = person
        .pic(&["run", "echo.rhai", "-d", "@all", "--json"])
        .expect(0)
        .json();
    assert_eq!(called["body_base64"], run["response"]["body_base64"]);
}

#[test]
fn logs_are_followed_and_found_again() {
    let server = server();
    let person = Person::of(&server);
    let source = "log::warn(\"seen \" + req.query.n, #{ n: 1 }); log::info(\"quiet\"); 1";
    person.pipe(source, &["deploy", "x", "-"]).expect(0);
    let mut tail = person.start(&["logs", "-f", "--level", "warn"]);
    tail.line("following");
    server.get("/x?n=first").expect(200);
    let line = tail.line("seen first");
    assert!(line.contains("warn") && line.contains("x:"), "{line}");
    assert!(!tail.seen().contains("quiet"));
    // The history has it as soon as it is stored.
    let until = std::time::Instant::now() + PATIENCE;
    while !person
        .pic(&["logs", "x", "--grep", "first"])
        .expect(0)
        .stdout
        .contains("seen first")
    {
        assert!(
            std::time::Instant::now() < until,
            "the line was never stored"
        );
    }
    let lines = person
        .pic(&["logs", "--json", "--since", "1h"])
        .expect(0)
        .stdout;
    for line in lines.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    let runs = person
        .pic(&["executions", "ls", "x", "--json"])
        .expect(0)
        .json();
    let id = runs["items"][0]["id"].as_str().unwrap();
    person
        .pic(&["executions", "show", id])
        .expect(0)
        .says("seen first");
}

#[test]
fn a_log_is_followed_across_a_restart_of_the_server() {
    let mut server = server();
    let person = Person::of(&server);
    let source = "log::info(\"seen \" + req.query.n); 1";
    person.pipe(source, &["deploy", "x", "-"]).expect(0);
    let mut tail = person.start(&["logs", "-f"]);
    tail.line("following");
    server.restart();
    tail.line("it is back");
    server.get("/x?n=again").expect(200);
    tail.line("seen again");
}

/// Links that a script makes of its address lead to the app, also when it is run from the outside.
#[test]
fn a_run_has_the_address_of_the_app_with_its_port() {
    let server = server();
    let person = Person::of(&server);
    let source = "req.url";
    person.write("x.rhai", source);
    // The first app answers on the server's own address too.
    person.pic(&["apps", "create", "first"]).expect(0);
    person.pic(&["apps", "create", "shop"]).expect(0);
    person
        .pipe(source, &["deploy", "x", "-", "-a", "shop"])
        .expect(0);
    let asked = server.request("GET", "/x", &[("host", "shop.localhost")], "");
    assert_eq!(asked.expect(200).text(), "http://shop.localhost/x");
    let app = person
        .pic(&["apps", "show", "shop", "--json"])
        .expect(0)
        .json();
    let there = format!("{}/x", app["url"].as_str().unwrap());
    assert!(there.starts_with("http://shop.localhost:"), "{there}");
    for args in [
        &["invoke", "x", "-a", "shop"][..],
        &["run", "x.rhai", "-a", "shop", "--path", "/x"],
    ] {
        assert_eq!(person.pic(args).expect(0).stdout.trim(), there, "{args:?}");
    }
}
