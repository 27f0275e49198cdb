//! A person with a terminal's worth of state: a home, a folder to work in, and `pic`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::{Server, Setup, binary};

/// How long something that must happen may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A new server.
pub(crate) fn server() -> Server {
    Setup::new(binary("picloud")).start()
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    fn of(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// This, which must have that exit status.
    pub(crate) fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{self:?}");
        self
    }

    /// Standard output, which must be one JSON value.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// This, which must say a text: on stderr when it failed.
    pub(crate) fn says(self, text: &str) -> Self {
        let result = self.status == Some(0) && self.stdout.contains(text);
        let told = result || self.stderr.contains(text);
        assert!(told, "should say `{text}`: {self:?}");
        self
    }

    /// This, whose standard output must hold a text.
    pub(crate) fn shows(self, text: &str) -> Self {
        let shown = self.stdout.contains(text);
        assert!(shown, "should show `{text}`: {self:?}");
        self
    }
}

/// A person.
#[derive(Debug)]
pub(crate) struct Person {
    home: TempDir,
    state: PathBuf,
    variables: Vec<(String, String)>,
}

impl Person {
    /// Somebody on another machine, signed in nowhere.
    pub(crate) fn stranger() -> Self {
        let home = TempDir::new().unwrap();
        fs::create_dir(home.path().join("work")).unwrap();
        Self {
            state: home.path().join("state"),
            home,
            variables: Vec::new(),
        }
    }

    /// The user who runs the server.
    pub(crate) fn of(server: &Server) -> Self {
        Self {
            state: server.home().join("state"),
            ..Self::stranger()
        }
    }

    /// With an environment variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where commands run.
    pub(crate) fn work(&self) -> PathBuf {
        self.home.path().join("work")
    }

    /// Where `pic` keeps tokens.
    pub(crate) fn credentials(&self) -> PathBuf {
        self.home.path().join("config/picloud/credentials.json")
    }

    /// Writes a file in the folder to work in.
    pub(crate) fn write(&self, file: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.work().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn prepare(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.work())
            .env_clear()
            .env("HOME", self.home.path())
            .env("XDG_STATE_HOME", &self.state)
            .env("XDG_CONFIG_HOME", self.home.path().join("config"))
            .env("PATH", path())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// A `pic` that has not started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.prepare(Path::new(env!("CARGO_BIN_EXE_pic")), args)
    }

    /// Runs `pic` with nothing on standard input.
    pub(crate) fn pic(&self, args: &[&str]) -> Done {
        Done::of(self.command(args).output().unwrap())
    }

    /// Runs `pic` with something on standard input.
    pub(crate) fn pipe(&self, input: impl AsRef<[u8]>, args: &[&str]) -> Done {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that needs no input may have ended.
        drop(stdin.write_all(input.as_ref()));
        drop(stdin);
        Done::of(child.wait_with_output().unwrap())
    }

    /// Runs a line of a shell.
    pub(crate) fn shell(&self, line: &str) -> Done {
        let command = self.prepare(Path::new("/bin/sh"), &["-c", line]).output();
        Done::of(command.unwrap())
    }

    /// Starts `pic` and lets it run.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running::of(self.command(args).spawn().unwrap())
    }
}

/// The folder of `pic` first.
fn path() -> String {
    let own = Path::new(env!("CARGO_BIN_EXE_pic")).parent().unwrap();
    format!("{}:/usr/bin:/bin", own.display())
}

/// A command that runs. It is killed when dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    lines: Receiver<String>,
    seen: String,
}

impl Running {
    fn of(mut child: Child) -> Self {
        let (send, lines) = channel();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let outputs: [Box<dyn std::io::Read + Send>; 2] = [Box::new(out), Box::new(err)];
        for output in outputs {
            let send = send.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if send.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Self {
            child,
            lines,
            seen: String::new(),
        }
    }

    /// Waits for a line with a text and gives it.
    pub(crate) fn line(&mut self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            match self
                .lines
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    self.seen.push_str(&line);
                    self.seen.push('\n');
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no line with `{text}` came:\n{}", self.seen)
                }
            }
        }
    }

    /// Everything up to the last line that was waited for.
    pub(crate) fn seen(&self) -> &str {
        &self.seen
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Makes the owner account and a token.
pub(crate) fn token(server: &Server, scopes: &[&str]) -> String {
    if server.api("GET", "/setup", &Value::Null).json()["needed"] == true {
        let owner = json!({
            "token": server.setup_token().unwrap(),
            "email": "ada@example.com",
            "password": "a long enough password",
        });
        server.api("POST", "/setup", &owner).expect(201);
    }
    let wish = json!({ "name": "test", "scopes": scopes });
    let made = server.api("POST", "/tokens", &wish).expect(201).json();
    made["secret"].as_str().unwrap().to_owned()
}

/// A server of another sort: it keeps what comes, and gives an answer.
pub(crate) fn listener(answer: String) -> (String, Receiver<String>) {
    listening(move |_url, _request| answer.clone())
}

/// The address of a server that says where its control plane is, and answers anything else like
/// this.
pub(crate) fn control_plane(answer: String) -> String {
    let answer = move |url: &str, request: &str| {
        if !request.starts_with("GET /.well-known/picloud ") {
            return answer.clone();
        }
        let body = json!({ "admin_url": url }).to_string();
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
    };
    let (url, came) = listening(answer);
    // Nobody asks what came, and the server goes on.
    std::thread::spawn(move || came.iter().for_each(drop));
    url
}

/// Answers each request at the address; what came.
fn listening(answer: impl Fn(&str, &str) -> String + Send + 'static) -> (String, Receiver<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let own = url.clone();
    let (send, came) = channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && connection.read(&mut byte).unwrap_or(0) == 1 {
                request.push(byte[0]);
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let answer = answer(&own, &request);
            if send.send(request).is_err() {
                return;
            }
            drop(connection.write_all(answer.as_bytes()));
        }
    });
    (url, came)
}

/// An app with one script.
pub(crate) const MANIFEST: &str = "manifest = 1
app = \"shop\"
[scripts.orders]
file = \"src/orders.rhai\"
[[routes]]
method = \"GET\"
path = \"/orders\"
script = \"orders\"
";
