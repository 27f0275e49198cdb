//! Secrets and confirmations: from a terminal without echo, or from a pipe. Nothing is asked where
//! nobody can answer.

use std::io::{self, BufRead as _, IsTerminal as _, Read, Write as _};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

use crate::error::{Failure, Outcome};

/// Bytes of a secret.
const MOST: u64 = 64 << 10;

/// The terminal without echo, letter by letter, until it is dropped. Ctrl-C comes as a letter too:
/// as a signal it would leave a terminal without echo behind.
struct Silent(Termios);

impl Silent {
    fn start() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        let off = LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        silent.local_modes.remove(off);
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // The terminal is gone when this fails.
        tcsetattr(io::stdin(), OptionalActions::Now, &self.0).unwrap_or_default();
    }
}

/// A line from a silent terminal; `None` when the person gave up.
fn silent_line(mut from: impl Read) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut byte = [0];
    while (line.len() as u64) < MOST && from.read(&mut byte)? == 1 {
        match byte[0] {
            b'\r' | b'\n' => break,
            // Ctrl-C, Ctrl-D
            3 | 4 => return Ok(None),
            // Backspace takes a whole letter.
            8 | 127 => while line.pop().is_some_and(|byte: u8| byte & 0xc0 == 0x80) {},
            // Ctrl-U
            21 => line.clear(),
            byte => line.push(byte),
        }
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
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

fn ask_hidden(question: &str) -> Outcome<String> {
    let silent = Silent::start().map_err(|error| failed(&error))?;
    write(question)?;
    let line = silent_line(io::stdin().lock()).map_err(|error| failed(&error));
    drop(silent);
    write("\n")?;
    line?.ok_or_else(|| Failure::new("given up; nothing was changed"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_line_can_be_mended_and_given_up() {
        let line = |typed: &str| silent_line(typed.as_bytes()).unwrap();
        assert_eq!(line("abx\u{7f}c\rrest").as_deref(), Some("abc"));
        assert_eq!(line("\u{7f}aé\u{7f}\n").as_deref(), Some("a"));
        assert_eq!(line("wrong\u{15}right\n").as_deref(), Some("right"));
        assert_eq!(line("abc\u{3}"), None);
    }
}
