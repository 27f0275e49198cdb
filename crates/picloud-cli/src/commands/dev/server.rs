//! The `picloud` process of a session: started, its start-up output read, stopped.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::event::{Event, Report};
use crate::context::Context;
use crate::environment::Environment;
use crate::error::{Failure, Outcome};

/// The server program.
const PROGRAM: &str = "picloud";

/// Runs the server until standard input ends: also when `pic` is killed, no server is left behind
/// that would keep the data from the next session. Its status is the server's.
const UNTIL_INPUT_ENDS: &str = r#""$@" </dev/null &
server=$!
exec >/dev/null
cat
kill "$server" 2>/dev/null
wait "$server""#;

/// A running server. It is told to stop when dropped.
pub(super) struct Server {
    child: Child,
    over: bool,
}

/// The program beside `pic`, else on the path.
fn program(env: &Environment) -> Outcome<PathBuf> {
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(Path::to_owned);
    let mut folders = beside.into_iter().chain(env.path());
    let found = folders.find(|folder| folder.join(PROGRAM).is_file());
    found.map(|folder| folder.join(PROGRAM)).ok_or_else(|| {
        Failure::new("the server program `picloud` is neither beside `pic` nor on the PATH")
            .next("build it with `cargo build --release -p picloud`, or install it beside `pic`")
    })
}

impl Server {
    /// Starts it; what it prints is reported.
    pub(super) fn start(
        context: &Context,
        data: &Path,
        port: u16,
        report: Report,
    ) -> Outcome<Self> {
        let program = program(&context.env)?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", UNTIL_INPUT_ENDS, "sh"])
            .arg(&program)
            .arg("serve")
            .arg("--data")
            .arg(data)
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(["--admin-listen", "127.0.0.1:0", "--internal-listen", "off"])
            .args(["--log-format", "text"])
            // The live tail keeps a connection open until the server ends, which is no news.
            .args([
                "--log-level",
                "warn,orchestrator_core::ingress::connection=error",
            ])
            .args(["--set", "shutdown_timeout=200ms"])
            // The pointer to the user's own server stays as it is.
            .env("XDG_STATE_HOME", data.join("state"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C comes to `pic`, which stops it.
            .process_group(0);
        // A database or a setting of another server must not become this one's.
        let others = context.env.names();
        for name in others.filter(|n| n.starts_with("PICLOUD_") || *n == "DATABASE_URL") {
            command.env_remove(name);
        }
        let mut child = command
            .spawn()
            .map_err(|error| Failure::file("start", &program, &error))?;
        if let Some(output) = child.stdout.take() {
            std::thread::spawn(move || {
                let lines = BufReader::new(output).lines().map_while(Result::ok);
                for line in lines {
                    if report.send(Event::Printed(line)).is_err() {
                        return;
                    }
                }
                // The session is over when this fails.
                drop(report.send(Event::Ended));
            });
        }
        Ok(Self { child, over: false })
    }

    /// Stops it and waits for its end.
    pub(super) fn stop(&mut self) -> Outcome {
        if self.over {
            return Ok(());
        }
        self.over = true;
        drop(self.child.stdin.take());
        let status = self.child.wait();
        let status = status
            .map_err(|error| Failure::new(format!("the server cannot be waited for: {error}")))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::new(format!("the server ended badly: {status}")))
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whatever ended the session has been said.
        drop(self.stop());
    }
}
