//! Contents, versions, releases, and the pointer to the active one.

use shared::id::{AppId, ContentHash};
use shared::limits::LimitSettings;
use shared::release::{ModuleSpec, RouteAuth, RouteSpec, ScriptSpec, Snapshot};
use store::releases::{self, ContentKind, ReleaseRow};
use store::{Change, StoreError};

use crate::support::{Db, NOW, after, on_both};

on_both![
    contents_are_stored_once_per_app,
    the_same_source_is_the_same_version,
    versions_count_per_kind_and_name,
    releases_count_up_and_read_back,
    only_the_release_that_was_seen_can_be_replaced,
    a_release_that_lost_the_race_leaves_nothing,
    a_version_needs_its_content,
    a_release_that_an_older_program_stored_is_read_as_it_was_written,
];

pub(crate) fn source(text: &str) -> ContentHash {
    ContentHash::of(text.as_bytes())
}

/// A snapshot of scripts and modules by name and source, with a route to each script.
pub(crate) fn snapshot(
    scripts: &[(&str, &str)],
    modules: &[(&str, &str)],
) -> (Snapshot, Vec<String>) {
    let mut all = Snapshot::default();
    let mut sources = Vec::new();
    for (name, text) in scripts {
        let spec = ScriptSpec {
            hash: source(text),
            version: 1,
            description: String::new(),
            limits: LimitSettings::default(),
        };
        all.scripts.insert(name.parse().unwrap(), spec);
        all.routes.push(RouteSpec {
            mode: shared::release::RouteMode::Sync,
            method: "GET".parse().unwrap(),
            path: format!("/{name}/:id").parse().unwrap(),
            script: name.parse().unwrap(),
            handler: None,
            auth: RouteAuth::Public,
            cors: None,
        });
        sources.push((*text).to_owned());
    }
    for (name, text) in modules {
        let spec = ModuleSpec {
            hash: source(text),
            version: 1,
        };
        all.modules.insert(name.parse().unwrap(), spec);
        sources.push((*text).to_owned());
    }
    (all, sources)
}

pub(crate) fn release(snapshot: Snapshot) -> ReleaseRow {
    ReleaseRow {
        number: 0,
        snapshot,
        message: "Merge branch 'x'; DROP TABLE apps; --".to_owned(),
        author: "ada@example.com".to_owned(),
        source: "api".to_owned(),
        created_at: NOW,
    }
}

/// Everything one deploy writes; `None` when `base` is not active any more.
pub(crate) fn write_release(
    change: &mut Change<'_>,
    app: AppId,
    base: Option<i64>,
    (snapshot, sources): &(Snapshot, Vec<String>),
) -> Result<Option<i64>, StoreError> {
    for text in sources {
        releases::put_content(change.conn(), app, source(text), text, NOW)?;
    }
    for (name, spec) in &snapshot.scripts {
        let (kind, name) = (ContentKind::Script, name.as_str());
        releases::version_of(change.conn(), app, kind, name, spec.hash, "ada", NOW)?;
    }
    for (name, spec) in &snapshot.modules {
        let (kind, name) = (ContentKind::Module, name.as_str());
        releases::version_of(change.conn(), app, kind, name, spec.hash, "ada", NOW)?;
    }
    releases::activate_new(change, app, base, &release(snapshot.clone()))
}

/// Deploys; panics when `base` is not active any more.
pub(crate) fn deploy(
    db: &Db,
    app: AppId,
    base: Option<i64>,
    what: &(Snapshot, Vec<String>),
) -> i64 {
    let what = what.clone();
    db.change(move |change| write_release(change, app, base, &what))
        .unwrap()
}

fn active(db: &Db, app: AppId) -> Option<i64> {
    db.read(move |conn| store::apps::get(conn, app))
        .unwrap()
        .active_release
}

fn contents_are_stored_once_per_app(db: &Db) {
    let (shop, blog) = (db.app("shop").id, db.app("blog").id);
    let text = "// Grüße \u{1F980}\n\"hello\"";
    let hash = source(text);
    for _ in 0..2 {
        db.write(move |conn| releases::put_content(conn, shop, hash, text, NOW));
    }
    assert_eq!(db.owned("contents", shop), 1);
    let read = |app| db.read(move |conn| releases::content(conn, app, hash));
    assert_eq!(read(shop).as_deref(), Some(text));
    assert_eq!(
        read(blog),
        None,
        "a hash is not a key to other apps' sources"
    );
    let asked = [source("b"), hash, source("a")];
    let missing = db.read(move |conn| releases::missing(conn, shop, &asked));
    assert_eq!(missing, [source("b"), source("a")]);
    let missing = db.read(move |conn| releases::missing(conn, blog, &asked));
    assert_eq!(missing, asked);
}

fn version_of(
    db: &Db,
    app: AppId,
    kind: ContentKind,
    name: &'static str,
    text: &'static str,
) -> i64 {
    db.write(move |conn| {
        releases::put_content(conn, app, source(text), text, NOW)?;
        releases::version_of(conn, app, kind, name, source(text), "ada", NOW)
    })
}

fn the_same_source_is_the_same_version(db: &Db) {
    let app = db.app("shop").id;
    for (text, version) in [("a", 1), ("b", 2), ("a", 1), ("c", 3), ("b", 2)] {
        assert_eq!(
            version_of(db, app, ContentKind::Script, "hello", text),
            version
        );
    }
    let all = db.read(move |conn| releases::versions(conn, app, ContentKind::Script, "hello"));
    let all: Vec<_> = all.iter().map(|v| (v.version, v.hash, v.size)).collect();
    assert_eq!(
        all,
        [
            (3, source("c"), 1),
            (2, source("b"), 1),
            (1, source("a"), 1)
        ]
    );
}

fn versions_count_per_kind_and_name(db: &Db) {
    let (shop, blog) = (db.app("shop").id, db.app("blog").id);
    let script = ContentKind::Script;
    assert_eq!(version_of(db, shop, script, "hello", "a"), 1);
    assert_eq!(version_of(db, shop, script, "other", "a"), 1);
    assert_eq!(version_of(db, shop, ContentKind::Module, "hello", "b"), 1);
    assert_eq!(version_of(db, blog, script, "hello", "c"), 1);
    assert_eq!(version_of(db, shop, script, "hello", "\u{1F980}"), 2);
    let all = db.read(move |conn| releases::versions(conn, shop, script, "hello"));
    assert_eq!(all[0].size, 4, "bytes, not characters");
    assert!(
        db.read(move |conn| releases::versions(conn, blog, script, "other"))
            .is_empty()
    );
}

fn releases_count_up_and_read_back(db: &Db) {
    let (shop, blog) = (db.app("shop").id, db.app("blog").id);
    let what = snapshot(&[("hello", "a")], &[("util", "b")]);
    assert_eq!(deploy(db, shop, None, &what), 1);
    assert_eq!(deploy(db, shop, Some(1), &snapshot(&[], &[])), 2);
    assert_eq!(deploy(db, blog, None, &what), 1);
    assert_eq!(deploy(db, shop, Some(2), &what), 3);
    let first = db.read(move |conn| releases::get(conn, shop, 1)).unwrap();
    let expected = ReleaseRow {
        number: 1,
        ..release(what.0)
    };
    assert_eq!(format!("{first:?}"), format!("{expected:?}"));
    let numbers = |app, before, limit| {
        let rows = db.read(move |conn| releases::list(conn, app, before, limit));
        rows.into_iter().map(|r| r.number).collect::<Vec<_>>()
    };
    assert_eq!(numbers(shop, None, 2), [3, 2]);
    assert_eq!(numbers(shop, Some(2), 10), [1]);
    assert_eq!(numbers(blog, None, 10), [1]);
    assert!(db.read(move |conn| releases::get(conn, blog, 3)).is_none());
}

fn only_the_release_that_was_seen_can_be_replaced(db: &Db) {
    let (shop, blog) = (db.app("shop").id, db.app("blog").id);
    let what = snapshot(&[("hello", "a")], &[]);
    for base in [None, Some(1), Some(2)] {
        deploy(db, shop, base, &what);
    }
    deploy(db, blog, None, &what);
    let activate = |base, number| {
        db.change(move |change| releases::activate(change, shop, base, number, after(1)))
    };
    for stale in [None, Some(1), Some(2), Some(4)] {
        assert!(!activate(stale, 1), "{stale:?}");
        assert_eq!(active(db, shop), Some(3));
    }
    assert!(activate(Some(3), 1), "a rollback");
    assert_eq!((active(db, shop), active(db, blog)), (Some(1), Some(1)));
    // After a rollback the numbers go on; they are never used again.
    assert_eq!(deploy(db, shop, Some(1), &what), 4);
}

fn a_release_that_lost_the_race_leaves_nothing(db: &Db) {
    let app = db.app("shop").id;
    deploy(db, app, None, &snapshot(&[("hello", "a")], &[]));
    let late = snapshot(&[("hello", "late")], &[]);
    let lost = db.try_change(
        move |change| match write_release(change, app, None, &late)? {
            Some(number) => Ok(number),
            None => Err(StoreError::Engine("lost".to_owned())),
        },
    );
    assert_eq!(lost.unwrap_err().to_string(), "lost");
    assert_eq!(active(db, app), Some(1));
    for table in ["releases", "versions", "contents"] {
        assert_eq!(db.owned(table, app), 1, "{table}");
    }
}

fn a_version_needs_its_content(db: &Db) {
    let (shop, blog) = (db.app("shop").id, db.app("blog").id);
    db.write(move |conn| releases::put_content(conn, blog, source("a"), "a", NOW));
    let theirs = db.try_write(move |conn| {
        let (kind, hash) = (ContentKind::Script, source("a"));
        releases::version_of(conn, shop, kind, "hello", hash, "ada", NOW)
    });
    assert!(
        matches!(theirs, Err(StoreError::OwnerGone(_))),
        "{theirs:?}"
    );
}

/// As a program of November 2026 wrote it: every field, and every kind of trigger with and without
/// what it may leave out. What stands in databases is never written again.
const STORED: &str = include_str!("../data/release-of-november-2026.json");

fn a_release_that_an_older_program_stored_is_read_as_it_was_written(db: &Db) {
    let app = db.app("shop").id;
    db.write(move |conn| {
        conn.execute(
            "INSERT INTO releases (app_id, number, snapshot, message, author, source, created_at) \
             VALUES (?1, 1, ?2, '', '', 'cli', 1)",
            &[app.as_bytes().into(), STORED.trim().into()],
        )
    });
    let read = db.read(move |conn| releases::get(conn, app, 1)).unwrap();
    assert_eq!(read.snapshot.scripts.len(), 2);
    assert_eq!(read.snapshot.triggers.len(), 10);
    // So nothing differs when the same folder is deployed again.
    let again = serde_json::to_string(&read.snapshot).unwrap();
    assert_eq!(again, STORED.trim());
    for trigger in &read.snapshot.triggers {
        assert_eq!(trigger.check(), Ok(()));
    }
}
