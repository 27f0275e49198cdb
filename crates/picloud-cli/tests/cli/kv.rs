//! The key-value store of an app from the outside.

use serde_json::json;

use crate::support::{Person, server};

/// An app whose script keeps what it is given.
fn shop(person: &Person) {
    let source = "let c = kv::collection(\"orders\"); \
                  c.set(\"a/b 1\", #{ sum: 3 }); c.set(\"blob\", blob(3, 0xff)); \
                  c.set(\"ends\", 1, #{ ttl: \"1h\" }); c.set(\"text\", \"ü\"); \
                  kv::collection(\"other\").set(\"x\", ()); \"ok\"";
    person.pipe(source, &["deploy", "fill", "-", "-a", "shop"]);
    person.pic(&["apps", "create", "shop"]);
    person
        .pipe(source, &["deploy", "fill", "-", "-a", "shop"])
        .expect(0);
    person.pic(&["invoke", "fill", "-a", "shop"]).expect(0);
}

#[test]
fn what_a_script_keeps_is_seen_and_mended() {
    let server = server();
    let person = Person::of(&server);
    shop(&person);
    let pic = |args: &[&str]| person.pic(&[&["kv"], args, &["-a", "shop"]].concat());
    pic(&["ls"]).expect(0).shows("orders").shows("other");
    let listed = pic(&["ls", "orders"])
        .expect(0)
        .shows("{\"sum\":3}")
        .shows("(3 bytes)");
    assert!(
        listed.stdout.contains("a/b 1") && listed.stdout.contains("text"),
        "{listed:?}"
    );
    let listed = pic(&["ls", "orders", "--prefix", "t"]).expect(0).stdout;
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let got = pic(&["get", "orders", "a/b 1"]).expect(0).stdout;
    assert_eq!(got, "{\n  \"sum\": 3\n}\n");
    pic(&["get", "orders", "gone"])
        .expect(1)
        .says("no key `gone`");

    pic(&["set", "orders", "a/b 1", "[1, null]"]).expect(0);
    let item = pic(&["get", "orders", "a/b 1", "--json"]).expect(0).json();
    assert_eq!(item["value"], json!([1, null]), "{item}");
    let version = item["version"].to_string();
    pic(&["set", "orders", "a/b 1", "2", "--if-version", "999999"])
        .expect(1)
        .says("has version");
    pic(&["set", "orders", "a/b 1", "2", "--if-version", &version]).expect(0);
    pic(&["set", "orders", "a/b 1", "3", "--if-absent"])
        .expect(1)
        .says("has version");
    pic(&["set", "orders", "null", "null"]).expect(0);
    pic(&["set", "orders", "red", "red"])
        .expect(2)
        .says("--text");
    pic(&["set", "orders", "red", "red", "--text"]).expect(0);
    assert_eq!(pic(&["get", "orders", "red"]).expect(0).stdout, "\"red\"\n");
    pic(&["set", "orders", "", "1"]).expect(1);
    pic(&["set", "orders", "ttl", "1", "--ttl", "soon"])
        .expect(1)
        .says("`ttl`");
    pic(&["rm", "orders", "red", "a/b 1"])
        .expect(0)
        .shows("2 keys removed");
    pic(&["rm", "orders", "red"]).expect(1).says("no key `red`");
    pic(&["ls", "no such collection"]).expect(2);
}

#[test]
fn a_collection_goes_to_another_app_and_is_the_same_there() {
    let server = server();
    let person = Person::of(&server);
    shop(&person);
    person.pic(&["apps", "create", "copy"]).expect(0);
    let exported = person
        .pic(&["kv", "export", "orders", "-a", "shop"])
        .expect(0)
        .stdout;
    assert_eq!(exported.lines().count(), 4, "{exported}");
    person.write("orders.jsonl", &exported);
    person
        .pic(&["kv", "import", "orders", "orders.jsonl", "-a", "copy"])
        .expect(0)
        .shows("4 keys set");
    let listed = |app: &str| {
        let page = person
            .pic(&["kv", "ls", "orders", "-a", app, "--json"])
            .expect(0)
            .json();
        let items = page["items"].as_array().unwrap().clone();
        let plain = items.iter().map(|item| {
            let ends = item["expires_at"].is_string();
            (
                item["key"].clone(),
                item["value"].clone(),
                item["base64"].clone(),
                ends,
            )
        });
        plain.collect::<Vec<_>>()
    };
    assert_eq!(listed("copy"), listed("shop"));
    for (line, said) in [
        ("{\"key\":1}", "orders.jsonl:2"),
        ("nonsense", "orders.jsonl:2"),
    ] {
        let first = exported.lines().next().unwrap();
        person.write("orders.jsonl", format!("{first}\n{line}\n"));
        let done = person.pic(&["kv", "import", "orders", "orders.jsonl", "-a", "copy"]);
        done.expect(1)
            .says(said)
            .says("the 1 keys before it are set");
    }
}

#[test]
fn variables_come_from_a_file_all_or_none() {
    let server = server();
    let person = Person::of(&server);
    person.pic(&["apps", "create", "shop"]).expect(0);
    let import = || person.pic(&["env", "import", ".env", "-a", "shop"]);
    person.write(".env", "# keys\nexport A=\"one two\"\nB='x'\n");
    let done = import().expect(0).shows("2 variables set");
    assert!(!done.stderr.contains("one two"), "{done:?}");
    let values = person
        .pic(&["env", "ls", "--values", "-a", "shop"])
        .expect(0);
    values.shows("one two").shows("B");
    person.write(".env", "C=1\nnot a variable\n");
    import().expect(1).says(".env:2").says("nothing was set");
    let names = person.pic(&["env", "ls", "-a", "shop"]).expect(0).stdout;
    assert!(!names.contains('C'), "{names}");
    let audit = person.pic(&["audit"]).expect(0);
    audit.shows("env.set").shows("apps.create");
}

/// The id that a failed answer tells its client leads to the reason.
#[test]
fn whatever_has_an_id_is_found_by_it() {
    let server = server();
    let person = Person::of(&server);
    person.pic(&["apps", "create", "first"]).expect(0);
    person.pic(&["apps", "create", "shop"]).expect(0);
    let fails = "invoke::call(\"callee\", 1); queue::send(\"mail\", 1); throw \"the reason\"";
    person
        .pipe("1", &["deploy", "callee", "-", "-a", "shop"])
        .expect(0);
    person
        .pipe(fails, &["deploy", "fails", "-", "-a", "shop"])
        .expect(0);
    let host = [("host", "shop.localhost")];
    let problem = server
        .request("GET", "/fails", &host, "")
        .expect(500)
        .json();
    let request = problem["request_id"].as_str().unwrap().to_owned();
    let end = std::time::Instant::now() + crate::support::PATIENCE;
    // Runs are stored a moment later.
    let found = loop {
        let done = person.pic(&["find", &request]);
        if done.status == Some(0) && done.stdout.contains("the reason") {
            break done;
        }
        assert!(std::time::Instant::now() < end, "{done:?}");
    };
    found.shows("fails");
    let runs = person.pic(&["executions", "ls", "fails", "-a", "shop", "--json"]);
    let run = runs.expect(0).json()["items"][0].clone();
    let id = run["id"].as_str().unwrap();
    person.pic(&["find", id]).expect(0).shows("the reason");
    person
        .pic(&["find", id, "--json"])
        .expect(0)
        .shows("the reason");
    let root = run["root"].as_str().unwrap();
    person
        .pic(&["find", root])
        .expect(0)
        .shows("fails")
        .shows("callee");
    let waiting = person
        .pic(&["deliveries", "ls", "-a", "shop", "--json"])
        .expect(0)
        .json();
    if let Some(event) = waiting["items"][0]["event"].as_str() {
        person.pic(&["find", event]).expect(0).shows("mail");
    }
    person
        .pic(&["find", id, "-a", "first"])
        .expect(1)
        .says("nothing that is kept");
    let other = format!("req_{}", "0".repeat(32));
    person
        .pic(&["find", &other])
        .expect(1)
        .says("nothing that is kept");
    for wrong in ["", "7", "app_1", "req_", "exe_zz"] {
        person.pic(&["find", wrong]).expect(2);
    }
}
