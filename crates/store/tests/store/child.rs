//! This test program again, in a process of its own that can be killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use shared::id::AppId;
use store::{OpenError, Store, StoreConfig};

/// What the child does; unset in the process that runs the tests.
const ROLE: &str = "PICLOUD_TEST_ROLE";
/// Where its data directory is.
const DIRECTORY: &str = "PICLOUD_TEST_DIRECTORY";
/// Its PostgreSQL, if it is not on SQLite.
const URL: &str = "PICLOUD_TEST_URL";
/// The app it writes for.
const APP: &str = "PICLOUD_TEST_APP";

/// What a child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Opens the store, says how that went, ends.
    Open,
    /// Opens the store and holds it until its input ends.
    Hold,
    /// Writes until it is killed; acknowledges what is written.
    Write,
    /// Writes until it is killed; acknowledges what it is going to write.
    Promise,
    /// Writes until it is killed; acknowledges what the disk may not have yet.
    Relaxed,
}

impl Role {
    const ALL: [Self; 5] = [
        Self::Open,
        Self::Hold,
        Self::Write,
        Self::Promise,
        Self::Relaxed,
    ];
}

/// A running child.
pub(crate) struct Process {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Process {
    pub(crate) fn start(
        role: Role,
        db: &StoreConfig,
        url: Option<&str>,
        app: Option<AppId>,
    ) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["child::a_process_of_its_own", "--exact", "--nocapture"])
            .env(ROLE, format!("{role:?}"))
            .env(DIRECTORY, &db.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some(url) = url {
            command.env(URL, url);
        }
        if let Some(app) = app {
            command.env(APP, app.to_string());
        }
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// The next thing it says; `None` when it has ended. A line cut off by its death is not said.
    pub(crate) fn says(&mut self) -> Option<String> {
        let mut line = String::new();
        loop {
            line.clear();
            self.said.read_line(&mut line).unwrap();
            if line.is_empty() {
                return None;
            }
            let said = line
                .split_once("said: ")
                .and_then(|(_, s)| s.strip_suffix('\n'));
            if let Some(said) = said {
                return Some(said.to_owned());
            }
        }
    }

    /// SIGSTOP: no instruction of it runs any more; what the kernel does for it goes on.
    pub(crate) fn freeze(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    }

    /// SIGKILL: nothing of it runs on.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Says something to the parent, in one write.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("said: {text}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

#[expect(
    clippy::disallowed_methods,
    reason = "how a child of a test is told what to do"
)]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Where children start; nothing when it runs as one of the tests.
#[test]
fn a_process_of_its_own() {
    let Some(role) = told(ROLE) else { return };
    let role = Role::ALL
        .into_iter()
        .find(|r| format!("{r:?}") == role)
        .unwrap();
    let directory = told(DIRECTORY).unwrap();
    let config = match told(URL) {
        None => StoreConfig::sqlite(directory),
        Some(url) => StoreConfig::postgres(directory, url),
    };
    let config = StoreConfig {
        durable: role != Role::Relaxed,
        ..config
    };
    let store = match Store::open(&config) {
        Ok(store) => store,
        Err(error) => {
            let locked = matches!(error, OpenError::Locked { .. });
            say(if locked { "locked" } else { "failed" });
            return;
        }
    };
    say("open");
    match role {
        Role::Open => store.close(),
        Role::Hold => {
            std::io::stdin().read_line(&mut String::new()).unwrap();
            store.close();
        }
        Role::Write | Role::Promise | Role::Relaxed => {
            let app = told(APP).unwrap().parse().unwrap();
            crate::killed::write_for_ever(&store, app, role == Role::Promise);
        }
    }
}
