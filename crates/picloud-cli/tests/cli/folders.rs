//! `init`, `new` and `check`.

use std::fs;

use crate::support::{MANIFEST, Person, server};

#[test]
fn every_template_is_right_and_answers() {
    let server = server();
    let person = Person::of(&server);
    for (template, method, path, status) in [
        ("hello", "GET", "/hello", 200),
        ("api", "GET", "/notes", 200),
        ("guestbook", "GET", "/", 200),
        ("webhook", "POST", "/webhook", 503),
    ] {
        person
            .pic(&["init", template, "--template", template])
            .expect(0);
        person.pic(&["deploy", template]).expect(0);
        person
            .pic(&["check", template])
            .expect(0)
            .says("can be deployed");
        let app = if template == "api" {
            "api-app"
        } else {
            template
        };
        let host = format!("{app}.localhost");
        let reply = server.request(method, path, &[("host", &host)], "");
        assert_eq!(reply.status, status, "{template}: {}", reply.text());
    }
    let api = [
        ("host", "api-app.localhost"),
        ("content-type", "application/json"),
    ];
    let made = server
        .request("POST", "/notes", &api, r#"{"text":" milk "}"#)
        .expect(201);
    let note = made.header("location").unwrap().to_owned();
    assert_eq!(
        server.request("GET", &note, &api, "").expect(200).json()["text"],
        "milk"
    );
    server.request("DELETE", &note, &api, "").expect(204);
    server.request("GET", &note, &api, "").expect(404);
    server
        .request("POST", "/notes", &api, r#"{"text":" "}"#)
        .expect(400);
    let form = [
        ("host", "guestbook.localhost"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    server
        .request("POST", "/", &form, "name=%3Cb%3E&text=hi")
        .expect(303);
    let page = server.request("GET", "/", &form, "").text();
    assert!(page.contains("&lt;b&gt;") && page.contains("hi"), "{page}");
    let app = ["--app", "webhook"];
    person
        .pic(&[&["env", "set", "WEBHOOK_SECRET", "s"], &app[..]].concat())
        .expect(0);
    let host = [("host", "webhook.localhost"), ("x-signature", "wrong")];
    server.request("POST", "/webhook", &host, "x").expect(401);
}

#[test]
fn an_app_that_is_there_is_not_overwritten() {
    let person = Person::stranger();
    person.write("shop/src/hello.rhai", "mine");
    person
        .pic(&["init", "shop"])
        .expect(1)
        .says("nothing was changed");
    assert_eq!(
        fs::read_to_string(person.work().join("shop/src/hello.rhai")).unwrap(),
        "mine"
    );
    assert!(!person.work().join("shop/picloud.toml").exists());
    person.pic(&["init", "123"]).expect(2).says("--app NAME");
}

#[test]
fn a_new_script_joins_the_manifest() {
    let server = server();
    let person = Person::of(&server);
    person.pic(&["init", "--app", "shop"]).expect(0);
    person.pic(&["new", "orders"]).expect(0);
    person.pic(&["new", "orders"]).expect(1).says("already");
    person.pic(&["deploy"]).expect(0);
    assert_eq!(server.get("/orders").text(), "Hello from orders");
    assert_eq!(server.get("/hello").text(), "Hello world");
}

#[test]
fn a_check_finds_what_a_deploy_would() {
    let server = server();
    let person = Person::of(&server);
    person.write("picloud.toml", MANIFEST);
    person.write("src/orders.rhai", "let x = ;");
    person
        .pic(&["check", "--offline"])
        .expect(0)
        .says("compiled by a server only");
    // The app is not there yet: another one of the server compiles.
    person
        .pipe("1", &["deploy", "x", "-", "--app", "other"])
        .expect(1);
    person.pic(&["apps", "create", "other"]).expect(0);
    person.pic(&["check"]).expect(1).says("src/orders.rhai:1:9");
    person.write("src/orders.rhai", "1");
    person.pic(&["check"]).expect(0);
    person.pic(&["deploy"]).expect(0);
    person.write("src/orders.rhai", "import \"gone\" as gone;\n1");
    person.pic(&["check"]).expect(1).says("gone");
    person.write(
        "picloud.toml",
        MANIFEST.replace("script = \"orders\"", "script = \"ordres\""),
    );
    person
        .pic(&["check"])
        .expect(1)
        .says("did you mean `orders`?");
}
