//! Deploys, releases and rollbacks.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::id::ContentHash;

use crate::support::{MANIFEST, Person, server};

#[test]
fn the_snippet_of_the_readme_deploys_and_rolls_back() {
    let server = server();
    let person = Person::of(&server);
    // What `make run` does first.
    let hello = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/hello");
    person.pic(&["deploy", hello]).expect(0).says("/hello");
    assert_eq!(server.get("/hello?name=Ada").text(), "Hello Ada");
    let routes = person.pic(&["routes", "ls", "--json"]).expect(0).json();

    let readme = include_str!("../../../../README.md");
    let line = |start: &str| readme.lines().find(|line| line.starts_with(start)).unwrap();
    let deploy = line("echo '\"Hello \"");
    person.shell(deploy).expect(0).says("release 2 is live");
    assert_eq!(server.get("/hello?name=Ada").text(), "Hello Ada");
    // Now one with another answer and another route.
    let folder = Person::of(&server);
    folder.write("picloud.toml", MANIFEST.replace("shop", "hello"));
    folder.write("src/orders.rhai", "\"orders\"");
    folder.pic(&["deploy"]).expect(0).says("- script hello");
    assert_eq!(server.get("/orders").text(), "orders");
    assert_eq!(server.get("/hello").status, 404);

    person
        .shell(line("pic rollback"))
        .expect(0)
        .says("release 2 is live again");
    assert_eq!(server.get("/hello?name=Ada").text(), "Hello Ada");
    assert_eq!(server.get("/orders").status, 404);
    person
        .pic(&["rollback", "1"])
        .expect(0)
        .says("release 1 is live again");
    assert_eq!(
        person.pic(&["routes", "ls", "--json"]).expect(0).json(),
        routes
    );
}

#[test]
fn a_script_on_an_empty_server_gets_an_app_and_answers() {
    let server = server();
    let person = Person::of(&server);
    person.write("greet.rhai", "\"from a file\"");
    person.write("other.rhai", "\"named\"");
    let deploys: [(&[&str], &str, &str); 3] = [
        (&["deploy", "greet.rhai"], "/greet", "from a file"),
        (&["deploy", "named", "other.rhai"], "/named", "named"),
        (&["deploy", "piped", "-"], "/piped", "piped"),
    ];
    for (args, path, answer) in deploys {
        person.pipe("\"piped\"", args).expect(0).shows(path);
        assert_eq!(server.get(path).text(), answer);
    }
    let apps = person.pic(&["apps", "ls", "--json"]).expect(0).json();
    assert_eq!(apps["items"].as_array().unwrap().len(), 1, "{apps}");
}

#[test]
fn a_folder_is_deployed_as_it_is_and_only_when_it_changed() {
    let server = server();
    let person = Person::of(&server);
    person.write("picloud.toml", MANIFEST);
    person.write("src/orders.rhai", "1");
    let plan = person
        .pic(&["deploy", "--dry-run", "--json"])
        .expect(0)
        .json();
    assert_eq!(plan["release"], Value::Null);
    assert_eq!(
        person.pic(&["apps", "ls", "--json"]).json()["items"],
        json!([])
    );

    person
        .pic(&["deploy", "-m", "first"])
        .expect(0)
        .says("+ script orders");
    person.pic(&["deploy"]).expect(0).says("nothing changed");
    person.write("src/orders.rhai", "2");
    person.pic(&["diff"]).expect(0);
    let diff = person.pic(&["diff"]).expect(0).stdout;
    assert!(diff.contains("-1\n") && diff.contains("+2\n"), "{diff}");
    person
        .pic(&["deploy", "--dry-run"])
        .expect(0)
        .says("~ script orders");
    assert_eq!(server.get("/orders").text(), "1");

    person
        .pic(&["deploy", "--if-match", "7"])
        .expect(1)
        .says("precondition_failed");
    assert_eq!(server.get("/orders").text(), "1");
    let made = person
        .pic(&["deploy", "--if-match", "1", "--json"])
        .expect(0)
        .json();
    assert_eq!(made["release"]["number"], 2);
    assert_eq!(server.get("/orders").text(), "2");
    person.pic(&["diff"]).expect(0).says("is what is live");
    person.pic(&["releases", "ls"]).expect(0).says("first");
    person.pic(&["releases", "show", "2"]).expect(0).says("GET");
    person.pic(&["versions", "orders"]).expect(0).says("live");
    let old = person.pic(&["versions", "orders", "--show", "1"]).expect(0);
    assert_eq!(old.stdout, "1");
}

#[test]
fn a_file_the_manifest_names_keeps_its_name_there() {
    let server = server();
    let person = Person::of(&server);
    let modules = "[modules.money]\nfile = \"src/cash.rhai\"\n";
    person.write(
        "picloud.toml",
        format!("{MANIFEST}{modules}").replace("src/orders", "src/main"),
    );
    person.write("src/main.rhai", "import \"money\" as money;\nmoney::unit()");
    person.write("src/cash.rhai", "fn unit() { \"EUR\" }");
    person.pic(&["deploy"]).expect(0);
    assert_eq!(server.get("/orders").text(), "EUR");
    person.write("src/cash.rhai", "fn unit() { \"CHF\" }");
    person
        .pic(&["deploy", "src/cash.rhai"])
        .expect(0)
        .says("~ module money");
    assert_eq!(server.get("/orders").text(), "CHF");
    person.write("src/main.rhai", "\"none\"");
    person
        .pic(&["deploy", "src/main.rhai"])
        .expect(0)
        .says("~ script orders");
    assert_eq!(server.get("/orders").text(), "none");
}

#[test]
fn a_broken_source_is_shown_with_its_line_and_changes_nothing() {
    let server = server();
    let person = Person::of(&server);
    person.pipe("\"fine\"", &["deploy", "x", "-"]).expect(0);
    let broken = person
        .pipe("let a = 1;\nlet b = ;\n", &["deploy", "x", "-"])
        .expect(1);
    assert!(broken.stderr.contains("standard input:2:9"), "{broken:?}");
    assert!(broken.stderr.contains("let b = ;"), "{broken:?}");
    assert!(
        !broken.stderr.contains('\u{1b}'),
        "no colours without a terminal: {broken:?}"
    );
    // All that is wrong is told at once.
    let broken = person
        .pipe(
            "foo(1);\nlet c = kv::get(\"a\", \"b\");\nbar()",
            &["deploy", "x", "-"],
        )
        .expect(1);
    for place in [
        "standard input:1:1",
        "standard input:2:13",
        "standard input:3:1",
    ] {
        assert!(broken.stderr.contains(place), "{place}: {broken:?}");
    }
    assert!(
        broken.stderr.contains("kv::collection(…).get(…)"),
        "{broken:?}"
    );
    assert_eq!(server.get("/x").text(), "fine");
}

#[test]
fn handlers_may_be_called_like_methods_of_what_they_use() {
    let server = server();
    let person = Person::of(&server);
    let route = |method: &str, path: &str, handler: &str| {
        format!(
            "[[routes]]\nmethod = \"{method}\"\npath = \"{path}\"\nscript = \"notes\"\nhandler = \"{handler}\"\n"
        )
    };
    let manifest = [
        "manifest = 1\napp = \"default\"\n[scripts.notes]\nfile = \"notes.rhai\"\n".to_owned(),
        route("GET", "/notes", "list"),
        route("GET", "/notes/:id", "get"),
        route("PUT", "/notes/:id", "set"),
        route("DELETE", "/notes/:id", "delete"),
    ];
    person.write("picloud.toml", manifest.concat());
    let handlers = "fn list(req) { kv::collection(\"notes\").list(#{ limit: 10 }).items.len() }\n\
                    fn get(req) { kv::collection(\"notes\").get(req.params.id) }\n\
                    fn set(req) { let notes = kv::collection(\"notes\"); notes.set(req.params.id, 7) }\n\
                    fn delete(req) { kv::collection(\"notes\").delete(req.params.id) }\n";
    person.write("notes.rhai", handlers);
    person.pic(&["deploy"]).expect(0);
    server.request("PUT", "/notes/a", &[], "").expect(200);
    assert_eq!(server.get("/notes/a").text(), "7");
    assert_eq!(server.get("/notes").text(), "1");
    assert_eq!(server.request("DELETE", "/notes/a", &[], "").text(), "true");
    // What would run before each of them is refused.
    person.write(
        "notes.rhai",
        format!("// Notes.\nqueue::send(\"mails\", 1);\n{handlers}"),
    );
    let refused = person.pic(&["deploy"]).expect(1);
    assert!(refused.stderr.contains("notes.rhai:2:"), "{refused:?}");
    assert_eq!(server.get("/notes").text(), "0");
}

/// Sources whose hashes begin alike, in four digits and no more; `all_decimal`: which could be a
/// number, too.
fn alike(all_decimal: bool) -> [String; 2] {
    let mut known: BTreeMap<String, (String, String)> = BTreeMap::new();
    for n in 0.. {
        let source = n.to_string();
        let hash = ContentHash::of(source.as_bytes()).to_string();
        let start = hash[..4].to_owned();
        if start.starts_with('0') || start.bytes().all(|b| b.is_ascii_digit()) != all_decimal {
            continue;
        }
        if let Some((other, earlier)) = known.get(&start)
            && earlier[..8] != hash[..8]
        {
            return [other.clone(), source];
        }
        known.insert(start, (source, hash));
    }
    unreachable!("there are more sources than beginnings")
}

#[test]
fn a_version_is_named_by_its_number_or_the_beginning_of_its_hash() {
    let server = server();
    let person = Person::of(&server);
    person.write("picloud.toml", MANIFEST);
    let sources = [alike(false), alike(true)].concat();
    for source in &sources {
        person.write("src/orders.rhai", source);
        person.pic(&["deploy"]).expect(0);
    }
    let show = |wanted: &str| person.pic(&["versions", "orders", "--show", wanted]);
    for (source, number) in sources.iter().zip(1..) {
        assert_eq!(show(&number.to_string()).expect(0).stdout, *source);
        let hash = ContentHash::of(source.as_bytes()).to_string();
        person
            .pic(&["versions", "orders"])
            .expect(0)
            .shows(&hash[..8]);
        for wanted in [&hash[..8], &hash[..8].to_uppercase(), &hash] {
            assert_eq!(show(wanted).expect(0).stdout, *source, "{wanted}");
        }
        let said = "several versions of `orders`";
        show(&hash[..4])
            .expect(1)
            .says(said)
            .says("write more digits");
    }
    for unknown in ["00000000", "0000abcd"] {
        show(unknown)
            .expect(1)
            .says("`pic versions orders` shows them");
    }
    show("77").expect(1).says("has no version 77");
    for wrong in ["", "0", "abc", "xyzw", "12.5", "v1", &"a".repeat(65)] {
        show(wrong).expect(2).says("a version is a number");
    }
}

#[test]
fn routes_show_when_they_answer_and_who_may_read_it() {
    let server = server();
    let person = Person::of(&server);
    let more = "[[routes]]\npath = \"/later\"\nscript = \"orders\"\nmode = \"async\"\n\
                [[routes]]\npath = \"/wide\"\nscript = \"orders\"\ncors = { origins = [\"*\"] }\n\
                [[routes]]\npath = \"/pages\"\nscript = \"orders\"\n\
                cors = { origins = [\"https://a.example\", \"https://b.example\"], credentials = true }\n\
                [[triggers]]\nkind = \"webhook\"\npath = \"/hook/:of\"\nprovider = \"github\"\n\
                secret = \"S\"\nscript = \"orders\"\n";
    person.write("picloud.toml", format!("{MANIFEST}{more}"));
    person.write("src/orders.rhai", "1");
    person.pic(&["deploy"]).expect(0);
    let listed = person.pic(&["routes", "ls"]).expect(0).stdout;
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 6, "{listed}");
    let hook = lines.iter().find(|line| line.contains("/hook/:of "));
    let hook = hook.unwrap_or_else(|| panic!("the webhook is not in {listed}"));
    for shown in [
        "POST",
        "orders",
        "signed calls (github)",
        "202 when stored",
        "localhost",
    ] {
        assert!(hook.contains(shown), "{shown} is not in {hook}");
    }
    let matched = person
        .pic(&["routes", "match", "POST", "/hook/7"])
        .expect(0);
    matched.shows("signed calls (github)").shows("of = 7");
    person
        .pic(&["routes", "match", "GET", "/hook/7"])
        .expect(1)
        .says("the path answers POST");
    assert!(
        lines[0].contains("ANSWER") && lines[0].contains("CORS"),
        "{listed}"
    );
    for (path, answer, cors) in [
        ("/orders", "the script's", ""),
        ("/later", "202 at once", ""),
        ("/wide", "the script's", "*"),
        (
            "/pages",
            "the script's",
            "https://a.example, https://b.example (with cookies)",
        ),
    ] {
        let line = lines
            .iter()
            .find(|line| line.contains(&format!(" {path} ")));
        let line = line.unwrap_or_else(|| panic!("{path} is not in {listed}"));
        assert!(line.contains(answer) && line.contains(cors), "{line}");
        let matched = person.pic(&["routes", "match", "GET", path]).expect(0);
        assert!(
            matched.stdout.contains(answer) && matched.stdout.contains(cors),
            "{matched:?}"
        );
    }
}

/// A deploy that is refused makes nothing: no release, and no app either.
#[test]
fn a_refused_deploy_of_a_new_app_makes_no_app() {
    let server = server();
    let person = Person::of(&server);
    person.write("picloud.toml", MANIFEST);
    person.write("src/orders.rhai", "let x = ;");
    for args in [
        &["deploy"][..],
        &["deploy", "x", "src/orders.rhai", "--app", "shop"],
    ] {
        person.pic(args).expect(1);
    }
    person
        .pipe("let x = ;", &["deploy", "hello", "-"])
        .expect(1);
    let apps = person.pic(&["apps", "ls", "--json"]).expect(0).json();
    assert_eq!(apps["items"].as_array().unwrap().len(), 0, "{apps}");
    person.write("src/orders.rhai", "1");
    person.pic(&["deploy"]).expect(0).says("the app is new");
}
