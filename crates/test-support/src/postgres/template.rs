//! An initialised data directory, made once per checkout and copied for each server.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::fs::{FlockOperation, flock};

use super::install::{Account, Install, command_as};
use super::{USER, target_directory};

/// Copies a new cluster to `to`, owned by the account.
pub(super) fn copy_to(install: &Install, account: Option<Account>, to: &Path) {
    let template = template(install, account);
    copy(&template, to, account);
    // PostgreSQL insists.
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).expect("the copy is ours");
}

/// The template of this version; makes it when it is not there. One process at a time does.
fn template(install: &Install, account: Option<Account>) -> PathBuf {
    let folder = target_directory();
    let version: String = install
        .version()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let template = folder.join(format!("cluster-{version}"));
    let lock = File::create(folder.join("cluster.lock")).expect("the target directory is writable");
    flock(&lock, FlockOperation::LockExclusive).expect("a lock is free in the end");
    if !template.is_dir() {
        make(install, account, &template);
    }
    template
}

/// Runs `initdb` where its account may write, then puts the result in place in one step.
fn make(install: &Install, account: Option<Account>, template: &Path) {
    let workshop = tempfile::Builder::new()
        .prefix("pc-pg-")
        .tempdir_in("/tmp")
        .expect("/tmp takes a directory");
    if let Some(account) = account {
        chown(workshop.path(), Some(account.uid), Some(account.gid)).expect("root may chown");
    }
    let data = workshop.path().join("data");
    let output = command_as(install.program("initdb"), account)
        .arg("--pgdata")
        .arg(&data)
        .args(["--username", USER, "--auth", "trust", "--encoding", "UTF8"])
        // Small, because it is copied for every server; a collation that does not order by bytes,
        // because a statement that forgets to ask for that order must fail here.
        .args(["--wal-segsize", "1", "--no-sync", "--locale", "C.UTF-8"])
        .args(["--locale-provider", "icu", "--icu-locale", "en-US"])
        .stdin(Stdio::null())
        .output()
        .expect("initdb starts");
    assert!(
        output.status.success(),
        "initdb failed; these tests need PostgreSQL 15 or newer:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let unfinished = template.with_extension("new");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).expect("an interrupted copy can be removed");
    }
    copy(&data, &unfinished, None);
    fs::rename(&unfinished, template).expect("a rename within a directory");
}

fn copy(from: &Path, to: &Path, owner: Option<Account>) {
    fs::create_dir(to).expect("a new directory");
    for entry in fs::read_dir(from).expect("the template is readable") {
        let entry = entry.expect("the template is readable");
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target, owner);
        } else {
            fs::copy(&source, &target).expect("the disk has room");
            own(&target, owner);
        }
    }
    own(to, owner);
}

fn own(path: &Path, owner: Option<Account>) {
    if let Some(owner) = owner {
        chown(path, Some(owner.uid), Some(owner.gid)).expect("root may chown");
    }
}
