//! A change of any field of a release is told by `diff`, a dry run, the deploy and `releases show`,
//! in the same words.

use crate::support::{Person, server};

const MANIFEST: &str = r#"manifest = 1
app = "shop"

[scripts.shop]
file = "shop.rhai"
description = "Sells"
limits = { wall = "5s", cpu = "500ms", operations = 1000, memory = "16MiB", response = "1MiB", logs = "8KiB", host_calls = 50, concurrency = 8 }

[scripts.other]
file = "other.rhai"

[modules.money]
file = "money.rhai"

[[routes]]
path = "/shop"
script = "shop"
cors = { origins = ["https://a.example"], headers = ["x-a"], expose = ["x-b"], credentials = true, max_age = "10m" }

[[routes]]
method = "POST"
path = "/orders/:id"
script = "shop"
handler = "on_order"

[[triggers]]
kind = "queue"
queue = "emails"
script = "shop"
handler = "on_mail"
retry = { attempts = 3, backoff = "fixed", base = "1s", max = "1m" }
concurrency = 4

[[triggers]]
kind = "cron"
schedule = "0 6 * * *"
timezone = "Europe/Berlin"
catch_up = "skip"
script = "shop"

[[triggers]]
kind = "kv"
collection = "orders"
prefix = "o/"
script = "shop"

[[triggers]]
kind = "pubsub"
topic = "orders.*"
script = "shop"

[[triggers]]
kind = "dead_letter"
of = "shop"
script = "other"

[[triggers]]
kind = "webhook"
path = "/hook"
provider = "github"
secret = "SECRET"
script = "shop"

[[triggers]]
kind = "deploy"
script = "other"
"#;

const SHOP: &str = "fn on_order(req) { 1 }\nfn on_order_two(req) { 2 }\nfn on_mail(e) { 1 }\n\
                    fn on_mail_two(e) { 2 }\n";

/// What is written instead of what; the item; what is told of its field.
type Change = (&'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const CHANGES: [Change; 42] = [
    ("\"Sells\"", "\"Sells more\"", "~ script shop", "description: Sells more"),
    ("wall = \"5s\"", "wall = \"6s\"", "~ script shop", "limits.wall: 6s"),
    ("cpu = \"500ms\"", "cpu = \"600ms\"", "~ script shop", "limits.cpu: 600ms"),
    ("operations = 1000", "operations = 2000", "~ script shop", "limits.operations: 2000"),
    ("memory = \"16MiB\"", "memory = \"17MiB\"", "~ script shop", "limits.memory: 17MiB"),
    ("response = \"1MiB\"", "response = \"2MiB\"", "~ script shop", "limits.response: 2MiB"),
    ("logs = \"8KiB\"", "logs = \"9KiB\"", "~ script shop", "limits.logs: 9KiB"),
    ("host_calls = 50", "host_calls = 51", "~ script shop", "limits.host_calls: 51"),
    ("concurrency = 8", "concurrency = 9", "~ script shop", "limits.concurrency: 9"),
    ("[scripts.other]\nfile = \"other.rhai\"", "[scripts.other]\nfile = \"other2.rhai\"", "~ script other", "source: "),
    ("[modules.money]\nfile = \"money.rhai\"", "[modules.money]\nfile = \"money2.rhai\"", "~ module money", "source: "),
    ("path = \"/shop\"", "path = \"/store\"", "+ route ANY /store", "script: shop"),
    ("path = \"/store\"\nscript = \"shop\"", "path = \"/store\"\nscript = \"other\"", "~ route ANY /store", "script: other"),
    ("[\"https://a.example\"]", "[\"*\"]", "~ route ANY /store", "cors.origins: [\"*\"]"),
    ("[\"x-a\"]", "[\"x-a\",\"x-c\"]", "~ route ANY /store", "cors.headers: [\"x-a\",\"x-c\"]"),
    ("[\"x-b\"]", "[\"x-d\"]", "~ route ANY /store", "cors.expose: [\"x-d\"]"),
    ("\"10m\"", "\"20m\"", "~ route ANY /store", "cors.max_age: 20m"),
    ("handler = \"on_order\"", "handler = \"on_order_two\"", "~ route POST /orders/:id", "handler: on_order_two"),
    ("\"on_order_two\"", "\"on_order_two\"\nauth = \"token\"", "~ route POST /orders/:id", "auth: token"),
    ("auth = \"token\"", "auth = \"token\"\nmode = \"async\"", "~ route POST /orders/:id", "mode: async"),
    ("mode = \"async\"", "mode = \"async\"\ncors = { origins = [\"https://b.example\"] }", "~ route POST /orders/:id", "cors.origins: [\"https://b.example\"]"),
    ("method = \"POST\"", "method = \"PUT\"", "+ route PUT /orders/:id", "mode: async"),
    ("handler = \"on_mail\"", "handler = \"on_mail_two\"", "~ trigger queue/emails", "handler: on_mail_two"),
    ("attempts = 3", "attempts = 4", "~ trigger queue/emails", "retry.attempts: 4"),
    ("\"fixed\"", "\"exponential\"", "~ trigger queue/emails", "retry.backoff: exponential"),
    ("base = \"1s\"", "base = \"2s\"", "~ trigger queue/emails", "retry.base: 2s"),
    ("max = \"1m\"", "max = \"2m\"", "~ trigger queue/emails", "retry.max: 2m"),
    ("concurrency = 4", "concurrency = 5", "~ trigger queue/emails", "concurrency: 5"),
    ("queue = \"emails\"", "queue = \"mails\"", "+ trigger queue/mails", "queue: mails"),
    ("catch_up = \"skip\"", "catch_up = \"all\"", "~ trigger cron/0 6 * * */Europe/Berlin/shop", "catch_up: all"),
    ("\"0 6 * * *\"", "\"0 7 * * *\"", "+ trigger cron/0 7 * * */Europe/Berlin/shop", "schedule: 0 7 * * *"),
    ("\"Europe/Berlin\"", "\"Asia/Tokyo\"", "+ trigger cron/0 7 * * */Asia/Tokyo/shop", "timezone: Asia/Tokyo"),
    ("collection = \"orders\"", "collection = \"sales\"", "+ trigger kv/sales/o//shop", "collection: sales"),
    ("prefix = \"o/\"", "prefix = \"s/\"", "+ trigger kv/sales/s//shop", "prefix: s/"),
    ("topic = \"orders.*\"", "topic = \"sales.*\"", "+ trigger pubsub/sales.*/shop", "topic: sales.*"),
    ("of = \"shop\"", "of = \"other\"", "+ trigger dead_letter/other/other", "of: other"),
    ("provider = \"github\"", "provider = \"slack\"", "~ trigger webhook//hook", "provider: slack"),
    ("secret = \"SECRET\"", "secret = \"SECRETS\"", "~ trigger webhook//hook", "secret: SECRETS"),
    ("path = \"/hook\"", "path = \"/hooks\"", "+ trigger webhook//hooks", "path: /hooks"),
    ("secret = \"SECRETS\"\nscript = \"shop\"", "secret = \"SECRETS\"\nscript = \"other\"", "~ trigger webhook//hooks", "script: other"),
    ("kind = \"deploy\"\nscript = \"other\"", "kind = \"deploy\"\nscript = \"shop\"", "+ trigger deploy//shop", "script: shop"),
    ("credentials = true", "credentials = false", "~ route ANY /store", "cors.credentials: false"),
];

/// The lines of an item in what a command said, without the sign.
fn told<'a>(output: &'a str, item: &str) -> Vec<&'a str> {
    let of_item = |line: &&str| {
        line.trim_start() == item || line.trim_start().starts_with(&format!("{item} ("))
    };
    let mut lines = output.lines().skip_while(|line| !of_item(line)).skip(1);
    let mut fields = Vec::new();
    for line in lines.by_ref() {
        let Some(field) = line.strip_prefix("      ") else {
            break;
        };
        fields.push(field);
    }
    fields
}

#[test]
fn a_change_of_any_field_is_told_everywhere_in_the_same_words() {
    let server = server();
    let person = Person::of(&server);
    for (file, text) in [
        ("shop.rhai", SHOP),
        ("other.rhai", "\"other\""),
        ("other2.rhai", "\"another\""),
        ("money.rhai", "fn cents(x) { x * 100 }"),
        ("money2.rhai", "fn cents(x) { x * 1000 }"),
    ] {
        person.write(file, text);
    }
    // `*` and credentials do not go together: the last change is made first where that matters.
    let mut manifest = MANIFEST.to_owned();
    person.write("picloud.toml", &manifest);
    person.pic(&["deploy"]).expect(0);
    let credentials = CHANGES.len() - 1;
    let order = [credentials].into_iter().chain(0..credentials);
    let mut at_route_shop = true;
    for (number, index) in (2_i64..).zip(order) {
        let (from, to, item, field) = CHANGES[index];
        // The route is still called `/shop` when the first of all changes is made.
        let item = if at_route_shop {
            item.replace("/store", "/shop")
        } else {
            item.to_owned()
        };
        at_route_shop = false;
        assert_eq!(manifest.matches(from).count(), 1, "{from}");
        manifest = manifest.replacen(from, to, 1);
        person.write("picloud.toml", &manifest);
        let number = number.to_string();
        let mut words = Vec::new();
        for args in [
            &["diff"][..],
            &["deploy", "--dry-run"],
            &["deploy"],
            &["releases", "show", &number],
        ] {
            let done = person.pic(args).expect(0);
            let output = format!("{}{}", done.stdout, done.stderr);
            let shown = if args[0] == "releases" {
                &item[2..]
            } else {
                &item
            };
            let fields = told(&output, shown);
            let is_it = |line: &&&str| line.starts_with(field);
            let line = fields.iter().find(is_it);
            let line = line
                .unwrap_or_else(|| panic!("{args:?} says nothing of {item}, {field}: {output}"));
            words.push(line.split(" (was ").next().unwrap().to_owned());
        }
        words.dedup();
        assert_eq!(words.len(), 1, "{words:?}");
        person.pic(&["diff"]).expect(0).says("is what is live");
    }
}

#[test]
fn what_goes_is_told_too() {
    let server = server();
    let person = Person::of(&server);
    person.write("shop.rhai", SHOP);
    let with = "manifest = 1\napp = \"shop\"\n[scripts.shop]\nfile = \"shop.rhai\"\n\
                limits = { wall = \"5s\" }\n[[routes]]\npath = \"/a\"\nscript = \"shop\"\n\
                cors = { origins = [\"*\"] }\n[[routes]]\npath = \"/b\"\nscript = \"shop\"\n";
    person.write("picloud.toml", with);
    person.pic(&["deploy"]).expect(0);
    let without = with
        .replace("limits = { wall = \"5s\" }\n", "")
        .replace("cors = { origins = [\"*\"] }\n", "")
        .replace("[[routes]]\npath = \"/b\"\nscript = \"shop\"\n", "");
    person.write("picloud.toml", without);
    for args in [&["diff"][..], &["deploy", "--dry-run"], &["deploy"]] {
        let done = person.pic(args).expect(0);
        let output = format!("{}{}", done.stdout, done.stderr);
        assert_eq!(
            told(&output, "~ script shop"),
            ["limits.wall: none (was 5s)"]
        );
        assert_eq!(
            told(&output, "~ route ANY /a"),
            [
                "cors.origins: none (was [\"*\"])",
                "cors.credentials: none (was false)"
            ]
        );
        assert!(output.contains("- route ANY /b"), "{output}");
    }
    let done = person.pic(&["diff", "--json"]).expect(0).json();
    assert_eq!(
        (&done["plan"], &done["sources"]),
        (&serde_json::json!([]), &serde_json::json!([]))
    );
}
