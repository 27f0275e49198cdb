//! A real `picloud serve` in a process of its own, driven over HTTP.

mod cage;
mod client;
mod process;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use cage::Cage;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub use client::{Reply, send};
pub use process::raise_file_limit;

/// The path of a program of this workspace, built beside the running test.
///
/// # Panics
/// When it was not built: tests that need a program say so with `cargo build -p <package>`.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.ancestors().find(|folder| folder.join(name).is_file());
    let folder = folder.unwrap_or_else(|| {
        panic!("`{name}` is not built; run `cargo build -p picloud -p picloud-cli` first")
    });
    folder.join(name)
}

/// How to start a server.
#[derive(Debug)]
pub struct Setup {
    binary: PathBuf,
    home: TempDir,
    data: PathBuf,
    variables: Vec<(String, String)>,
    flags: Vec<String>,
    cage: Option<Cage>,
}

impl Setup {
    /// The server program `binary` over a new data directory, on free ports.
    ///
    /// # Panics
    /// When no temporary directory can be made.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let home = TempDir::new().expect("a temporary directory");
        Self {
            binary: binary.into(),
            data: home.path().join("data"),
            home,
            variables: Vec::new(),
            flags: Vec::new(),
            cage: None,
        }
    }

    /// Over this data directory instead of a new one.
    #[must_use]
    pub fn data(mut self, directory: impl Into<PathBuf>) -> Self {
        self.data = directory.into();
        self
    }

    /// On this PostgreSQL instead of the embedded database.
    #[must_use]
    pub fn postgres(self, url: &str) -> Self {
        self.variable("DATABASE_URL", url)
    }

    /// With an environment variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a clock that is wrong by so many seconds. Only the time of day is: timers are right.
    ///
    /// # Panics
    /// When libfaketime is missing.
    #[must_use]
    pub fn clock_off_by(self, seconds: i64) -> Self {
        self.wrong_clock()
            .variable("FAKETIME", &format!("{seconds:+}s"))
    }

    /// With a clock that is wrong by what a file says, like `+365d` or `+0`, whenever it is read.
    /// Only the time of day is: timers are right.
    ///
    /// # Panics
    /// When libfaketime is missing.
    #[must_use]
    pub fn clock_of(self, file: &Path) -> Self {
        self.wrong_clock()
            .variable("FAKETIME_TIMESTAMP_FILE", &file.display().to_string())
            .variable("FAKETIME_NO_CACHE", "1")
    }

    fn wrong_clock(self) -> Self {
        let library = process::faketime().unwrap_or_else(|| {
            panic!("a server with a wrong clock needs `apt-get install libfaketime`")
        });
        self.variable("LD_PRELOAD", &library.display().to_string())
            .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            // A killed process would leave its shared memory behind.
            .variable("FAKETIME_DISABLE_SHM", "1")
    }

    /// With a setting, like `ceiling.wall`.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.flags.push("--set".to_owned());
        self.flags.push(format!("{key}={value}"));
        self
    }

    /// With this much memory for all it does: beyond it the kernel ends it. Where this process may
    /// not make a memory cgroup, the server is only told of the half that is its budget, and who
    /// tests has to look at [`Server::peak_resident`].
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.cage = Cage::new(bytes);
        match self.cage {
            Some(_) => self,
            None => self.set("memory.budget", &(bytes / 2).to_string()),
        }
    }

    fn command(&self) -> Command {
        match &self.cage {
            Some(cage) => cage.command(&self.binary),
            None => Command::new(&self.binary),
        }
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    /// When it does not start; the message holds its log.
    pub fn start(self) -> Server {
        let running = Running::start(&self);
        Server {
            setup: self,
            running: Some(running),
        }
    }

    fn log(&self) -> PathBuf {
        self.home.path().join("server.log")
    }
}

/// A process that said it is ready.
#[derive(Debug)]
struct Running {
    child: Child,
    /// Kept open: a server whose output is closed could fail for that reason.
    _output: BufReader<ChildStdout>,
    url: String,
    admin_url: String,
    token: String,
    setup_token: Option<String>,
    metrics: String,
}

impl Running {
    fn start(setup: &Setup) -> Self {
        let (home, data) = (setup.home.path(), &setup.data);
        let log = File::options()
            .create(true)
            .append(true)
            .open(setup.log())
            .expect("the log can be written");
        let mut child = setup
            .command()
            .arg("serve")
            .args([
                "--listen",
                "127.0.0.1:0",
                "--admin-listen",
                "127.0.0.1:0",
                "--internal-listen",
                "127.0.0.1:0",
            ])
            .args(&setup.flags)
            .env_remove("DATABASE_URL")
            .env("PICLOUD_DATA_DIR", data)
            .env("HOME", home)
            .env("XDG_STATE_HOME", home.join("state"))
            .envs(setup.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", setup.binary.display()));
        let mut output = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let lines = until_ready(&mut output).unwrap_or_else(|| {
            let log = fs::read_to_string(setup.log()).unwrap_or_default();
            panic!("the server did not start ({:?}):\n{log}", child.wait());
        });
        let credentials =
            fs::read(data.join("credentials.json")).expect("a ready server left them");
        let credentials: serde_json::Value =
            serde_json::from_slice(&credentials).expect("credentials are JSON");
        let text = |name: &str| credentials[name].as_str().expect("a string").to_owned();
        let after = |mark: &str| {
            let line = lines.iter().find(|line| line.contains(mark))?;
            let value = line.split_once(mark)?.1.split_whitespace().next()?;
            Some(value.to_owned())
        };
        Self {
            url: text("apps_url"),
            admin_url: text("url"),
            token: text("token"),
            setup_token: after("/setup?token="),
            metrics: after("Metrics").expect("the server prints where its metrics are"),
            child,
            _output: output,
        }
    }
}

/// The lines up to the last one of the start-up output; `None` when it ends before.
fn until_ready(output: &mut impl std::io::BufRead) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    for line in output.lines() {
        let line = line.ok()?;
        let last = line.starts_with("Try");
        lines.push(line);
        if last {
            return Some(lines);
        }
    }
    None
}

/// A running server. It is killed when dropped.
#[derive(Debug)]
pub struct Server {
    setup: Setup,
    running: Option<Running>,
}

impl Server {
    fn running(&self) -> &Running {
        self.running.as_ref().expect("the server runs")
    }

    /// Where its apps answer, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.running().url
    }

    /// Where its control plane answers, without a slash at the end.
    pub fn admin_url(&self) -> &str {
        &self.running().admin_url
    }

    /// The credential of the machine's own user.
    pub fn token(&self) -> &str {
        &self.running().token
    }

    /// The one-time token it printed, if it has no owner.
    pub fn setup_token(&self) -> Option<&str> {
        self.running().setup_token.as_deref()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.running().child.id()
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.setup.data.clone()
    }

    /// The directory it takes for its user's home.
    pub fn home(&self) -> &Path {
        self.setup.home.path()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.setup.log()).unwrap_or_default()
    }

    /// Where its metrics are.
    pub fn metrics(&self) -> &str {
        &self.running().metrics
    }

    /// The value of a metric without labels.
    ///
    /// # Panics
    /// When there is no such metric.
    pub fn metric(&self, name: &str) -> u64 {
        let text = client::get(&self.running().metrics).text();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = line.and_then(|value| value.trim().parse().ok());
        value.unwrap_or_else(|| panic!("no metric {name} in\n{text}"))
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running
                .child
                .kill()
                .expect("a process of ours can be killed");
            running.child.wait().expect("a killed process ends");
        }
    }

    /// Sends SIGSTOP: no instruction of it runs any more; what the kernel does for it goes on.
    pub fn freeze(&self) {
        let pid = Pid::from_child(&self.running().child);
        kill_process(pid, Signal::STOP).expect("a process of ours can be signalled");
    }

    /// Sends SIGCONT: it goes on where [`Self::freeze`] stopped it.
    pub fn thaw(&self) {
        let pid = Pid::from_child(&self.running().child);
        kill_process(pid, Signal::CONT).expect("a process of ours can be signalled");
    }

    /// Sends SIGKILL and does not wait: what others do with it meanwhile goes on until it fails.
    pub fn strike(&self) {
        let pid = Pid::from_child(&self.running().child);
        kill_process(pid, Signal::KILL).expect("a process of ours can be signalled");
    }

    /// Asks it to stop and waits for its end.
    ///
    /// # Panics
    /// When it does not run.
    pub fn stop(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("the server runs");
        let pid = Pid::from_child(&running.child);
        kill_process(pid, Signal::TERM).expect("a process of ours can be signalled");
        running.child.wait().expect("it ends")
    }

    /// Waits for it to end by itself.
    ///
    /// # Panics
    /// When it does not run.
    pub fn ends(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("the server runs");
        running.child.wait().expect("it ends")
    }

    /// How it ended, when it did by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.running.as_mut()?.child.try_wait().ok()?
    }

    /// Starts it again over the same data.
    pub fn restart(&mut self) {
        self.kill();
        self.running = Some(Running::start(&self.setup));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
