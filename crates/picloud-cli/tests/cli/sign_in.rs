//! Tokens: where they come from, where they are kept, and where they go.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Person, listener, server, token};

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_token_is_checked_kept_privately_and_forgotten() {
    let server = server();
    let secret = token(&server, &["deploy"]);
    let person = Person::stranger();
    let url = server.url();

    let wrong = person.pipe("pic_tok_wrong", &["login", url]).expect(1);
    assert!(!wrong.stderr.contains("pic_tok_wrong"), "{wrong:?}");
    assert!(!person.credentials().exists());

    let done = person
        .pipe(format!("{secret}\n"), &["login", url])
        .expect(0);
    assert!(
        !format!("{done:?}").contains(&secret),
        "the token is not shown"
    );
    assert_eq!(mode(&person.credentials()), 0o600);
    assert_eq!(mode(person.credentials().parent().unwrap()), 0o700);
    person.pic(&["whoami"]).expect(0).says("ada@example.com");
    person.pipe("1", &["deploy", "x", "-"]).expect(0);

    let name = url.strip_prefix("http://").unwrap();
    person
        .pipe(&secret, &["login", url, "--name", "second"])
        .expect(0);
    let profiles = person.pic(&["profile", "ls", "--json"]).expect(0);
    assert!(!profiles.stdout.contains(&secret));
    assert_eq!(profiles.json()["items"].as_array().unwrap().len(), 2);
    person.pic(&["profile", "use", name]).expect(0);
    person
        .pic(&["profile", "use", "secnd"])
        .expect(1)
        .says("did you mean `second`?");
    person.pic(&["logout"]).expect(0);
    person.pic(&["logout", "second"]).expect(0);
    assert!(
        !fs::read_to_string(person.credentials())
            .unwrap()
            .contains(&secret)
    );
    person.pic(&["whoami"]).expect(1).says("pic login");
}

#[test]
fn credentials_others_can_read_are_not_used() {
    let server = server();
    let secret = token(&server, &["read"]);
    let person = Person::stranger();
    person.pipe(&secret, &["login", server.url()]).expect(0);
    fs::set_permissions(person.credentials(), fs::Permissions::from_mode(0o644)).unwrap();
    person.pic(&["whoami"]).expect(1).says("chmod 600");
}

#[test]
fn flags_come_before_the_environment_before_the_profile_before_the_local_server() {
    let [flag, variable, profile, local] = [server(), server(), server(), server()];
    let secrets = [&flag, &variable, &profile].map(|server| token(server, &["read"]));
    let person = Person::of(&local);
    let asked = |person: &Person, args: &[&str]| {
        let args = [&["whoami", "--json"], args].concat();
        let who = person.pic(&args).expect(0).json();
        who["url"].as_str().unwrap().to_owned()
    };
    assert_eq!(asked(&person, &[]), local.admin_url());
    person
        .pipe(&secrets[0], &["login", flag.url(), "--name", "one"])
        .expect(0);
    person
        .pipe(&secrets[2], &["login", profile.url()])
        .expect(0);
    assert_eq!(asked(&person, &[]), profile.admin_url());
    let person = person
        .with("PICLOUD_URL", variable.url())
        .with("PICLOUD_TOKEN", &secrets[1]);
    assert_eq!(asked(&person, &[]), variable.admin_url());
    for url in [flag.url(), flag.admin_url()] {
        assert_eq!(asked(&person, &["--url", url]), flag.admin_url());
    }
    assert_eq!(asked(&person, &["--profile", "one"]), flag.admin_url());
    let data = local.data();
    assert_eq!(
        asked(&person, &["--data", data.to_str().unwrap()]),
        local.admin_url()
    );
    let unset = person.with("PICLOUD_URL", "").with("PICLOUD_TOKEN", "");
    for url in [local.url(), local.admin_url()] {
        assert_eq!(asked(&unset, &["--url", url]), local.admin_url());
    }
}

#[test]
fn either_address_of_a_server_leads_to_its_control_plane() {
    let server = server();
    let secret = token(&server, &["deploy"]);
    for url in [server.url(), server.admin_url()] {
        let person = Person::stranger();
        person.pipe(&secret, &["login", url]).expect(0);
        person.pipe("1", &["deploy", "x", "-"]).expect(0);
        let who = person.pic(&["whoami", "--json"]).expect(0).json();
        assert_eq!(who["url"], server.admin_url());
        person.pic(&["--url", url, "apps", "ls"]).expect(0);
        let person = Person::stranger()
            .with("PICLOUD_URL", url)
            .with("PICLOUD_TOKEN", &secret);
        person.pic(&["apps", "ls"]).expect(0);
    }
}

/// An app that answers every path, as an app may.
const EVERYTHING: &str = "manifest = 1
app = \"all\"
[scripts.all]
file = \"all.rhai\"
[[routes]]
path = \"/*rest\"
script = \"all\"
";

#[test]
fn an_app_never_gets_a_token() {
    let server = server();
    let secret = token(&server, &["admin"]);
    let local = Person::of(&server);
    local.write("picloud.toml", EVERYTHING);
    local.write(
        "all.rhai",
        "kv::collection(\"seen\").set(req.path, req.headers[\"authorization\"] ?? \"none\"); 1",
    );
    local.pic(&["deploy"]).expect(0);
    let person = Person::stranger()
        .with("PICLOUD_URL", server.url())
        .with("PICLOUD_TOKEN", &secret);
    person.pic(&["whoami"]).expect(0);
    // A profile of an earlier version, which knew one address only.
    let profile = format!(
        r#"{{"current":"old","profiles":{{"old":{{"url":"{}","token":"{secret}"}}}}}}"#,
        server.url()
    );
    let old = Person::stranger();
    fs::create_dir_all(old.credentials().parent().unwrap()).unwrap();
    fs::write(old.credentials(), profile).unwrap();
    fs::set_permissions(old.credentials(), fs::Permissions::from_mode(0o600)).unwrap();
    old.pic(&["whoami"]).expect(0);
    let seen = local.pic(&["executions", "ls", "--json"]).expect(0).json();
    assert_eq!(seen["items"].as_array().unwrap().len(), 0, "{seen}");
}

#[test]
fn a_token_is_not_sent_to_another_host_that_its_server_names() {
    let elsewhere = r#"{"admin_url":"http://elsewhere.example:8081"}"#;
    let (url, _came) = listener(format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{elsewhere}",
        elsewhere.len()
    ));
    let person = Person::stranger()
        .with("PICLOUD_URL", &url)
        .with("PICLOUD_TOKEN", "pic_x");
    person
        .pic(&["apps", "ls"])
        .expect(1)
        .says("is sent to no other host");
    let (other, _came) = listener("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned());
    let person = Person::stranger();
    person
        .pipe("pic_x", &["login", &other])
        .expect(1)
        .says("no PiCloud answers");
}

#[test]
fn the_owner_account_is_made_with_what_the_server_printed() {
    let server = server();
    let person = Person::stranger();
    let printed = |token: &str| format!("{}/setup?token={token}", server.admin_url());
    let wrong = printed("pic_set_wrong");
    let args = ["setup", &wrong, "--email", "ada@example.com"];
    person.pipe("a long enough password", &args).expect(1);
    let right = printed(server.setup_token().unwrap());
    let args = ["setup", &right, "--email", "ada@example.com"];
    person.pipe("short", &args).expect(1).says("10");
    person
        .pipe("a long enough password\n", &args)
        .expect(0)
        .says("ada@example.com");
    let session =
        serde_json::json!({"email": "ada@example.com", "password": "a long enough password"});
    server.api("POST", "/sessions", &session).expect(201);
    person
        .pic(&["setup", server.url(), "--email", "x@y.z"])
        .expect(2)
        .says("/setup?token=");
}

#[test]
fn a_token_goes_to_no_other_host() {
    let server = server();
    let secret = token(&server, &["admin"]);
    let person = Person::of(&server)
        .with("PICLOUD_URL", server.url())
        .with("PICLOUD_TOKEN", &secret);
    person.pipe(&secret, &["login", server.url()]).expect(0);
    let refusal = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
    let (other, came) = listener(refusal.to_owned());
    person.write("picloud.toml", "manifest = 1\napp = \"x\"\n");
    for command in [&["deploy"][..], &["whoami"], &["apps", "ls"], &["check"]] {
        let args = [&["--url", &other], command].concat();
        person.pic(&args).expect(1).says("sent to no other");
    }
    assert!(came.try_recv().is_err(), "nothing was sent");

    // A server that was signed in to sends the client away; the token does not go with it.
    let answer = format!("HTTP/1.1 307 Moved\r\nlocation: {other}/\r\ncontent-length: 0\r\n\r\n");
    let (first, asked) = listener(answer);
    let person = Person::stranger()
        .with("PICLOUD_URL", &first)
        .with("PICLOUD_TOKEN", &secret);
    person.pic(&["apps", "ls"]).expect(1);
    let first = asked.recv().unwrap();
    assert!(first.starts_with("GET /.well-known/picloud"), "{first}");
    assert!(!first.contains(&secret), "nobody gets it who is not known");
    assert!(came.try_recv().is_err(), "the other one got nothing");
}

#[test]
fn nothing_is_asked_where_nobody_can_answer() {
    let server = server();
    let person = Person::of(&server);
    person.pipe("1", &["deploy", "x", "-"]).expect(0);
    for args in [
        &["login", "http://127.0.0.1:1"][..],
        &["env", "set", "NAME"],
        &["apps", "delete", "default"],
    ] {
        let done = person.pic(args).expect(2);
        assert!(done.stderr.contains("next:"), "{args:?}: {done:?}");
    }
    person
        .pic(&["apps", "delete", "default", "--yes"])
        .expect(0);
}

#[test]
fn a_value_from_standard_input_is_not_shown() {
    let server = server();
    let person = Person::of(&server);
    person
        .pipe("env::get(\"KEY\")", &["deploy", "x", "-"])
        .expect(0);
    let done = person.pipe("hidden\n", &["env", "set", "KEY"]).expect(0);
    assert!(!format!("{done:?}").contains("hidden"), "{done:?}");
    assert_eq!(server.get("/x").text(), "hidden");
    let listed = person.pic(&["env", "ls"]).expect(0).says("KEY");
    assert!(!listed.stderr.contains("hidden"), "{listed:?}");
    person
        .pic(&["env", "unset", "KYE"])
        .expect(1)
        .says("did you mean `KEY`?");
    person.pic(&["env", "unset", "KEY"]).expect(0);
}
