//! Secrets and confirmations: from a terminal without echo, or from a pipe. Nothing is asked where
//! nobody can answer.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::error::{Failure, Outcome};

/// Bytes of a secret.
const MOST: u64 = 64 << 10;

/// The terminal without echo, until it is dropped.
struct Silent(Termios);

impl Silent {
    fn start() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        silent.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // The terminal is gone when this fails.
        tcsetattr(io::stdin(), OptionalActions::Flush, &self.0).unwrap_or_default();
    }
}

/// Whether somebody can answer a question.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Reads a secret: hidden from a terminal, or all of standard input without its last line break.
pub(crate) fn secret(what: &str) -> Outcome<String> {
    let text = if io::stdin().is_terminal() {
        if !can_ask() {
            return Err(
                Failure::usage(format!("nobody can be asked for the {what} here"))
                    .next(format!("send the {what} to standard input")),
            );
        }
        ask(&format!("{what} (hidden): "), true)?
    } else {
        let mut text = String::new();
        io::stdin()
            .lock()
            .take(MOST)
            .read_to_string(&mut text)
            .map_err(|error| Failure::new(format!("cannot read the {what}: {error}")))?;
        text
    };
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(Failure::usage(format!("no {what} was given")).next(format!(
            "send the {what} to standard input, or run this in a terminal to be asked"
        )));
    }
    Ok(text.to_owned())
}

fn ask(question: &str, hidden: bool) -> Outcome<String> {
    let failed = |error: io::Error| Failure::new(format!("cannot read from the terminal: {error}"));
    let mut stderr = io::stderr().lock();
    stderr
        .write_all(question.as_bytes())
        .and_then(|()| stderr.flush())
        .map_err(failed)?;
    let silent = hidden.then(Silent::start).transpose().map_err(failed)?;
    let mut line = String::new();
    io::stdin()
        .lock()
        .take(MOST)
        .read_line(&mut line)
        .map_err(failed)?;
    drop(silent);
    Ok(line)
}

/// Asks for a name again before something is destroyed; `yes` answers in advance.
pub(crate) fn confirm(what: &str, name: &str, yes: bool) -> Outcome {
    if yes {
        return Ok(());
    }
    if !can_ask() {
        return Err(Failure::usage(format!(
            "{what} needs a confirmation, and nobody can be asked here"
        ))
        .next("add --yes"));
    }
    let answer = ask(&format!("{what}. Type `{name}` to go on: "), false)?;
    if answer.trim() == name {
        Ok(())
    } else {
        Err(Failure::new("not confirmed; nothing was changed"))
    }
}
