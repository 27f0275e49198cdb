//! Two servers on one PostgreSQL: what one of them changes, the other serves.
//!
//! Every operation of the admin API is here: it changes what is served, then the other server is seen
//! to follow, told of it and not told of it; or it changes nothing that is served, with the reason.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::{Postgres, Reply, Server};

use crate::support::setup;

/// Longest wait: only so that a defect fails a test instead of hanging it.
const PATIENCE: Duration = Duration::from_mins(1);

/// A change of what is served.
struct Change {
    operation: &'static str,
    /// The app it is about, which is made for it.
    app: &'static str,
    prepare: fn(&Server, &str),
    act: fn(&Server, &str),
    /// Whether a server shows the change.
    shown: fn(&Server, &str) -> bool,
    /// Deployment numbers it raises.
    raises: u64,
}

fn answer(server: &Server, host: &str) -> Reply {
    server.request("GET", "/", &[("host", host)], "")
}

/// The answer of an app at its own host.
fn text(server: &Server, app: &str) -> String {
    answer(server, &format!("{app}.localhost")).text()
}

/// What the default app answers.
fn unclaimed(server: &Server) -> String {
    answer(server, "nobody.example.org").text()
}

fn release(version: &str) -> Value {
    let source = format!(
        "if version() > 0 {{ `{version} ${{env::get(\"COLOR\", \"none\")}}` }}\nfn version() {{ let n = 0; for i in 0..5_000 {{ n += 1; }} n }}"
    );
    json!({
        "scripts": {"main": {"source": source}},
        "routes": [{"path": "/*rest", "script": "main"}],
    })
}

fn deploy(server: &Server, app: &str, version: &str) {
    let path = format!("/apps/{app}/releases");
    server.api("POST", &path, &release(version)).expect(201);
}

fn make(server: &Server, app: &str) {
    server
        .api("POST", "/apps", &json!({ "name": app }))
        .expect(201);
    deploy(server, app, "one");
}

fn update(server: &Server, app: &str, what: &Value) {
    server
        .api("PATCH", &format!("/apps/{app}"), what)
        .expect(200);
}

fn set_color(server: &Server, app: &str) {
    let red = json!({"value": "red"});
    let path = format!("/apps/{app}/env/COLOR");
    server.api("PUT", &path, &red).expect(200);
}

fn domain(app: &str) -> String {
    format!("{app}.example.com")
}

fn claim(server: &Server, app: &str) {
    let body = json!({"domain": domain(app)});
    let path = format!("/apps/{app}/domains");
    server.api("POST", &path, &body).expect(201);
}

fn delete(server: &Server, path: &str) {
    server.api("DELETE", path, &Value::Null).expect(204);
}

const CHANGES: [Change; 12] = [
    Change {
        operation: "createApp",
        app: "created",
        prepare: |_, _| {},
        act: |server, app| {
            drop(
                server
                    .api("POST", "/apps", &json!({ "name": app }))
                    .expect(201),
            );
        },
        // Until then the default app answers there.
        shown: |server, app| answer(server, &format!("{app}.localhost")).status == 404,
        raises: 1,
    },
    Change {
        operation: "deleteApp",
        app: "deleted",
        prepare: make,
        act: |server, app| delete(server, &format!("/apps/{app}")),
        shown: |server, app| text(server, app) == unclaimed(server),
        raises: 1,
    },
    Change {
        operation: "updateApp",
        app: "moved",
        prepare: make,
        act: |server, app| update(server, app, &json!({"name": "moved-here"})),
        shown: |server, _| text(server, "moved-here") == "one none",
        raises: 1,
    },
    Change {
        operation: "updateApp",
        app: "limited",
        prepare: make,
        act: |server, app| update(server, app, &json!({"limits": {"operations": 1_000}})),
        shown: |server, app| answer(server, &format!("{app}.localhost")).status == 500,
        raises: 1,
    },
    Change {
        operation: "updateApp",
        app: "taker",
        prepare: |server, app| {
            make(server, "taken-from");
            update(server, "taken-from", &json!({"name": "taken-from-2"}));
            make(server, app);
        },
        // The other app loses its old name, and must not get it back when this one goes on.
        act: |server, app| {
            update(server, app, &json!({"name": "taken-from"}));
            update(server, "taken-from", &json!({"name": app}));
            delete(server, &format!("/apps/{app}"));
        },
        shown: |server, _| text(server, "taken-from") == unclaimed(server),
        raises: 2,
    },
    Change {
        operation: "claimDomain",
        app: "claimer",
        prepare: make,
        act: claim,
        shown: |server, app| answer(server, &domain(app)).text() == "one none",
        raises: 1,
    },
    Change {
        operation: "giveUpDomain",
        app: "giver",
        prepare: |server, app| {
            make(server, app);
            claim(server, app);
        },
        act: |server, app| delete(server, &format!("/apps/{app}/domains/{}", domain(app))),
        shown: |server, app| answer(server, &domain(app)).text() == unclaimed(server),
        raises: 1,
    },
    Change {
        operation: "setEnv",
        app: "painted",
        prepare: make,
        act: set_color,
        shown: |server, app| text(server, app) == "one red",
        raises: 1,
    },
    Change {
        operation: "deleteEnv",
        app: "washed",
        prepare: |server, app| {
            make(server, app);
            set_color(server, app);
        },
        act: |server, app| delete(server, &format!("/apps/{app}/env/COLOR")),
        shown: |server, app| text(server, app) == "one none",
        raises: 1,
    },
    Change {
        operation: "deploy",
        app: "deployed",
        prepare: make,
        act: |server, app| deploy(server, app, "two"),
        shown: |server, app| text(server, app) == "two none",
        raises: 1,
    },
    Change {
        operation: "rollback",
        app: "rolled-back",
        prepare: |server, app| {
            make(server, app);
            deploy(server, app, "two");
        },
        act: |server, app| {
            let path = format!("/apps/{app}/rollback");
            server.api("POST", &path, &json!({"to": 1})).expect(200);
        },
        shown: |server, app| text(server, app) == "one none",
        raises: 1,
    },
    Change {
        operation: "updateApp",
        app: "new-default",
        prepare: |server, app| {
            make(server, app);
            deploy(server, app, "new");
        },
        act: |server, app| update(server, app, &json!({"default": true})),
        shown: |server, _| unclaimed(server) == "new none",
        raises: 2,
    },
];

/// What changes nothing that is served, and why it does not.
const NOTHING: [(&str, &str); 30] = [
    (
        "setAppStorage",
        "the database looks at it when something is kept",
    ),
    ("setKv", "scripts read the store"),
    ("deleteKv", "scripts read the store"),
    ("createOwner", "people are looked up in the database"),
    ("signIn", "sessions are looked up in the database"),
    ("signOut", "sessions are looked up in the database"),
    (
        "createToken",
        "a token that is not known is looked up in the database",
    ),
    (
        "deleteToken",
        "a token is believed for a second at most, by the server it was deleted on too",
    ),
    ("missingContents", "it only looks"),
    ("validate", "it only looks"),
    ("checkNewApp", "it only looks"),
    ("matchRoute", "it only looks"),
    ("previewSchedule", "it only looks"),
    ("run", "it runs a draft, which is not stored"),
    ("invokePost", "it runs what is served"),
    ("invokePut", "it runs what is served"),
    ("invokePatch", "it runs what is served"),
    ("invokeDelete", "it runs what is served"),
    ("replayDeadLetter", "events are followed by the dispatchers"),
    ("runDelivery", "events are followed by the dispatchers"),
    ("delayDelivery", "events are followed by the dispatchers"),
    ("cancelDelivery", "events are followed by the dispatchers"),
    ("cancelDeliveries", "events are followed by the dispatchers"),
    (
        "pauseTrigger",
        "the dispatchers follow it, see `pausing.rs`",
    ),
    (
        "resumeTrigger",
        "the dispatchers follow it, see `pausing.rs`",
    ),
    ("runTrigger", "it writes an event"),
    ("sendMessage", "it writes an event"),
    (
        "replayDeadLetters",
        "events are followed by the dispatchers",
    ),
    (
        "deleteDeadLetter",
        "dead letters are looked up in the database",
    ),
    (
        "purgeDeadLetters",
        "dead letters are looked up in the database",
    ),
];

/// Operations of the API that may change something.
fn mutating(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .values()
        .flat_map(|methods| methods.as_object().unwrap())
        .filter(|(method, _)| ["post", "put", "patch", "delete"].contains(&method.as_str()))
        .map(|(_, operation)| operation["operationId"].as_str().unwrap().to_owned())
        .collect()
}

/// Those of them that nothing here is about.
fn unknown(operations: BTreeSet<String>) -> Vec<String> {
    let known = CHANGES.iter().map(|change| change.operation);
    let known: BTreeSet<&str> = known
        .chain(NOTHING.map(|(operation, _)| operation))
        .collect();
    let operations = operations.into_iter();
    operations
        .filter(|operation| !known.contains(operation.as_str()))
        .collect()
}

#[test]
fn every_operation_that_changes_something_is_here() {
    let server = setup().start();
    let document = server.admin("GET", "/api/v1/openapi.json", &[], "");
    let document = document.expect(200).json();
    let mut operations = mutating(&document);
    assert!(operations.len() > 20, "{operations:?}");
    assert_eq!(unknown(operations.clone()), Vec::<String>::new());
    for (operation, _why) in NOTHING {
        assert!(operations.contains(operation), "{operation} is gone");
    }
    operations.insert("suspendApp".to_owned());
    assert_eq!(unknown(operations), ["suspendApp"], "a new one is noticed");
}

/// Waits until a server shows something.
pub(crate) fn wait_until(server: &Server, what: &str, mut shown: impl FnMut() -> bool) {
    let since = Instant::now();
    while !shown() {
        assert!(
            since.elapsed() < PATIENCE,
            "{what} is not followed\n{}",
            server.log()
        );
    }
}

/// Two servers on one database, which have met. While the table `swallowed` has a row, nobody is
/// told anything.
pub(crate) fn pair() -> (Server, Server, String) {
    let database = Postgres::shared();
    let url = database.fresh();
    let name = url.rsplit('/').next().unwrap();
    database.sql(
        &url,
        &format!(
            "CREATE TABLE swallowed (yes INT); \
             CREATE FUNCTION public.pg_notify(channel TEXT, payload TEXT) RETURNS VOID \
             LANGUAGE plpgsql AS $$ BEGIN IF NOT EXISTS (SELECT 1 FROM public.swallowed) THEN \
             PERFORM pg_catalog.pg_notify(channel, payload); END IF; END $$; \
             ALTER DATABASE {name} SET search_path = public, pg_catalog"
        ),
    );
    let here = setup().postgres(&url).start();
    let there = setup().postgres(&url).start();
    here.default_app("default");
    let default = json!({
        "scripts": {"main": {"source": "\"default\""}},
        "routes": [{"path": "/*rest", "script": "main"}],
    });
    here.api("POST", "/apps/default/releases", &default)
        .expect(201);
    (here, there, url)
}

fn missed(server: &Server) -> u64 {
    server.metric("picloud_catalog_changes_missed_total")
}

/// Prepares all changes; the other server serves what comes before them when this returns.
fn prepared(here: &Server, there: &Server) {
    for change in &CHANGES {
        (change.prepare)(here, change.app);
    }
    make(here, "prepared");
    for change in &CHANGES {
        let ready = || text(there, change.app) == text(here, change.app);
        wait_until(there, change.app, ready);
        assert!(
            !(change.shown)(there, change.app),
            "{} too early",
            change.app
        );
    }
    wait_until(there, "the last", || text(there, "prepared") == "one none");
}

#[test]
fn what_one_server_changes_the_other_serves_when_it_is_told() {
    let (here, there, _url) = pair();
    prepared(&here, &there);
    let before = missed(&there);
    for change in &CHANGES {
        (change.act)(&here, change.app);
        assert!(
            (change.shown)(&here, change.app),
            "{} is live on return",
            change.app
        );
        wait_until(&there, change.app, || (change.shown)(&there, change.app));
    }
    // All of it takes less time than lies between two comparisons, one of which may come between a
    // change and what is told of it.
    let missed = missed(&there) - before;
    assert!(missed <= 2, "{missed} changes were not told of");
}

#[test]
fn what_nobody_was_told_of_is_found_by_comparing() {
    let (here, there, url) = pair();
    prepared(&here, &there);
    let before = missed(&there);
    Postgres::shared().sql(&url, "INSERT INTO swallowed VALUES (1)");
    for change in &CHANGES {
        (change.act)(&here, change.app);
    }
    for change in &CHANGES {
        wait_until(&there, change.app, || (change.shown)(&there, change.app));
    }
    let raised: u64 = CHANGES.iter().map(|change| change.raises).sum();
    assert_eq!(missed(&there) - before, raised, "nothing was told");
}

/// The connections that listen end, at the moment of the change.
#[test]
fn what_was_told_while_nobody_listened_is_found_on_listening_again() {
    let (here, there, url) = pair();
    prepared(&here, &there);
    let before = missed(&there);
    let end = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE application_name = 'picloud listener' AND datname = current_database()";
    let ended = Postgres::shared().sql(&url, end);
    assert_eq!(ended, "2", "each server listens on one connection");
    for change in &CHANGES {
        (change.act)(&here, change.app);
        assert!(
            (change.shown)(&here, change.app),
            "{} is live on return",
            change.app
        );
    }
    for change in &CHANGES {
        wait_until(&there, change.app, || (change.shown)(&there, change.app));
    }
    assert!(missed(&there) > before, "something was told of to nobody");
}

/// A server that has heard of nobody since its start: what comes from elsewhere is found too.
#[test]
fn a_server_that_never_met_another_finds_what_nobody_told_it_of() {
    let url = Postgres::shared().fresh();
    let alone = setup().postgres(&url).start();
    make(&alone, "shop");
    Postgres::shared().sql(
        &url,
        "INSERT INTO env (app_id, name, value, updated_at) \
         SELECT id, 'COLOR', 'red', 0 FROM apps WHERE slug = 'shop'; \
         UPDATE apps SET deployment = deployment + 1 WHERE slug = 'shop'",
    );
    wait_until(&alone, "shop", || text(&alone, "shop") == "one red");
}

/// The guard off: a number that stays is not followed, although all numbers were compared since.
#[test]
fn what_raises_no_number_is_not_followed() {
    let (here, there, url) = pair();
    make(&here, "stuck");
    make(&here, "followed");
    for app in ["stuck", "followed"] {
        wait_until(&there, app, || text(&there, app) == "one none");
    }
    Postgres::shared().sql(
        &url,
        "INSERT INTO swallowed VALUES (1); \
         CREATE FUNCTION stays() RETURNS TRIGGER LANGUAGE plpgsql AS \
         $$ BEGIN NEW.deployment = OLD.deployment; RETURN NEW; END $$; \
         CREATE TRIGGER stays BEFORE UPDATE ON apps FOR EACH ROW WHEN (OLD.slug = 'stuck') \
         EXECUTE FUNCTION stays()",
    );
    set_color(&here, "stuck");
    set_color(&here, "followed");
    wait_until(&there, "followed", || text(&there, "followed") == "one red");
    assert_eq!(text(&there, "stuck"), "one none");
}
