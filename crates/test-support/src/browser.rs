//! A real Chromium without a window, driven by the WebDriver protocol.

use std::io::BufReader;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::send;

/// One browser with one window and an empty profile. It ends when dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    /// Kept open: a driver whose output is closed could fail for that reason.
    _output: BufReader<ChildStdout>,
    /// The URL of its session.
    session: String,
    profile: TempDir,
}

impl Browser {
    /// Starts the system's Chromium.
    ///
    /// # Panics
    /// When Chromium or its driver is not installed or does not start.
    pub fn start() -> Self {
        let profile = TempDir::new().expect("a temporary directory");
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            // What the browser keeps beside its profile goes with it.
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("cannot start chromedriver: {error}; scripts/setup-tests.sh installs it")
            });
        let mut output = BufReader::new(driver.stdout.take().expect("stdout is a pipe"));
        let port = port(&mut output);
        let mut browser = Self {
            driver,
            _output: output,
            session: format!("http://127.0.0.1:{port}/session"),
            profile,
        };
        let arguments = [
            "--headless=new",
            // Chromium's own sandbox needs a user that is not root.
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--no-first-run",
            "--no-proxy-server",
            &format!(
                "--user-data-dir={}",
                browser.profile.path().join("profile").display()
            ),
        ];
        let wanted = json!({"browserName": "chrome", "goog:chromeOptions": {"args": arguments}});
        let made = browser.ask(
            "POST",
            "",
            &json!({"capabilities": {"alwaysMatch": wanted}}),
        );
        let id = made["sessionId"].as_str().expect("a session has an id");
        browser.session = format!("{}/{id}", browser.session);
        browser
    }

    /// Asks the driver.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.session);
        let headers = [("content-type", "application/json")];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let reply = send(method, &url, &headers, body);
        let reply = reply.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let value = reply.json()["value"].clone();
        assert_eq!(reply.status, 200, "{method} {path}: {value}");
        value
    }

    /// Opens a URL as if it were typed, and waits until the page is loaded.
    ///
    /// # Panics
    /// When it does not load.
    pub fn open(&self, url: &str) {
        self.ask("POST", "/url", &json!({ "url": url }));
    }

    /// Runs a function's body in the page, as a script of the page could, and waits for what its
    /// promise gives. Its `arguments` are those given.
    ///
    /// # Panics
    /// When the promise is rejected.
    pub fn run(&self, script: &str, arguments: &[&str]) -> Value {
        let call = json!({"script": script, "args": arguments});
        self.ask("POST", "/execute/sync", &call)
    }

    /// Gives the browser a cookie for the host of the open page, which scripts of pages do not see.
    ///
    /// # Panics
    /// When the browser refuses it.
    pub fn set_cookie(&self, name: &str, value: &str) {
        let cookie = json!({
            "name": name, "value": value, "path": "/", "httpOnly": true, "sameSite": "Strict",
        });
        self.ask("POST", "/cookie", &json!({ "cookie": cookie }));
    }

    /// Waits until the open page shows a text.
    ///
    /// # Panics
    /// When it does not within ten seconds.
    pub fn wait_for(&self, text: &str) {
        let script = "const [text] = arguments;
            const shows = () => document.body.innerText.includes(text);
            return new Promise(done => {
                if (shows()) return done(true);
                const changes = new MutationObserver(() => shows() && done(true));
                changes.observe(document, {subtree: true, childList: true, characterData: true});
                setTimeout(() => done(false), 10_000);
            });";
        let shown = self.run(script, &[text]);
        assert_eq!(shown, true, "no `{text}` in: {}", self.text());
    }

    /// What the open page shows.
    ///
    /// # Panics
    /// When the driver does not answer.
    pub fn text(&self) -> String {
        let text = self.run("return document.body.innerText", &[]);
        text.as_str().expect("a text").to_owned()
    }
}

/// Where the driver says that it listens.
fn port(output: impl std::io::BufRead) -> u16 {
    let mut lines = output.lines().map_while(Result::ok);
    let port = lines.find_map(|line| {
        let after = line.split_once("started successfully on port ")?.1;
        after.trim_end_matches('.').parse().ok()
    });
    port.expect("chromedriver says on which port it listens")
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser is the driver's child: it ends with its session.
        drop(send("DELETE", &self.session, &[], ""));
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}
