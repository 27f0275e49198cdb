//! A power cut keeps every write that was acknowledged, because a commit waits for the disk; the
//! same cut takes some from a writer that does not wait, so the test would notice.

use std::collections::BTreeSet;

use shared::id::AppId;
use store::{Store, StoreConfig};
use tempfile::TempDir;
use test_support::Disk;

use crate::child::{Process, Role};
use crate::killed::lost;
use crate::support::Db;

/// Power cuts, unless `CYCLES` says otherwise.
const CYCLES: u64 = 4;

#[expect(clippy::disallowed_methods, reason = "`make crash` wants more")]
fn cycles() -> u64 {
    let wanted = std::env::var("CRASH_POWER_CYCLES").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(CYCLES)
}

/// Starts a writer, cuts the power after so many acknowledgements; all it made.
fn written_until_the_cut(
    disk: &Disk,
    config: &StoreConfig,
    app: AppId,
    role: Role,
    after: u64,
) -> BTreeSet<String> {
    let mut writer = Process::start(role, config, None, Some(app));
    assert_eq!(writer.says().as_deref(), Some("open"));
    let mut keys = BTreeSet::new();
    for _ in 0..after {
        keys.insert(writer.says().expect("it writes until the cut"));
    }
    // Frozen first: a process does not outlive the power, and the kernel may tell one that does
    // that its data is on the disk although the journal was given up meanwhile.
    writer.freeze();
    disk.cut();
    writer.kill();
    // What it said before counts.
    while let Some(key) = writer.says() {
        keys.insert(key);
    }
    keys
}

/// Acknowledged and lost writes.
fn cut(role: Role) -> (usize, usize) {
    let mut disk = Disk::new(128);
    let config = StoreConfig::sqlite(disk.path().join("data"));
    let db = Db::open(config.clone(), None, TempDir::new().unwrap());
    let app = db.app("shop").id;
    db.store.close();
    drop(db);
    let mut random = fastrand::Rng::with_seed(u64::from(std::process::id()));
    let (mut all, mut gone) = (0, 0);
    for cycle in 0..cycles() {
        let after = random.u64(1..200);
        let keys = written_until_the_cut(&disk, &config, app, role, after);
        disk.restore();
        let store = Store::open(&config).unwrap();
        let db = Db {
            store,
            config: config.clone(),
            url: None,
            folder: TempDir::new().unwrap(),
        };
        all += keys.len();
        let missing = lost(&db, app, &keys);
        if !missing.is_empty() && role == Role::Write {
            println!(
                "cycle {cycle}: of {} after {after}: {missing:?}",
                keys.len()
            );
        }
        gone += missing.len();
        let check = db.rows("PRAGMA integrity_check");
        assert_eq!(
            check[0].text("integrity_check").unwrap(),
            "ok",
            "cycle {cycle}"
        );
        db.store.close();
    }
    println!(
        "power cuts {}, {role:?}: {all} acknowledged, {gone} lost",
        cycles()
    );
    (all, gone)
}

#[test]
fn a_power_cut_keeps_every_acknowledged_write() {
    let (all, gone) = cut(Role::Write);
    assert!(all > 0, "nothing was written");
    assert_eq!(gone, 0, "of {all}");
}

#[test]
fn the_check_catches_a_writer_that_does_not_wait_for_the_disk() {
    let (all, gone) = cut(Role::Relaxed);
    assert!(gone > 0, "{all} writes, and no loss was seen");
}

/// The log of a database in a folder, in bytes.
fn log_bytes(db: &Db) -> u64 {
    let log = db.config.directory.join("picloud.db-wal");
    std::fs::metadata(log).unwrap().len()
}

#[test]
fn the_log_goes_into_the_database_as_it_grows() {
    let db = Db::sqlite();
    let app = db.app("shop").id;
    for letter in ('a'..='z').chain('A'..='Z') {
        let text = letter.to_string().repeat(1 << 20);
        let changed = db.write(move |conn| {
            let sql = "UPDATE apps SET description = ?1 WHERE id = ?2";
            conn.execute(sql, &[text.as_str().into(), app.as_bytes().into()])
        });
        assert_eq!(changed, 1);
    }
    // A checkpoint is due at 4 MiB, and a commit has 1.
    let bytes = log_bytes(&db);
    assert!(bytes < 8 << 20, "{bytes}");
}
