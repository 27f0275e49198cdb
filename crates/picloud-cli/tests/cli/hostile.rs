//! Input nobody should have sent: a clear message, the right exit status, and nothing changed.

use std::os::unix::fs::symlink;

use serde_json::json;

use crate::support::{MANIFEST, Person, control_plane, listener, server};

/// Standard input, arguments, the exit status, and what is said.
const HOSTILE: &[(&str, &[&str], i32, &str)] = &[
    ("", &["deploy", "garbage.rhai"], 1, "line 2"),
    ("", &["deploy", "nul.rhai"], 1, "U+0000"),
    ("", &["deploy", "huge.rhai"], 1, "256 KiB"),
    ("", &["deploy", "x", "/dev/zero"], 1, "device"),
    ("", &["deploy", "x", "src"], 1, "folder"),
    ("", &["deploy", "Bad Name.rhai"], 2, "give one"),
    ("", &["deploy", "nowhere"], 2, "pic deploy nowhere FILE"),
    ("", &["deploy", "-"], 2, "needs a name"),
    (
        "",
        &["deploy", "../../etc", "-"],
        2,
        "not a valid script name",
    ),
    (
        "\u{1b}]0;x\u{7}",
        &["deploy", "x", "-"],
        1,
        "nothing has changed",
    ),
    (
        "1",
        &["deploy", "x", "-", "--app", "../x"],
        2,
        "not a valid app name",
    ),
    (
        "1",
        &["deploy", "x", "-", "--app", "shops"],
        1,
        "did you mean `shop`?",
    ),
    ("", &["deploy", "src"], 1, "no picloud.toml"),
    ("", &["rollback", "99"], 1, "not_found"),
    ("", &["releases", "show", "99"], 1, "no release 99"),
    (
        "",
        &["scripts", "show", "order"],
        1,
        "did you mean `orders`?",
    ),
    ("", &["invoke", "order"], 1, "did you mean `orders`?"),
    ("", &["invoke", "orders", "-d", "@missing"], 1, "missing"),
    (
        "",
        &["invoke", "orders", "-H", "Authorization: x"],
        2,
        "signs in itself",
    ),
    ("", &["executions", "show", "x"], 2, "invalid value"),
    ("", &["env", "set", "lower", "x"], 2, "upper-case"),
    ("", &["domains", "add", "localhost"], 2, "host name"),
    ("", &["logs", "--since", "yesterday"], 2, "how long ago"),
    ("", &["depoly"], 2, "deploy"),
    ("", &["releases", "shwo"], 2, "show"),
    ("", &["--url", "pi.local", "whoami"], 2, "http://"),
    ("", &["--profile", "none", "whoami"], 1, "no profile"),
];

#[test]
fn hostile_input_is_refused_in_words() {
    let server = server();
    let person = Person::of(&server);
    person.write("picloud.toml", MANIFEST);
    person.write("src/orders.rhai", "\"orders\"");
    person.pic(&["deploy"]).expect(0);
    person.write("garbage.rhai", b"ok\n\xff\xfe\x00garbage");
    person.write("nul.rhai", "let a = 1;\n\0");
    person.write("huge.rhai", "x".repeat(300 << 10));
    person.write("Bad Name.rhai", "1");
    for (input, args, status, said) in HOSTILE {
        let done = person.pipe(input, args);
        assert_eq!(done.status, Some(*status), "{args:?}: {done:?}");
        assert!(
            done.stderr.contains(said),
            "{args:?} should say `{said}`: {done:?}"
        );
        assert!(!done.stderr.contains('\u{1b}'), "{args:?}: {done:?}");
        assert_eq!(done.stdout, "", "{args:?}");
    }
    let releases = person.pic(&["releases", "ls", "--json"]).expect(0).json();
    assert_eq!(releases["items"].as_array().unwrap().len(), 1, "{releases}");
}

#[test]
fn a_broken_manifest_is_shown_with_its_line() {
    let server = server();
    let person = Person::of(&server);
    person.write("src/orders.rhai", "1");
    person.write("secret.rhai", "2");
    let good = MANIFEST;
    for (manifest, said) in [
        (good.replace("path =", "pth ="), "did you mean `path`?"),
        (good.replace("manifest = 1", "manifest = 2"), "manifest = 2"),
        (good.replace("app = \"shop\"", "app = \"Shop\""), "app name"),
        (
            good.replace("src/orders.rhai", "../work/secret.rhai"),
            "inside the app's folder",
        ),
        (
            good.replace("src/orders.rhai", "/etc/passwd"),
            "inside the app's folder",
        ),
        (
            good.replace("src/orders.rhai", "src/gone.rhai"),
            "gone.rhai",
        ),
        (good.replace("[[routes]]", "[[routes"), "picloud.toml"),
        (
            format!("url = \"http://evil.example\"\n{good}"),
            "unknown field `url`",
        ),
        ("\u{1b}[31m".to_owned(), "picloud.toml"),
        (
            good.replace("script = \"orders\"", "script = \"order\""),
            "order",
        ),
    ] {
        person.write("picloud.toml", &manifest);
        for command in ["check", "deploy"] {
            let done = person.pic(&[command]).expect(1);
            assert!(done.stderr.contains(said), "{manifest}\n{done:?}");
            assert!(!done.stderr.contains('\u{1b}'), "{done:?}");
        }
    }
}

#[test]
fn a_link_out_of_the_folder_is_not_followed() {
    let server = server();
    let person = Person::of(&server);
    person.write("app/picloud.toml", MANIFEST);
    person.write("app/src/kept", "");
    let secret = person.write("secret.rhai", "\"secret\"");
    symlink(secret, person.work().join("app/src/orders.rhai")).unwrap();
    person
        .pic(&["deploy", "app"])
        .expect(1)
        .says("leads out of the app's folder");
    assert_eq!(server.get("/orders").status, 404);
}

#[test]
fn what_a_script_logs_does_not_steer_the_terminal() {
    let server = server();
    let person = Person::of(&server);
    let source = "log::info(\"\\x1b[2J\\x1b]0;owned\\x07\"); \"x\"";
    person.write("x.rhai", source);
    person.pipe("1", &["deploy", "x", "-"]).expect(0);
    let done = person.pic(&["run", "x.rhai"]).expect(0).says("owned");
    assert!(!done.stderr.contains(['\u{1b}', '\u{7}']), "{done:?}");
}

/// What forges a line, turns text around, or is not seen.
const FORGED: &str =
    "x\n23:59:59.000 error pay: refund\r\u{1b}[2J\u{202e}\u{2028}\u{200b}\u{feff}y";

fn harmless(done: &crate::support::Done) {
    let all = format!("{}\n{}", done.stdout, done.stderr);
    assert!(
        !all.lines()
            .any(|line| line.trim_start().starts_with("23:59:59")),
        "{all}"
    );
    let bad = |c: char| {
        c != '\n' && (c.is_control() || ('\u{200b}'..='\u{202e}').contains(&c) || c == '\u{feff}')
    };
    assert!(!all.contains(bad), "{all:?}");
    assert!(all.contains("23:59:59"), "{all}");
}

#[test]
fn what_others_wrote_forges_no_line() {
    let server = server();
    let person = Person::of(&server);
    let text = serde_json::to_string(FORGED)
        .unwrap()
        .replace("\\u001b", "\\x1b");
    let source = format!(
        "log::info({text}, #{{ \"k\": {text} }}); queue::send(\"q\", {text}, #{{ key: {text} }}); throw {text};"
    );
    person.write("x.rhai", &source);
    person
        .pipe(&source, &["deploy", "x", "-", "-m", "first"])
        .expect(0);
    server.get("/x").expect(500);
    person.pic(&["env", "set", "NAME", FORGED]).expect(0);
    harmless(&person.pic(&["env", "ls", "--values"]).expect(0));
    harmless(&person.pic(&["events", "ls"]).expect(0));
    let end = std::time::Instant::now() + crate::support::PATIENCE;
    let runs = loop {
        let runs = person.pic(&["executions", "ls", "--json"]).expect(0).json();
        if !runs["items"].as_array().unwrap().is_empty() {
            break runs;
        }
        assert!(std::time::Instant::now() < end, "the run was never stored");
    };
    let id = runs["items"][0]["id"].as_str().unwrap();
    for args in [
        &["logs"][..],
        &["executions", "show", id],
        &["logs", "--json"],
    ] {
        harmless(&person.pic(args).expect(0));
    }
    harmless(&person.pic(&["run", "x.rhai"]).expect(1));
    // A folder is what somebody else may have written, too.
    person.write("app/picloud.toml", format!("manifest = 1\napp = {text}\n"));
    harmless(&person.pic(&["check", "app"]).expect(1));
    // A server may say anything.
    let problem = json!({
        "type": "about:blank", "title": "x", "status": 400, "code": FORGED, "detail": FORGED,
    });
    let body = problem.to_string();
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let url = control_plane(answer);
    let stranger = Person::stranger().with("PICLOUD_TOKEN", "pic_x");
    harmless(&stranger.pic(&["--url", &url, "apps", "ls"]).expect(1));
    let url = control_plane(format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{}",
        json!({ "items": [{ "domain": FORGED }] }).to_string().len(),
        json!({ "items": [{ "domain": FORGED }] })
    ));
    let done = stranger
        .pic(&["--url", &url, "domains", "ls", "-a", "shop"])
        .expect(1);
    assert!(
        !done.stderr.contains('\u{202e}') && done.stderr.lines().count() == 2,
        "{done:?}"
    );
}

#[test]
fn a_server_that_is_away_or_is_none_is_told() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let person = Person::stranger().with("PICLOUD_TOKEN", "pic_x");
    person
        .pic(&["--url", &url, "apps", "ls"])
        .expect(1)
        .says("nothing listens there");
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 5\r\n\r\n<p>no",
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        "not HTTP at all\r\n\r\n",
    ] {
        let (url, _came) = listener(answer.to_owned());
        let done = person.pic(&["--url", &url, "whoami"]).expect(1);
        assert!(done.stderr.contains("127.0.0.1"), "{answer}: {done:?}");
    }
    Person::stranger()
        .pic(&["deploy", "x", "-"])
        .expect(1)
        .says("pic login");
}

#[test]
fn a_run_that_fails_is_shown_with_its_line() {
    let server = server();
    let person = Person::of(&server);
    person.pipe("1", &["deploy", "x", "-"]).expect(0);
    person.write("draft.rhai", "fn f(a) {\n  a.nothing()\n}\nf(1)\n");
    let done = person.pic(&["run", "draft.rhai"]).expect(1);
    assert!(done.stderr.contains("draft.rhai:2"), "{done:?}");
    assert!(done.stderr.contains("called from"), "{done:?}");
    let result = person
        .pic(&["run", "draft.rhai", "--json"])
        .expect(1)
        .json();
    assert_eq!(result["response"], json!(null));
    assert_eq!(result["error"]["kind"], "runtime");
}
