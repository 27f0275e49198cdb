//! A killed server keeps every write it acknowledged.
//!
//! A killed process is not a power cut: the kernel still has what it was given. This is about the
//! store's own order of things, commit first, answer after; that the commit waits for the disk is
//! what the settings asserted in `opening` are for.

use std::collections::BTreeSet;

use shared::id::AppId;
use shared::kv::{KvCall, KvCondition, KvOp, KvReply, KvValue};
use store::{Room, Store, kv};

use crate::child::{Process, Role, say};
use crate::kv::{call, get};
use crate::support::{Db, NOW, block_on};

/// Processes killed per engine.
const CYCLES: u64 = 20;
/// Threads writing in each.
const WRITERS: usize = 8;
/// Writes a lying writer promises before it does the first of them.
const AHEAD: usize = 64;

/// The child's part: every thread writes its own keys and says which are written.
pub(crate) fn write_for_ever(store: &Store, app: AppId, promise: bool) {
    let run = std::process::id();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                let keys = (0_u64..).map(|at| format!("{run}/{writer}/{at}"));
                if promise {
                    for keys in keys.collect_groups() {
                        for key in &keys {
                            say(key);
                        }
                        for key in &keys {
                            write(store, app, key);
                        }
                    }
                } else {
                    for key in keys {
                        write(store, app, &key);
                        say(&key);
                    }
                }
            });
        }
    });
}

/// Keys in groups of [`AHEAD`].
trait Groups: Iterator<Item = String> + Sized {
    fn collect_groups(mut self) -> impl Iterator<Item = Vec<String>> {
        std::iter::from_fn(move || Some(self.by_ref().take(AHEAD).collect()))
    }
}

impl<I: Iterator<Item = String>> Groups for I {}

fn write(store: &Store, app: AppId, key: &str) {
    let call = KvCall {
        collection: "ledger".parse().unwrap(),
        op: KvOp::Set {
            key: key.to_owned(),
            value: value(key),
            ttl_ms: None,
            condition: KvCondition::None,
        },
    };
    let written =
        block_on(store.write(move |conn| kv::call(conn, app, NOW, &call, &mut Room::of(u64::MAX))));
    assert!(matches!(written, Ok(KvReply::Written(_))), "{written:?}");
}

/// A value that says whose it is, longer than a page.
fn value(key: &str) -> KvValue {
    KvValue::Blob(key.repeat(600).into_bytes().into())
}

/// Starts a writer, kills it after so many acknowledgements, returns all it made.
fn acknowledged(db: &Closed, app: AppId, role: Role, after: u64) -> BTreeSet<String> {
    let mut writer = Process::start(role, &db.config, db.url.as_deref(), Some(app));
    assert_eq!(writer.says().as_deref(), Some("open"));
    let mut keys = BTreeSet::new();
    for _ in 0..after {
        keys.insert(writer.says().expect("it writes until it is killed"));
    }
    writer.kill();
    // What it said before it died counts.
    while let Some(key) = writer.says() {
        keys.insert(key);
    }
    keys
}

/// A database nobody has open.
struct Closed {
    config: store::StoreConfig,
    url: Option<String>,
    folder: tempfile::TempDir,
}

impl Closed {
    fn new(db: Db) -> Self {
        let Db {
            store,
            config,
            url,
            folder,
        } = db;
        store.close();
        drop(store);
        Self {
            config,
            url,
            folder,
        }
    }

    fn open(self) -> Db {
        Db::open(self.config, self.url, self.folder)
    }
}

/// Those of some keys that are not there as they were acknowledged.
pub(crate) fn lost(db: &Db, app: AppId, keys: &BTreeSet<String>) -> Vec<String> {
    let missing = |key: &&String| {
        let op = KvOp::Get((*key).clone());
        let reply = crate::kv::call_in(db, app, NOW, "ledger", op).unwrap();
        !matches!(reply, KvReply::Entry(Some(entry)) if entry.value == value(key))
    };
    keys.iter().filter(missing).cloned().collect()
}

fn every_acknowledged_write_survives(db: Db) {
    let app = db.app("shop").id;
    let sqlite = db.url.is_none();
    call(
        &db,
        app,
        NOW,
        crate::kv::put("before", KvValue::Blob("x".into())),
    )
    .unwrap();
    let mut random = fastrand::Rng::with_seed(u64::from(std::process::id()));
    let mut closed = Closed::new(db);
    let mut all = BTreeSet::new();
    for cycle in 0..CYCLES {
        let after = random.u64(1..120);
        all.extend(acknowledged(&closed, app, Role::Write, after));
        let db = closed.open();
        assert_eq!(
            lost(&db, app, &all),
            [""; 0],
            "cycle {cycle}, killed after {after}"
        );
        if sqlite {
            let check = db.rows("PRAGMA integrity_check");
            assert_eq!(
                check[0].text("integrity_check").unwrap(),
                "ok",
                "cycle {cycle}"
            );
        }
        closed = Closed::new(db);
    }
    assert!(all.len() as u64 >= CYCLES, "the writers wrote");
    assert!(get(&closed.open(), app, NOW, "before").is_some());
}

fn a_writer_that_answers_too_early_is_caught(db: Db) {
    let app = db.app("shop").id;
    let mut closed = Closed::new(db);
    for _ in 0..CYCLES {
        let keys = acknowledged(&closed, app, Role::Promise, AHEAD as u64);
        let db = closed.open();
        if !lost(&db, app, &keys).is_empty() {
            return;
        }
        closed = Closed::new(db);
    }
    panic!("{CYCLES} writers that promised too much, and no loss was seen");
}

#[test]
fn sqlite_keeps_every_acknowledged_write() {
    every_acknowledged_write_survives(Db::sqlite());
}

#[test]
fn postgresql_keeps_every_acknowledged_write() {
    every_acknowledged_write_survives(Db::postgres());
}

#[test]
fn the_check_catches_a_lying_writer_on_sqlite() {
    a_writer_that_answers_too_early_is_caught(Db::sqlite());
}

#[test]
fn the_check_catches_a_lying_writer_on_postgresql() {
    a_writer_that_answers_too_early_is_caught(Db::postgres());
}
