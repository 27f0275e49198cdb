//! What programs get: JSON on standard output with `--json`, and only there.

use crate::support::{MANIFEST, Person, server, token};

#[test]
fn every_answer_for_a_program_is_json() {
    let server = server();
    token(&server, &["read"]);
    let person = Person::of(&server);
    person.write("picloud.toml", MANIFEST);
    person.write("src/orders.rhai", "log::info(\"x\"); \"orders\"");
    person.pic(&["deploy"]).expect(0);
    for args in [
        &["whoami"][..],
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
        &["tokens", "ls"],
        &["tokens", "create", "ci", "--scope", "read,deploy"],
        &["open"],
        &["profile", "ls"],
        &["init", "fresh"],
        &["new", "more"],
    ] {
        let done = person.pic(&[args, &["--json"]].concat()).expect(0);
        done.json();
        assert_eq!(done.stderr, "", "{args:?}");
    }
}

#[test]
fn without_it_standard_output_has_requested_content_only() {
    let server = server();
    let person = Person::of(&server);
    person.write("picloud.toml", MANIFEST);
    person.write("src/orders.rhai", "\"orders\"");
    for (args, content) in [
        (&["deploy"][..], ""),
        (&["apps", "ls"], ""),
        (&["routes", "ls"], ""),
        (&["whoami"], ""),
        (&["rollback", "1"], ""),
        (&["invoke", "orders"], "orders"),
        (&["run", "src/orders.rhai"], "orders"),
        (&["scripts", "show", "orders"], "\"orders\""),
    ] {
        assert_eq!(person.pic(args).expect(0).stdout, content, "{args:?}");
    }
    let shell = person.pic(&["completions", "bash"]).expect(0);
    assert!(shell.stdout.contains("_pic"), "{shell:?}");
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
