//! Triggers, queues, events and dead letters.

use serde_json::{Value, json};

use test_support::Server;

use crate::support::{PATIENCE, Person, server};

const MANIFEST: &str = "manifest = 1
app = \"shop\"
[scripts.orders]
file = \"src/orders.rhai\"
[scripts.send]
file = \"src/send.rhai\"
[[routes]]
method = \"POST\"
path = \"/orders\"
script = \"orders\"
handler = \"on_order\"
[[triggers]]
kind = \"queue\"
queue = \"emails\"
script = \"send\"
retry = { attempts = 2, backoff = \"fixed\", base = \"1ms\", max = \"1ms\" }
[[triggers]]
kind = \"cron\"
schedule = \"0 6 * * *\"
timezone = \"Europe/Berlin\"
script = \"orders\"
handler = \"on_morning\"
[[triggers]]
kind = \"pubsub\"
topic = \"sent\"
script = \"orders\"
handler = \"on_sent\"
";
const ORDERS: &str =
    "fn on_morning(event) {} fn on_sent(event) { log::info(`sent ${event.message}`); }
    fn on_order(req) { queue::send(\"emails\", #{ to: req.text }) }";
const SEND: &str = "if event.message.to == \"bad\" { throw \"no such customer\"; }
    pubsub::publish(\"sent\", event.message.to)";

/// A folder with an app that sends.
fn shop(person: &Person) {
    person.write("picloud.toml", MANIFEST);
    person.write("src/orders.rhai", ORDERS);
    person.write("src/send.rhai", SEND);
}

/// Asks until the answer is as wanted.
fn until(person: &Person, args: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
    let end = std::time::Instant::now() + PATIENCE;
    let args = [args, &["--json"]].concat();
    loop {
        let done = person.pic(&args);
        if done.status == Some(0) && wanted(&done.json()) {
            return done.json();
        }
        assert!(std::time::Instant::now() < end, "{done:?}");
    }
}

#[test]
fn triggers_travel_with_the_folder() {
    let server = server();
    let person = Person::of(&server);
    shop(&person);
    person
        .pic(&["deploy", "--dry-run"])
        .expect(0)
        .says("+ trigger queue/emails");
    person.pic(&["check", "--offline"]).expect(0);
    let done = person.pic(&["deploy"]).expect(0);
    let done = done
        .says("+ trigger queue/emails")
        .says("+ trigger cron/0 6 * * *");
    assert!(!done.stdout.contains("route ANY /send"), "{done:?}");
    person.pic(&["deploy"]).expect(0).says("nothing changed");
    person.pic(&["diff"]).expect(0).says("is what is live");
    let done = person.pic(&["triggers", "ls"]).expect(0);
    done.says("0 6 * * * (Europe/Berlin)")
        .says("orders::on_morning");
    let listed = person.pic(&["triggers", "ls", "--json"]).expect(0).json();
    assert!(listed["items"][0]["next_run"].is_string(), "{listed}");

    person.write(
        "picloud.toml",
        MANIFEST.replace("\"0 6 * * *\"", "\"30 6 * * *\""),
    );
    let diff = person.pic(&["diff"]).expect(0).stdout;
    assert!(
        diff.contains("- trigger cron/0 6 * * *") && diff.contains("+ trigger cron/30 6 * * *")
    );
    let diff = person.pic(&["diff", "--json"]).expect(0).json();
    assert_eq!(diff["plan"].as_array().unwrap().len(), 2);
    let done = person.pic(&["deploy"]).expect(0);
    done.says("- trigger cron/0 6").says("+ trigger cron/30 6");
}

#[test]
fn triggers_are_checked_without_a_server() {
    let person = Person::stranger();
    shop(&person);
    for (from, to, says) in [
        (
            "script = \"send\"\nretry",
            "script = \"sent\"\nretry",
            "did you mean `send`?",
        ),
        ("queue = \"emails\"\n", "", "needs `queue`"),
        ("0 6 * * *", "0 25 * * *", "25"),
        (
            "topic = \"sent\"",
            "topic = \"sent\"\nprefix = \"a\"",
            "has no `prefix`",
        ),
        ("attempts = 2", "attempts = 0", "attempts = 0"),
    ] {
        person.write("picloud.toml", MANIFEST.replace(from, to));
        person.pic(&["check", "--offline"]).expect(1).says(says);
    }
    let twice = format!(
        "{MANIFEST}[[triggers]]\nkind = \"queue\"\nqueue = \"emails\"\nscript = \"orders\"\n"
    );
    person.write("picloud.toml", twice);
    person
        .pic(&["check", "--offline"])
        .expect(1)
        .says("a queue has one consumer");
}

#[test]
fn a_schedule_is_shown_without_a_server() {
    let person = Person::stranger();
    let args = [
        "cron",
        "next",
        "0 0 1 1 *",
        "--timezone",
        "Europe/Berlin",
        "-n",
        "2",
    ];
    let done = person.pic(&args).expect(0);
    assert!(
        done.stdout
            .lines()
            .all(|line| line.ends_with("-12-31T23:00:00Z")),
        "{done:?}"
    );
    assert_eq!(done.stdout.lines().count(), 2);
    let json = person
        .pic(&["cron", "next", "@daily", "--json"])
        .expect(0)
        .json();
    assert_eq!(json["next_runs"].as_array().unwrap().len(), 5);
    person
        .pic(&["cron", "next", "whenever"])
        .expect(1)
        .says("whenever");
    person
        .pic(&["cron", "next", "@daily", "--timezone", "Mars"])
        .expect(1)
        .says("Mars");
}

#[test]
fn an_event_is_followed_to_its_end() {
    let server = server();
    let person = Person::of(&server);
    shop(&person);
    person.pic(&["deploy"]).expect(0);
    let mut tail = person.start(&["events", "tail"]);
    tail.line("following");
    let event = server
        .request("POST", "/orders", &[], b"ada")
        .expect(200)
        .text();
    let line = tail.line(&event);
    assert!(
        line.contains("queue emails send attempt 1 handled"),
        "{line}"
    );
    // What follows may end before what it follows from.
    let follower = "orders::on_sent attempt 1 handled";
    if !tail.seen().contains(follower) {
        tail.line(follower);
    }
    server.request("POST", "/orders", &[], b"bad").expect(200);
    let line = tail.line("send attempt 1 failed, again at");
    assert!(line.contains("no such customer"), "{line}");
    tail.line("send attempt 2 dead: no such customer");
    let chain = until(&person, &["events", "show", &event], |chain| {
        chain["followed"]
            .as_array()
            .is_some_and(|all| all.len() == 1)
    });
    assert_eq!(chain["event"]["executions"][0]["script"], "send");
    let shown = person.pic(&["events", "show", &event]).expect(0).stdout;
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].contains(&event), "{shown}");
    assert!(lines[1].starts_with("└─ send: handled"), "{shown}");
    assert!(lines[2].starts_with("   └─ attempt 1"), "{shown}");
    assert!(lines[3].starts_with("      └─ pubsub evt_"), "{shown}");
    assert!(
        lines[4].starts_with("         └─ orders: handled"),
        "{shown}"
    );
    person.pic(&["queues", "ls"]).expect(0).says("emails");
    person
        .pic(&["events", "ls"])
        .expect(0)
        .says("nothing waits");
    let nothing = "evt_00000000000000000000000000000000";
    person
        .pic(&["events", "show", nothing])
        .expect(1)
        .says("nothing is known");
}

#[test]
fn messages_wait_for_a_consumer_and_are_counted() {
    let server = server();
    let person = Person::of(&server);
    let source =
        "fn on_order(event) { log::info(event.message) } queue::send(\"later\", \"hello\")";
    person.pipe(source, &["deploy", "orders", "-"]).expect(0);
    server.get("/orders").expect(200);
    person
        .pic(&["queues", "ls"])
        .expect(0)
        .says("nobody; messages wait");
    person
        .pic(&["events", "ls"])
        .expect(0)
        .says("when somebody consumes it");
    assert_eq!(server.metric("picloud_events_waiting"), 1);
    assert!(server.metric("picloud_events_waiting_bytes") > 7);
    assert_eq!(server.metric("picloud_events_overdue_seconds"), 0);
    let manifest = "manifest = 1\napp = \"default\"\n[scripts.orders]\nfile = \"o.rhai\"\n
        [[triggers]]\nkind = \"queue\"\nqueue = \"later\"\nscript = \"orders\"\nhandler = \"on_order\"\n";
    person.write("picloud.toml", manifest);
    person.write("o.rhai", "fn on_order(event) { log::info(event.message) }");
    let mut tail = person.start(&["events", "tail", "orders"]);
    tail.line("following");
    person.pic(&["deploy"]).expect(0);
    tail.line("queue later orders::on_order attempt 1 handled");
    nothing_waits(&server);
}

fn nothing_waits(server: &Server) {
    let end = std::time::Instant::now() + PATIENCE;
    while server.metric("picloud_events_waiting") > 0 {
        assert!(std::time::Instant::now() < end, "something still waits");
    }
}

#[test]
fn what_waited_for_an_app_is_gone_with_it() {
    let server = server();
    let person = Person::of(&server);
    let source = "queue::send(\"later\", 1)";
    person.pipe(source, &["deploy", "orders", "-"]).expect(0);
    server.get("/orders").expect(200);
    assert_eq!(server.metric("picloud_events_waiting"), 1);
    person
        .pic(&["apps", "delete", "default", "--yes"])
        .expect(0);
    nothing_waits(&server);
}

/// An app with so many dead letters; the list of them.
fn with_dead(server: &Server, person: &Person, count: usize) -> Value {
    shop(person);
    person.pic(&["deploy"]).expect(0);
    person
        .pic(&["dead-letters", "ls"])
        .expect(0)
        .says("no dead letters");
    for _ in 0..count {
        server.request("POST", "/orders", &[], b"bad").expect(200);
    }
    dead(person, count)
}

/// The list of dead letters, once it is so long.
fn dead(person: &Person, count: usize) -> Value {
    until(person, &["dlq", "ls"], |dead| {
        dead["items"].as_array().unwrap().len() == count
    })
}

#[test]
fn a_dead_letter_is_shown_edited_and_replayed() {
    let server = server();
    let person = Person::of(&server);
    let dead = with_dead(&server, &person, 1);
    let id = dead["items"][0]["id"].as_str().unwrap();
    let done = person.pic(&["dead-letters", "show", id]).expect(0);
    done.shows("no such customer")
        .shows("attempt 2")
        .shows("\"to\": \"bad\"");
    let done = person
        .pic(&["dead-letters", "show", id, "--payload"])
        .expect(0);
    assert_eq!(done.json()["message"], json!({ "to": "bad" }));
    person.write("payload.json", done.stdout.replace("\"bad\"", "\"ada\""));
    let args = ["dead-letters", "replay", id, "--payload", "[1]"];
    person.pic(&args).expect(1).says("not a JSON object");
    let event = dead["items"][0]["event"].as_str().unwrap();
    let args = ["dead-letters", "replay", id, "--payload", "@payload.json"];
    person.pic(&args).expect(0).says(event);
    until(&person, &["events", "show", event], |chain| {
        let attempts = chain["event"]["executions"].as_array().unwrap();
        attempts.last().is_some_and(|run| run["outcome"] == "ok")
    });
    person
        .pic(&["dead-letters", "show", id])
        .expect(1)
        .says("replayed or removed");
}

#[test]
fn a_replay_keeps_what_it_is_not_given() {
    let server = server();
    let person = Person::of(&server);
    let send = "queue::send(\"emails\", #{ to: \"bad\", big: 9007199254740993 }, #{ key: \"k\" })";
    let handle = "fn on_mail(event) {
        if event.message.to == \"bad\" { throw \"no\"; }
        log::info(`${event.name} ${event.key} ${event.message}`); }";
    person.write("send.rhai", send);
    person.write("handle.rhai", handle);
    person.write(
        "picloud.toml",
        "manifest = 1\napp = \"default\"\n[scripts.send]\nfile = \"send.rhai\"\n\
         [scripts.handle]\nfile = \"handle.rhai\"\n[[triggers]]\nkind = \"queue\"\n\
         queue = \"emails\"\nscript = \"handle\"\nhandler = \"on_mail\"\n\
         retry = { attempts = 1 }\n",
    );
    person.pic(&["deploy"]).expect(0);
    server.get("/send").expect(200);
    let all = dead(&person, 1);
    let id = all["items"][0]["id"].as_str().unwrap();
    for (payload, says) in [
        ("{\"nonsense\": 1}", "name, not `nonsense`"),
        ("{\"mesage\": 1}", "did you mean `message`?"),
        ("{\"name\": 5}", "`name` is a text, not a number"),
        ("{\"key\": [1]}", "`key` is a text, not a list"),
    ] {
        let args = ["dead-letters", "replay", id, "--payload", payload];
        person.pic(&args).expect(1).says(says);
    }
    let path = format!("/apps/default/dead-letters/{id}/replay");
    server.api("POST", &path, &Value::Null).expect(200);
    let all = dead(&person, 1);
    let id = all["items"][0]["id"].as_str().unwrap();
    let shown = person.pic(&["dead-letters", "show", id, "--payload"]);
    let payload = shown.expect(0).shows("9007199254740993").json();
    assert_eq!(
        (&payload["name"], &payload["key"]),
        (&json!("emails"), &json!("k"))
    );
    let args = [
        "dead-letters",
        "replay",
        id,
        "--payload",
        "{\"message\": {\"to\": \"ada\"}}",
    ];
    person.pic(&args).expect(0);
    let mut logged = String::new();
    let end = std::time::Instant::now() + PATIENCE;
    while !logged.contains("emails k") {
        assert!(std::time::Instant::now() < end, "{logged}");
        logged = person.pic(&["logs"]).expect(0).stdout;
    }
}

#[test]
fn dead_letters_are_replayed_and_removed_together() {
    let server = server();
    let person = Person::of(&server);
    let all = with_dead(&server, &person, 3);
    let id = |at: usize| all["items"][at]["id"].as_str().unwrap();
    let both = ["dead-letters", "replay", id(0), id(1), "--payload", "{}"];
    person.pic(&both).expect(2).says("one dead letter");
    person.pic(&["dead-letters", "replay"]).expect(2);
    person.pic(&["dead-letters", "discard", id(0)]).expect(0);
    let done = person
        .pic(&["dead-letters", "replay", id(0), id(1)])
        .expect(1);
    done.shows("1 are on their way").says("1 were not there");
    // It fails again, as another dead letter of the same event.
    dead(&person, 2);
    let message = json!({ "name": "emails", "message": { "to": "bad" }, "key": null });
    let piped = ["dead-letters", "replay", id(2), "--payload", "-"];
    person.pipe(message.to_string(), &piped).expect(0);
    dead(&person, 2);
    let all = person.pic(&["dead-letters", "replay", "--all", "--json"]);
    assert_eq!(all.expect(0).json(), json!({ "replayed": 2, "missing": 0 }));
    dead(&person, 2);
    person
        .pic(&["dead-letters", "purge"])
        .expect(2)
        .says("--yes");
    for removed in ["2 are removed", "0 are removed"] {
        let done = person.pic(&["dead-letters", "purge", "--yes"]).expect(0);
        done.says(removed);
    }
}

/// The number of the only delivery.
fn number(person: &Person) -> String {
    let page = person.pic(&["events", "ls", "--json"]).expect(0).json();
    let items = page["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{page}");
    items[0]["seq"].to_string()
}

/// An app with a queue and a schedule.
fn two_triggers(person: &Person) {
    let manifest = "manifest = 1\napp = \"default\"\n[scripts.orders]\nfile = \"o.rhai\"\n
        [[triggers]]\nkind = \"queue\"\nqueue = \"later\"\nscript = \"orders\"\nhandler = \"on_order\"\n
        [[triggers]]\nkind = \"cron\"\nschedule = \"@yearly\"\nscript = \"orders\"\nhandler = \"on_time\"\n";
    person.write("picloud.toml", manifest);
    person.write(
        "o.rhai",
        "fn on_order(event) { print(event.message) } fn on_time(event) {}",
    );
    person.pic(&["deploy"]).expect(0);
}

#[test]
fn what_waits_is_in_peoples_hands() {
    let server = server();
    let person = Person::of(&server);
    two_triggers(&person);
    person
        .pic(&["queues", "pause", "later"])
        .expect(0)
        .says("queue/later is paused");
    person
        .pic(&["triggers", "pause", "later"])
        .expect(0)
        .says("was paused already");
    person
        .pic(&["queues", "send", "later", "{\"to\": \"ada\"}", "--key", "k"])
        .expect(0)
        .says("waits: its trigger is paused");
    person
        .pic(&["events", "ls", "--queue", "later"])
        .expect(0)
        .says("due, paused");
    let one = number(&person);
    let shown = person.pic(&["events", "show", &one]).expect(0);
    assert!(shown.stdout.contains("\"to\": \"ada\""), "{}", shown.stdout);
    person
        .pic(&["events", "delay", &one, "1h"])
        .expect(0)
        .says("its trigger is paused");
    person.pic(&["events", "run", &one]).expect(0).says(&one);
    person
        .pic(&["queues", "show", "later"])
        .expect(0)
        .says("1 due");
    person
        .pic(&["events", "cancel", &one])
        .expect(0)
        .says("1 event is cancelled");
    person.pic(&["events", "cancel", &one]).expect(1);
}

#[test]
fn triggers_run_by_hand() {
    let server = server();
    let person = Person::of(&server);
    two_triggers(&person);
    person.pic(&["queues", "pause", "later"]).expect(0);
    let mut tail = person.start(&["events", "tail"]);
    tail.line("following");
    person.write("event.json", "{\"message\": \"by hand\"}");
    person
        .pic(&["triggers", "run", "later", "--event", "event.json"])
        .expect(0);
    person
        .pic(&["queues", "resume", "later"])
        .expect(0)
        .says("goes on");
    tail.line("queue later orders::on_order attempt 1 handled");
    person
        .pic(&["triggers", "run", "orders::on_time"])
        .expect(0);
    tail.line("cron @yearly orders::on_time attempt 1 handled");
    person
        .pic(&["triggers", "run", "orders"])
        .expect(1)
        .says("several triggers: ");
    person
        .pic(&["triggers", "run", "latr"])
        .expect(1)
        .says("no trigger is called `latr`");
    person
        .pic(&["triggers", "run", "later", "--event", "[1]"])
        .expect(1);
    person
        .pic(&["queues", "send", "later", "hello"])
        .expect(1)
        .says("quotes of its own");
    nothing_waits(&server);
}
