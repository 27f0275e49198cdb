//! A real server in a process of its own, and what can be asked of it.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use super::script::Script;

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(30);
/// How long any answer may take before the client gives up.
const PATIENCE: Duration = Duration::from_mins(1);
/// A clock tick of `/proc/<pid>/stat`: the kernel's user interface fixes it to 100 per second.
const TICK: Duration = Duration::from_millis(10);

/// A running server.
pub(crate) struct Server {
    child: Child,
    data: TempDir,
    agent: Agent,
    pub url: String,
    admin_url: String,
    token: String,
}

/// A client that takes every status as an answer.
pub(crate) fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .build()
        .into()
}

impl Server {
    /// Starts a server on an empty data directory and waits until it is ready.
    pub(crate) fn start() -> Self {
        let data = TempDir::new().expect("there is room for a data directory");
        let log = fs::File::create(data.path().join("server.log")).expect("a log can be written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_picloud"))
            .arg("serve")
            .arg("--data")
            .arg(data.path().join("data"))
            .args(["--listen", "127.0.0.1:0", "--internal-listen", "off"])
            .args(["--admin-listen", "127.0.0.1:0"])
            .env_remove("DATABASE_URL")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log)
            .spawn()
            .expect("the server starts");
        let credentials = data.path().join("data/credentials.json");
        let started = Instant::now();
        let (url, admin_url, token) = loop {
            if let Some(found) = read_credentials(&credentials)
                && agent()
                    .get(format!("{}/readyz", found.0))
                    .call()
                    .is_ok_and(|r| r.status() == 200)
            {
                break found;
            }
            let ended = child.try_wait().expect("a child can be asked");
            let log = || fs::read_to_string(data.path().join("server.log")).unwrap_or_default();
            assert!(
                ended.is_none(),
                "the server did not start: {ended:?}\n{}",
                log()
            );
            assert!(
                started.elapsed() < START,
                "the server is not ready after {START:?}\n{}",
                log()
            );
            std::thread::sleep(Duration::from_millis(20));
        };
        Self {
            child,
            data,
            agent: agent(),
            url,
            admin_url,
            token,
        }
    }

    /// How the server ended, when it did, with the end of its log.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().expect("a child can be asked")?;
        let log = fs::read_to_string(self.data.path().join("server.log")).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(5).collect();
        Some(format!(
            "{status}; its log ends: {}",
            tail.into_iter().rev().collect::<Vec<_>>().join(" | ")
        ))
    }

    /// Processor time of all its threads so far.
    pub(crate) fn cpu(&self) -> Duration {
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", self.child.id())) else {
            return Duration::ZERO;
        };
        let ticks: u32 = threads
            .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("stat")).ok())
            .map(|stat| {
                // The name in parentheses may hold anything; utime and stime are fields 14 and 15.
                let after = stat.rsplit(") ").next().unwrap_or_default();
                let fields = after.split(' ').skip(11).take(2);
                fields
                    .filter_map(|field| field.parse::<u32>().ok())
                    .sum::<u32>()
            })
            .sum();
        TICK * ticks
    }

    /// An API call: status and answer.
    pub(crate) fn api(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value), String> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", self.admin_url))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .body(body.map(Value::to_string).unwrap_or_default())
            .map_err(|error| error.to_string())?;
        let mut response = self.agent.run(request).map_err(|e| e.to_string())?;
        let text = response
            .body_mut()
            .read_to_string()
            .map_err(|e| e.to_string())?;
        let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok((response.status().as_u16(), value))
    }

    /// Makes the app of a script and deploys it. `Ok(Some(reason))`: the deploy was refused.
    pub(crate) fn deploy(&self, script: &Script) -> Result<Option<String>, String> {
        let app = script.app();
        let (status, answer) = self.api("POST", "/apps", Some(&json!({"name": app})))?;
        assert!(status < 300, "{app}: {status} {answer}");
        let modules: serde_json::Map<String, Value> = script
            .modules
            .iter()
            .map(|(name, source)| (name.clone(), json!({"source": source})))
            .collect();
        let release = json!({
            "scripts": {"main": {"source": script.source, "limits": script.limits}},
            "modules": modules,
            "routes": [{"path": "/", "script": "main"}],
        });
        let (status, answer) =
            self.api("POST", &format!("/apps/{app}/releases"), Some(&release))?;
        match status {
            200..300 => Ok(None),
            400..500 => Ok(Some(answer.to_string())),
            _ => Err(format!("{status} {answer}")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Either may fail only because the server has ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn read_credentials(path: &Path) -> Option<(String, String, String)> {
    let value: Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    let text = |key: &str| Some(value.get(key)?.as_str()?.trim_end_matches('/').to_owned());
    Some((text("apps_url")?, text("url")?, text("token")?))
}
