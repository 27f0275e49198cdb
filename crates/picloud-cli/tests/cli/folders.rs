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
        .says("no server was asked");
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

/// A manifest with a mistake in nearly every line; each says what is found there.
const WRONG: &str = r#"manifest = 1
app = "Shop!"
colour = "red"

[scripts.orders]
file = "src/orders.rhai"
limits = { wall = "2h", cpu = "0s" }
descripton = "x"

[scripts.gone]
file = "src/gone.rhai"

[scripts.out]
file = "../out.rhai"

[[routes]]
method = "FETCH"
path = "no-slash"
script = "orders"

[[routes]]
path = "/orders"
script = "ordres"

[[routes]]
path = "/orders"
script = "gone"
cors = { origins = ["*"], credentials = true }

[[routes]]
path = "/livez"
script = "gone"

[[triggers]]
kind = "cron"
schedule = "0 25 * * *"
script = "gone"

[[triggers]]
kind = "queue"
queue = "mail"
script = "nobody"

[[triggers]]
kind = "queue"
queue = "mail"
script = "gone"
"#;

/// Lines of [`WRONG`] and what is said about them.
const SAID: [(u64, &str); 14] = [
    (2, "app name"),
    (3, "unknown field `colour`"),
    (8, "unknown field `descripton`"),
    (11, "src/gone.rhai"),
    (14, "inside the app's folder"),
    (17, "FETCH"),
    (18, "no-slash"),
    (23, "no script `ordres`"),
    (26, "/orders"),
    (28, "needs named origins"),
    (31, "belongs to the platform"),
    (34, "25"),
    (42, "no script `nobody`"),
    (44, "a queue has one consumer"),
];

#[test]
fn a_check_says_everything_that_is_wrong_with_a_folder_at_once() {
    let server = server();
    let person = Person::of(&server);
    person.write("picloud.toml", WRONG);
    person.write("src/orders.rhai", "1");
    let found = person.pic(&["check", "--json"]).expect(1).json();
    assert_eq!(found["ok"], false, "{found}");
    let found = found["diagnostics"].as_array().unwrap();
    for (line, said) in &SAID {
        let one = found
            .iter()
            .find(|one| one["line"] == *line && one["message"].as_str().unwrap().contains(said));
        let one = one.unwrap_or_else(|| panic!("line {line}: {said}\n{found:#?}"));
        assert!(one["column"].as_u64().unwrap() > 0, "{one}");
        assert!(
            one["script"].as_str().unwrap().ends_with("picloud.toml"),
            "{one}"
        );
    }
    let done = person.pic(&["check"]).expect(1);
    done.says("picloud.toml:23:").says("did you mean `orders`?");
}

/// What is wrong in the sources is said beside what is wrong in the manifest, with the ceiling.
#[test]
fn a_check_looks_at_the_sources_too_when_the_manifest_is_wrong() {
    let server = server();
    let person = Person::of(&server);
    for app in ["shop", "other"] {
        let text = format!(
            "manifest = 1\napp = \"{app}\"\n[scripts.a]\nfile = \"a.rhai\"\n\
             limits = {{ wall = \"2h\", memory = \"0B\" }}\n[scripts.b]\nfile = \"b.rhai\"\n\
             [[routes]]\npath = \"/x\"\nscript = \"c\"\n"
        );
        person.write("picloud.toml", text);
        person.write("a.rhai", "let x = ;");
        person.write("b.rhai", "unknown(1)");
        let done = person.pic(&["check"]).expect(1);
        done.says("picloud.toml:5:")
            .says("limit `wall` is 2h, above the instance's ceiling of 5m")
            .says("limit `memory` is zero")
            .says("picloud.toml:10:")
            .says("a.rhai:1:9")
            .says("b.rhai:1:1")
            .says("5 errors");
        person.pic(&["apps", "create", "other"]);
    }
}

/// `pic diff` fails for what a deploy would refuse, and shows the difference all the same.
#[test]
fn a_diff_says_what_a_deploy_would_refuse() {
    let server = server();
    let person = Person::of(&server);
    person.write("picloud.toml", MANIFEST);
    person.write("src/orders.rhai", "1");
    person.pic(&["diff"]).expect(0);
    person.pic(&["deploy"]).expect(0);
    for (manifest, source, said) in [
        (MANIFEST.to_owned(), "let x = ;", "src/orders.rhai:1:9"),
        (MANIFEST.to_owned(), "unknown(1)", "src/orders.rhai:1:1"),
        (
            MANIFEST.replace("script = \"orders\"", "script = \"ordres\""),
            "2",
            "no script `ordres`",
        ),
    ] {
        person.write("picloud.toml", &manifest);
        person.write("src/orders.rhai", source);
        let done = person.pic(&["diff"]).expect(1);
        done.says(said)
            .says("a deploy of this would be refused")
            .shows("+++ here script orders");
        let diff = person.pic(&["diff", "--json"]).expect(1).json();
        assert_eq!(diff["diagnostics"].as_array().unwrap().len(), 1, "{diff}");
    }
    person.write("picloud.toml", MANIFEST);
    person.write("src/orders.rhai", "3");
    person.pic(&["diff"]).expect(0).shows("+3");
}

#[test]
fn the_nearest_manifest_above_counts() {
    let server = server();
    let person = Person::of(&server);
    person.write("shop/picloud.toml", MANIFEST);
    person.write("shop/src/orders.rhai", "\"orders\"");
    person.write("shop/deep/er/note", "");
    person
        .pipe("1", &["deploy", "other", "-", "-a", "first"])
        .expect(1);
    person.pic(&["apps", "create", "first"]).expect(0);
    let inside = |line: &str| person.shell(&format!("cd shop/deep/er && {line}"));
    inside("pic check").expect(0).shows("shop");
    inside("pic deploy")
        .expect(0)
        .shows("shop: release 1 is live");
    inside("pic diff").expect(0);
    inside("pic scripts ls").expect(0).shows("orders");
    inside("pic new more").expect(0);
    assert!(person.work().join("shop/src/more.rhai").exists());
    inside("pic deploy ../../src/more.rhai")
        .expect(0)
        .shows("script more");
    // What is named is not looked for.
    inside("pic deploy .").expect(1).says("no picloud.toml");
    person.write("elsewhere/note", "");
    let outside = person.shell("cd elsewhere && pic deploy").expect(1);
    outside.says("no picloud.toml");
}

#[test]
fn the_app_is_named_anywhere_on_the_line() {
    let server = server();
    let person = Person::of(&server);
    person.pic(&["apps", "create", "first"]).expect(0);
    person.pic(&["apps", "create", "shop"]).expect(0);
    person
        .pipe("1", &["-a", "shop", "deploy", "x", "-"])
        .expect(0);
    for args in [
        &["--app", "shop", "scripts", "ls"][..],
        &["-a", "shop", "scripts", "ls"],
        &["scripts", "-a", "shop", "ls"],
        &["scripts", "ls", "-a", "shop"],
        &["scripts", "ls", "--app=shop"],
    ] {
        person.pic(args).expect(0).shows("x");
    }
    person.pic(&["scripts", "ls"]).expect(0).says("no scripts");
    let made = person.pic(&["-a", "shop", "init", "folder"]).expect(0);
    made.shows("shop: a new app");
    // Where no app is meant, naming one is a mistake.
    for args in [
        &["-a", "shop", "apps", "ls"][..],
        &["whoami", "-a", "shop"],
        &["tokens", "ls", "-a", "shop"],
    ] {
        person.pic(args).expect(2).says("about no single app");
    }
}

#[test]
fn a_new_apps_folder_is_checked_by_itself() {
    let server = server();
    let person = Person::of(&server);
    // The app that is first in the alphabet has what the folder has not.
    person.write(
        "aaa/picloud.toml",
        "manifest = 1\napp = \"aaa\"\n[modules.money]\nfile = \"m.rhai\"\n",
    );
    person.write("aaa/m.rhai", "fn cents(x) { x * 100 }");
    person.pic(&["deploy", "aaa"]).expect(0);
    person.write("shop/picloud.toml", MANIFEST);
    person.write(
        "shop/src/orders.rhai",
        "import \"money\" as m;\nm::cents(1)",
    );
    for args in [&["check", "shop"][..], &["deploy", "shop", "--dry-run"]] {
        person
            .pic(args)
            .expect(1)
            .says("there is no module `money`");
    }
    // Handlers that routes of the folder name are looked for.
    person.write(
        "shop/picloud.toml",
        format!("{MANIFEST}handler = \"on_order\"\n"),
    );
    person.write("shop/src/orders.rhai", "1");
    person.pic(&["check", "shop"]).expect(1).says("on_order");
    person.write("shop/src/orders.rhai", "fn on_order(req) { 1 }");
    person
        .pic(&["check", "shop"])
        .expect(0)
        .shows("can be deployed");
    person
        .pic(&["deploy", "shop", "--dry-run"])
        .expect(0)
        .shows("+ script orders");
    let apps = person.pic(&["apps", "ls", "--json"]).expect(0).json();
    assert_eq!(
        apps["items"].as_array().unwrap().len(),
        1,
        "nothing was made"
    );
}
