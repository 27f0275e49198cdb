//! The server's process and the shell that watches over it: when the pipe from the test process
//! closes, for whatever reason, the shell ends the server and removes its files.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;

use super::install::{Account, Install, command_as};

/// `$0` is the directory to remove, the rest the server's command. A line on standard input asks
/// for a stop that keeps the files; the end of the input is the end of the test process. The shell
/// gives its own standard error away, so that the pipe ends when the server's last process has, and
/// it waits for the server, whose process id could not be used again otherwise.
const WATCH: &str = r#"
"$@" &
server=$!
exec 2>/dev/null
if read -r how; then
    kill -s "$how" $server
    wait $server
else
    kill -s QUIT $server
    wait $server
    rm -rf "$0"
fi
"#;

/// What the server logs when it takes connections.
const READY: &str = "database system is ready to accept connections";

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Connections are cut, everything is written.
    Fast,
    /// Connections are cut, nothing is written; the next start recovers from the log.
    Immediate,
    /// The server is killed; the processes of its connections end when they notice.
    Kill,
}

/// A running server.
#[derive(Debug)]
pub(super) struct Supervisor {
    shell: Child,
    /// Its end of life; taken when it ends.
    pipe: Option<ChildStdin>,
    /// Ends when the last process of the server has.
    log: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Starts a server over `home`/data and waits until it takes connections.
    pub(super) fn start(
        install: &Install,
        account: Option<Account>,
        home: &Path,
        socket: &Path,
    ) -> Self {
        let mut shell = command_as("/bin/sh", account)
            .args(["-c", WATCH])
            .arg(home)
            .arg(install.program("postgres"))
            .arg("-D")
            .arg(home.join("data"))
            .args(["-c", "listen_addresses="])
            .arg("-c")
            .arg(format!("unix_socket_directories={}", socket.display()))
            .args(["-c", "max_connections=200", "-c", "shared_buffers=32MB"])
            .args(["-c", "fsync=on", "-c", "log_checkpoints=off"])
            // Signals to the tests' group (Ctrl-C) are not for it; the pipe tells it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let pipe = shell.stdin.take();
        let (lines, log) = follow(shell.stderr.take().expect("stderr is a pipe"));
        let started = Self {
            shell,
            pipe,
            log: Some(log),
        };
        let mut said = String::new();
        for line in lines {
            if line.contains(READY) {
                return started;
            }
            said.push_str(&line);
            said.push('\n');
        }
        panic!("PostgreSQL did not start:\n{said}");
    }

    /// Ends it and keeps its files. Nothing of it runs when this returns.
    pub(super) fn end(mut self, how: Stop) {
        let signal: &[u8] = match how {
            Stop::Fast => b"INT\n",
            Stop::Immediate => b"QUIT\n",
            Stop::Kill => b"KILL\n",
        };
        let pipe = self.pipe.as_mut().expect("it runs");
        pipe.write_all(signal).expect("the shell reads");
        self.wait();
    }

    fn wait(&mut self) {
        self.shell.wait().expect("a shell of ours");
        if let Some(log) = self.log.take() {
            log.join().expect("reading lines does not panic");
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if self.log.is_some() {
            drop(self.pipe.take());
            self.wait();
        }
    }
}

/// The lines the server writes. They go on being read when nobody listens any more: a server
/// whose log is full would hang.
fn follow(stderr: ChildStderr) -> (mpsc::Receiver<String>, JoinHandle<()>) {
    let (sender, lines) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            // The start waits for one line only.
            drop(sender.send(line));
        }
    });
    (lines, reader)
}
