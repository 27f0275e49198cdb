//! Which PostgreSQL the machine has, and as whom it may run.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian puts the server programs, one directory per major version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The programs of one PostgreSQL version.
#[derive(Clone, Debug)]
pub(super) struct Install {
    programs: PathBuf,
}

impl Install {
    /// The newest on this machine.
    pub(super) fn find() -> Result<Self, String> {
        Self::newest_in(Path::new(DEBIAN)).or_else(|missing| on_path().ok_or(missing))
    }

    fn newest_in(root: &Path) -> Result<Self, String> {
        let versions = fs::read_dir(root).into_iter().flatten().flatten();
        let newest = versions
            .filter_map(|version| {
                let number: u32 = version.file_name().to_str()?.parse().ok()?;
                let install = Self {
                    programs: version.path().join("bin"),
                };
                install.is_complete().then_some((number, install))
            })
            .max_by_key(|(number, _)| *number);
        newest.map(|(_, install)| install).ok_or_else(|| {
            format!(
                "these tests need a PostgreSQL server, and there is none in {}/*/bin or on the \
                 PATH; install it with `apt-get install postgresql`",
                root.display()
            )
        })
    }

    fn is_complete(&self) -> bool {
        ["initdb", "postgres", "psql"]
            .iter()
            .all(|name| self.program(name).is_file())
    }

    /// One of its programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// What tells it apart from other versions.
    pub(super) fn version(&self) -> String {
        let output = Command::new(self.program("postgres"))
            .arg("--version")
            .output()
            .expect("postgres starts");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

fn on_path() -> Option<Install> {
    let output = Command::new("sh")
        .args(["-c", "command -v initdb"])
        .output()
        .ok()?;
    let initdb = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    // Beside a link there is only what somebody linked.
    let programs = initdb.canonicalize().ok()?.parent()?.to_owned();
    let install = Install { programs };
    install.is_complete().then_some(install)
}

/// A user of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// Whom the server runs as; `None` for the user of the tests. PostgreSQL refuses to be root.
    pub(super) fn for_server() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let accounts = fs::read_to_string("/etc/passwd").expect("/etc/passwd is readable");
        let account = Self::named(&accounts, "postgres").or(Self::named(&accounts, "nobody"));
        assert!(account.is_some(), "no user `postgres` and no `nobody`");
        account
    }

    fn named(accounts: &str, name: &str) -> Option<Self> {
        let fields: Vec<&str> = accounts
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields.first() == Some(&name))?;
        Some(Self {
            uid: fields.get(2)?.parse().ok()?,
            gid: fields.get(3)?.parse().ok()?,
        })
    }
}

/// A command that runs as an account.
pub(super) fn command_as(program: impl AsRef<Path>, account: Option<Account>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.env("LC_ALL", "C").current_dir("/");
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_postgresql_says_how_to_get_it() {
        let empty = tempfile::tempdir().expect("a temporary directory");
        let missing = Install::newest_in(empty.path()).expect_err("nothing is there");
        assert!(missing.contains("apt-get install postgresql"), "{missing}");
    }

    #[test]
    fn the_newest_complete_version_is_taken() {
        let root = tempfile::tempdir().expect("a temporary directory");
        for (version, programs) in [
            ("9", &["initdb", "postgres", "psql"][..]),
            ("15", &["initdb", "postgres", "psql"]),
            ("17", &["psql"]),
        ] {
            let bin = root.path().join(version).join("bin");
            fs::create_dir_all(&bin).expect("a directory");
            for program in programs {
                fs::write(bin.join(program), "").expect("a file");
            }
        }
        let found = Install::newest_in(root.path()).expect("one is complete");
        assert_eq!(found.programs, root.path().join("15/bin"));
    }

    #[test]
    fn accounts_are_read_from_the_password_file() {
        let text = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/:/bin/false\n";
        let nobody = Account {
            uid: 65534,
            gid: 65533,
        };
        assert_eq!(Account::named(text, "nobody"), Some(nobody));
        assert_eq!(Account::named(text, "postgres"), None);
    }
}
