//! A throw-away PostgreSQL from the machine's package: a private directory, a Unix socket and
//! nothing on the network. It keeps `fsync` on and ends with the test process, even a killed one.

mod install;
mod session;
mod supervisor;
mod template;

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use install::{Account, Install};
use supervisor::{Stop, Supervisor};

pub use session::Session;

/// The role the tests are.
const USER: &str = "picloud";

/// A PostgreSQL server of the tests' own.
#[derive(Debug)]
pub struct Postgres {
    /// Ends before the directory goes.
    running: Option<Supervisor>,
    install: Install,
    account: Option<Account>,
    home: TempDir,
    databases: AtomicU32,
}

impl Postgres {
    /// Starts a server for one test, which may stop and restart it.
    ///
    /// # Panics
    /// When there is no PostgreSQL (the message says how to install it) or it does not start (the
    /// message holds its log).
    pub fn start() -> Self {
        let install = Install::find().unwrap_or_else(|missing| panic!("{missing}"));
        let account = Account::for_server();
        // A socket's path has room for about a hundred bytes, so not below `TMPDIR`.
        let home = tempfile::Builder::new()
            .prefix("pc-pg-")
            .tempdir_in("/tmp")
            .expect("/tmp takes a directory");
        template::copy_to(&install, account, &home.path().join("data"));
        if let Some(account) = account {
            chown(home.path(), Some(account.uid), Some(account.gid)).expect("root may chown");
        }
        let mut server = Self {
            running: None,
            install,
            account,
            home,
            databases: AtomicU32::new(0),
        };
        server.restart();
        server
    }

    /// The one server all tests of this process share; they must not stop it.
    ///
    /// # Panics
    /// As [`Postgres::start`].
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// The URL of a new, empty database.
    ///
    /// # Panics
    /// When the server does not run.
    pub fn fresh(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        self.sql(
            &self.url("postgres"),
            &format!("CREATE DATABASE {name} TEMPLATE template0"),
        );
        self.url(&name)
    }

    /// The URL of a database of this server, which need not exist.
    pub fn url(&self, database: &str) -> String {
        let socket = self.socket().display().to_string().replace('/', "%2F");
        format!("postgres://{USER}@{socket}/{database}")
    }

    /// What a statement answers at a database: a line per row, columns separated by `|`.
    ///
    /// # Panics
    /// When it fails.
    pub fn sql(&self, url: &str, statement: &str) -> String {
        let output = Command::new(self.install.program("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set", "ON_ERROR_STOP=1", "--command", statement, url])
            .output()
            .expect("psql starts");
        assert!(
            output.status.success(),
            "`{statement}` failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A connection that stays open, to hold something.
    ///
    /// # Panics
    /// When psql does not start.
    pub fn session(&self, url: &str) -> Session {
        Session::open(Command::new(self.install.program("psql")), url)
    }

    /// Stops the server as an administrator would; its open connections are cut. It has stopped
    /// when this returns.
    pub fn stop(&mut self) {
        self.end(Stop::Fast);
    }

    /// Stops it in immediate mode: its processes end at once, and the next start has to recover from
    /// the log.
    pub fn stop_immediately(&mut self) {
        self.end(Stop::Immediate);
    }

    /// Kills it; the next start has to recover from the log.
    pub fn crash(&mut self) {
        self.end(Stop::Kill);
    }

    /// Starts it again over the same data.
    ///
    /// # Panics
    /// When it does not start; the message holds its log.
    pub fn restart(&mut self) {
        self.stop();
        let running =
            Supervisor::start(&self.install, self.account, self.home.path(), self.socket());
        self.running = Some(running);
    }

    fn end(&mut self, how: Stop) {
        if let Some(running) = self.running.take() {
            running.end(how);
        }
    }

    fn socket(&self) -> &Path {
        self.home.path()
    }
}

/// The directory build artefacts are in, where what is made once per checkout is kept.
fn target_directory() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let tagged = test
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let folder = tagged.map_or_else(std::env::temp_dir, |target| target.join("tmp"));
    fs::create_dir_all(&folder).expect("the target directory is writable");
    folder
}
