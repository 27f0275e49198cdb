//! `pic` at a terminal: questions that hide their answer.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use super::support::*;

/// A terminal with a command in it.
struct Terminal {
    person: File,
    line: File,
    child: Child,
}

impl Terminal {
    fn start(person: &Person, args: &[&str]) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let master: OwnedFd = openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let line = File::options()
            .read(true)
            .write(true)
            .open(name.to_str().unwrap())
            .unwrap();
        let side = || Stdio::from(line.try_clone().unwrap());
        let child = person
            .command(args)
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .unwrap();
        Self {
            person: master.into(),
            line,
            child,
        }
    }

    /// What is shown up to a text.
    fn until(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        let mut byte = [0];
        while !String::from_utf8_lossy(&seen).contains(text) {
            assert_eq!(self.person.read(&mut byte).unwrap(), 1, "{seen:?}");
            seen.push(byte[0]);
        }
        String::from_utf8(seen).unwrap()
    }

    /// Answers a hidden question once the terminal is silent.
    fn answer(&mut self, typed: &str) {
        self.until("(hidden): ");
        while self.echoes() {
            assert_eq!(self.child.try_wait().unwrap(), None, "it ended");
            std::thread::yield_now();
        }
        self.person.write_all(typed.as_bytes()).unwrap();
    }

    fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.line).unwrap().local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }
}

#[test]
fn a_hidden_answer_is_not_shown_and_can_be_mended() {
    let server = server();
    let person = Person::of(&server);
    person
        .pipe("env::get(\"KEY\")", &["deploy", "x", "-"])
        .expect(0);
    let mut terminal = Terminal::start(&person, &["env", "set", "KEY"]);
    terminal.answer("wrong\u{15}ab\u{e9}x\u{7f}\r");
    let shown = terminal.until("KEY");
    assert!(!shown.contains("ab"), "{shown:?}");
    assert!(terminal.child.wait().unwrap().success());
    assert!(terminal.echoes());
    assert_eq!(server.get("/x").text(), "ab\u{e9}");
}

#[test]
fn whoever_gives_up_has_a_terminal_that_shows_what_they_type() {
    let server = server();
    let person = Person::stranger();
    for key in ["\u{3}", "\u{4}"] {
        let mut terminal = Terminal::start(&person, &["login", server.url()]);
        terminal.answer(key);
        terminal.until("given up");
        assert_eq!(terminal.child.wait().unwrap().code(), Some(1));
        assert!(terminal.echoes(), "{key:?}");
    }
}
