//! A connection of somebody else, who may hold a transaction open or a table locked.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What is written after each statement, to know when it is done.
const DONE: &str = "-- done --";

/// A connection that stays open until it is dropped; then its transaction is rolled back.
#[derive(Debug)]
pub struct Session {
    psql: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Session {
    pub(super) fn open(mut psql: Command, url: &str) -> Self {
        let mut psql = psql
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set", "ON_ERROR_STOP=1", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql starts");
        let output = psql.stdout.take().expect("stdout is a pipe");
        Self {
            input: psql.stdin.take(),
            output: BufReader::new(output).lines(),
            psql,
        }
    }

    /// Runs a statement and waits until it is done.
    ///
    /// # Panics
    /// When it fails; psql has said why.
    pub fn run(&mut self, statement: &str) {
        let input = self.input.as_mut().expect("it is open");
        writeln!(input, "{statement};\n\\echo {DONE}").expect("psql reads");
        let done = self
            .output
            .by_ref()
            .any(|line| line.is_ok_and(|line| line == DONE));
        assert!(done, "`{statement}` failed");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The end of its input is the end of psql.
        drop(self.input.take());
        drop(self.psql.wait());
    }
}
