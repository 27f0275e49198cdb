//! Secrets and confirmations: from a terminal without echo, or from a pipe. Nothing is asked where
//! nobody can answer.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rpassword::ConfigBuilder;
use signal_hook::consts::SIGINT;
use signal_hook::flag;

use crate::error::{Failure, Outcome};

/// Bytes of a secret.
const MOST: u64 = 64 << 10;

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
        ask_hidden(&format!("{what} (hidden): "))?
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

fn failed(error: &io::Error) -> Failure {
    Failure::new(format!("cannot read from the terminal: {error}"))
}

fn write(text: &str) -> Outcome {
    let mut stderr = io::stderr().lock();
    stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush())
        .map_err(|error| failed(&error))
}

/// Ctrl-C ends the question and not the process at once: that would leave a terminal behind that
/// shows nothing. Afterwards it ends the process as always.
fn ask_hidden(question: &str) -> Outcome<String> {
    let deadly = Arc::new(AtomicBool::new(false));
    flag::register_conditional_default(SIGINT, Arc::clone(&deadly))
        .map_err(|error| failed(&error))?;
    write(question)?;
    let terminal = ConfigBuilder::new()
        .input_file_path("/dev/stdin")
        .output_discard()
        .build();
    let line = rpassword::read_password_with_config(terminal);
    deadly.store(true, Ordering::Relaxed);
    write("\n")?;
    line.map_err(|error| match error.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof => {
            Failure::new("given up; nothing was changed")
        }
        _ => failed(&error),
    })
}

fn ask(question: &str) -> Outcome<String> {
    write(question)?;
    let mut line = String::new();
    io::stdin()
        .lock()
        .take(MOST)
        .read_line(&mut line)
        .map_err(|error| failed(&error))?;
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
    let answer = ask(&format!("{what}. Type `{name}` to go on: "))?;
    if answer.trim() == name {
        Ok(())
    } else {
        Err(Failure::new("not confirmed; nothing was changed"))
    }
}
