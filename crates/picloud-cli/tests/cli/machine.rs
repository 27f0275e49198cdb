//! What is on standard output: what was asked for, for programs as JSON with `--json`.

use crate::support::{MANIFEST, Person, server, token};

/// What is asked of an app with one script, one after the other.
const ANSWERED: &[&[&str]] = &[
    &["whoami"],
    &["system"],
    &["deploy"],
    &["deploy", "--dry-run"],
    &["diff"],
    &["check"],
    &["releases", "ls"],
    &["releases", "show", "1"],
    &["scripts", "ls"],
    &["scripts", "show", "orders"],
    &["versions", "orders"],
    &["versions", "orders", "--show", "1"],
    &["routes", "ls"],
    &["routes", "match", "get", "/orders"],
    &["invoke", "orders"],
    &["run", "src/orders.rhai"],
    &["executions", "ls"],
    &["apps", "ls"],
    &["apps", "show", "shop"],
    &["apps", "create", "other"],
    &["apps", "update", "other", "--description", "x"],
    &["domains", "add", "shop.example.com"],
    &["domains", "ls"],
    &["env", "set", "NAME", "value"],
    &["env", "ls"],
    &["kv", "set", "notes", "a", "1"],
    &["kv", "get", "notes", "a"],
    &["kv", "ls"],
    &["kv", "ls", "notes"],
    &["audit"],
    &["tokens", "ls"],
    &["tokens", "create", "ci", "--scope", "read,deploy"],
    &["triggers", "ls"],
    &["queues", "send", "later", "1", "--delay", "1d"],
    &["queues", "show", "later"],
    &["queues", "ls"],
    &["events", "ls"],
    &["queues", "pause", "later"],
    &["queues", "resume", "later"],
    &["queues", "purge", "later", "--yes"],
    &["open"],
    &["profile", "ls"],
    &["init", "fresh"],
    &["new", "more"],
];

#[test]
fn every_answer_for_a_program_is_json() {
    let server = server();
    token(&server, &["read"]);
    let person = Person::of(&server);
    person.write("picloud.toml", MANIFEST);
    person.write("src/orders.rhai", "log::info(\"x\"); \"orders\"");
    person.pic(&["deploy"]).expect(0);
    for args in ANSWERED {
        let done = person.pic(&[*args, &["--json"]].concat()).expect(0);
        done.json();
        assert_eq!(done.stderr, "", "{args:?}");
    }
    for args in [
        &["env", "unset", "NAME"][..],
        &["domains", "remove", "shop.example.com"],
        &["apps", "delete", "other", "--yes"],
    ] {
        let done = person.pic(&[args, &["--json"]].concat()).expect(0);
        assert!(done.json().is_object(), "{args:?}");
    }
}

/// What is asked of an app with one script, and what is shown.
const ASKED: &[(&[&str], &str)] = &[
    (&["apps", "ls"], "shop"),
    (&["apps", "show", "shop"], "release  1"),
    (&["releases", "ls"], "live"),
    (&["releases", "show", "1"], "orders"),
    (&["rollback", "1"], "release 1 is live again"),
    (&["routes", "ls"], "/orders"),
    (&["routes", "match", "GET", "/orders"], "orders"),
    (&["scripts", "ls"], "orders"),
    (&["versions", "orders"], "live"),
    (&["queues", "ls"], "later"),
    (&["queues", "show", "later"], "1 unconsumed"),
    (&["queues", "pause", "later"], "queue/later is paused"),
    (&["queues", "resume", "later"], "queue/later goes on"),
    (&["events", "ls", "--queue", "later"], "queue later"),
    (&["queues", "send", "later", "[1]"], "is on its way"),
    (
        &["queues", "purge", "later", "--yes"],
        "2 events are cancelled",
    ),
    (&["env", "set", "NAME", "value"], "NAME is set"),
    (&["env", "ls"], "NAME"),
    (&["env", "unset", "NAME"], "removed"),
    (&["kv", "set", "notes", "a", "[1]"], "a is set"),
    (&["kv", "ls"], "notes"),
    (&["kv", "ls", "notes"], "[1]"),
    (&["kv", "rm", "notes", "a"], "removed"),
    (&["audit"], "env.set"),
    (&["domains", "add", "a.example.com"], "a.example.com"),
    (&["domains", "ls"], "a.example.com"),
    (&["domains", "remove", "a.example.com"], "any more"),
    (&["tokens", "ls"], "test"),
    (&["whoami"], "person"),
    (&["system"], "ceiling"),
    (&["open", "--print"], "http://"),
    (&["check"], "can be deployed"),
    (&["cron", "next", "@daily"], "T00:00:00Z"),
    (&["apps", "create", "other"], "other"),
    (&["apps", "delete", "other", "--yes"], "deleted"),
    (&["init", "fresh"], "fresh"),
    (&["completions", "bash"], "_pic"),
];

#[test]
fn what_was_asked_for_is_on_standard_output() {
    let server = server();
    token(&server, &["read"]);
    let person = Person::of(&server);
    person.write("picloud.toml", MANIFEST);
    person.write(
        "src/orders.rhai",
        "log::info(\"seen\"); queue::send(\"later\", 1); \"orders\"",
    );
    person
        .pic(&["deploy", "--dry-run"])
        .expect(0)
        .shows("script orders");
    person
        .pic(&["deploy"])
        .expect(0)
        .shows("release 1 is live")
        .shows("/orders");
    server.get("/orders").expect(200);
    for (args, shown) in ASKED {
        let done = person.pic(args).expect(0);
        let shown = done.stdout.to_lowercase().contains(&shown.to_lowercase());
        assert!(shown, "{args:?}: {done:?}");
        // Advice is beside it, and old zone data is warned of.
        if !matches!(args[0], "init" | "system" | "cron") {
            assert_eq!(done.stderr, "", "{args:?}");
        }
    }
    for (args, content) in [
        (&["invoke", "orders"][..], "orders"),
        (&["run", "src/orders.rhai"], "orders"),
        (
            &["scripts", "show", "orders"],
            "log::info(\"seen\"); queue::send(\"later\", 1); \"orders\"",
        ),
    ] {
        assert_eq!(person.pic(args).expect(0).stdout, content, "{args:?}");
    }
    let answer = person.pic(&["invoke", "orders", "-i"]).expect(0).stdout;
    let (head, body) = answer.split_once("\n\n").unwrap();
    assert!(
        head.starts_with("200") && head.contains("content-type: "),
        "{head}"
    );
    assert_eq!(body, "orders");
    // What is not there is a note.
    let empty = person.pic(&["domains", "ls"]).expect(0).says("no domains");
    assert_eq!(empty.stdout, "");
}

/// What fails, the exit status, the code, and what is told.
const FAILING: &[(&[&str], i32, &str, &str)] = &[
    (&["apps", "show", "none"], 1, "not_found", "no such app"),
    (&["invoke", "y"], 1, "not_found", "no script"),
    (&["rollback", "9"], 1, "not_found", "no release 9"),
    (
        &["deploy", "x", "broken/picloud.toml"],
        1,
        "invalid_release",
        "error",
    ),
    (&["deploy", "nowhere"], 2, "usage", "no folder and no file"),
    (
        &["deploy", "broken"],
        1,
        "invalid_file",
        "unknown field `scrpts`",
    ),
    (&["deploy", "gone"], 1, "invalid_file", "gone/b"),
    (&["apps", "delete", "default"], 2, "usage", "confirmation"),
    (&["apps", "ls", "--app", "x"], 2, "usage", "--app x"),
    (&["nonsense"], 2, "usage", "unrecognized subcommand"),
    (
        &["logs", "--since", "yesterday"],
        2,
        "usage",
        "invalid value",
    ),
    (
        &["--url", "http://127.0.0.1:1", "apps", "ls"],
        1,
        "failed",
        "not signed in",
    ),
    (
        &["executions", "show", "exe_00000000000000000000000000000000"],
        1,
        "not_found",
        "no such run",
    ),
];

#[test]
fn a_failure_for_a_program_is_one_problem_on_standard_output() {
    let server = server();
    let person = Person::of(&server);
    person.pipe("1", &["deploy", "x", "-"]).expect(0);
    person.write(
        "broken/picloud.toml",
        "manifest = 1\napp = \"shop\"\nscrpts = 1\n",
    );
    person.write(
        "gone/picloud.toml",
        MANIFEST.replace("[[routes]]", "[scripts.b]\nfile = \"b\"\n[[routes]]"),
    );
    for (args, status, code, detail) in FAILING {
        let done = person.pic(&[*args, &["--json"]].concat()).expect(*status);
        let problem = done.json();
        assert_eq!(problem["code"], *code, "{args:?}: {done:?}");
        let told = problem["detail"].as_str().unwrap();
        assert!(told.contains(detail), "{args:?}: {done:?}");
        assert!(problem["title"].is_string(), "{done:?}");
        if *code != "invalid_release" {
            assert_eq!(done.stderr, "", "{args:?}");
        }
    }
    let problem = person.pic(&["deploy", "broken", "--json"]).expect(1).json();
    assert_eq!(problem["diagnostics"][0]["line"], 3);
    assert!(
        problem["diagnostics"][0]["hint"]
            .as_str()
            .unwrap()
            .contains("scripts")
    );
}

#[test]
fn the_exit_status_tells_how_it_ended() {
    let server = server();
    let person = Person::of(&server);
    for source in ["\"fine\"", "throw #{ status: 404, message: \"no\" }", "1/0"] {
        person.pipe(source, &["deploy", "x", "-"]).expect(0);
        let status = i32::from(source != "\"fine\"");
        person.pic(&["invoke", "x"]).expect(status);
        person.pic(&["invoke", "x", "--json"]).expect(status).json();
    }
    for (args, status) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["routes", "match", "GET", "/x"], 0),
        (&["routes", "match", "GET", "/y"], 1),
        (&["routes", "match", "ANY", "/x"], 2),
        (&[], 2),
        (&["apps"], 2),
        (&["apps", "update", "default"], 2),
        (&["deploy", "--if-match", "x"], 2),
    ] {
        let done = person.pic(args);
        assert_eq!(done.status, Some(status), "{args:?}: {done:?}");
    }
    // Whoever reads the output may leave early.
    person
        .shell("pic --help | head -1; pic completions zsh | head -1")
        .expect(0);
}
