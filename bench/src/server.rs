//! Servers under measurement: ours and the baseline, pinned to the first core.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::Agent;

use crate::error::Result;
use crate::machine;

/// How long a start may take.
const START: Duration = Duration::from_secs(30);

/// A process that ends with its owner.
#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the process has ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// PiCloud.
#[derive(Debug)]
pub(crate) struct PiCloud {
    process: Process,
    agent: Agent,
    token: String,
    /// The public listener.
    pub(crate) address: SocketAddr,
    admin: SocketAddr,
    internal: SocketAddr,
}

/// The baseline.
#[derive(Debug)]
pub(crate) struct Baseline {
    process: Process,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

/// Waits in this thread; the harness has nothing else to do.
#[expect(
    clippy::disallowed_methods,
    reason = "the harness has no workers to block"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A command that runs on the first core, where there are two.
fn on_first_core(program: &Path) -> Command {
    if machine::cores() < 2 && !pinned() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "0"]).arg(program);
    command
}

/// Whether this process was put on the second core, which makes it see only one.
fn pinned() -> bool {
    let set = rustix::thread::sched_getaffinity(None);
    set.is_ok_and(|set| set.is_set(1) && !set.is_set(0))
}

fn sibling(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.exists() {
        return Ok(path);
    }
    Err(format!(
        "{} is not there; scripts/bench.sh builds it",
        path.display()
    )
    .into())
}

/// An example of a crate, built beside this program.
pub(crate) fn example(name: &str) -> Result<Command> {
    Ok(on_first_core(&sibling("examples")?.join(name)))
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_mins(1)))
        .build()
        .into()
}

impl PiCloud {
    /// Starts it on a data directory and waits until it is ready.
    pub(crate) fn start(data: &Path) -> Result<Self> {
        Self::start_on(data, None)
    }

    /// Starts it on PostgreSQL, if there is a URL, and waits until it is ready.
    pub(crate) fn start_on(data: &Path, database: Option<&str>) -> Result<Self> {
        let server = Self::launch_on(data, database)?;
        let ready = format!("http://{}/readyz", server.address);
        let started = Instant::now();
        while !server
            .agent
            .get(&ready)
            .call()
            .is_ok_and(|r| r.status() == 200)
        {
            if started.elapsed() > START {
                return Err("picloud is not ready after 30 s".into());
            }
            pause(Duration::from_millis(5));
        }
        let credentials = fs::read_to_string(data.join("credentials.json"))?;
        let credentials: Value = serde_json::from_str(&credentials)?;
        let token = credentials["token"]
            .as_str()
            .ok_or("credentials.json has no token")?;
        Ok(Self {
            token: token.to_owned(),
            ..server
        })
    }

    /// Starts it and does not wait.
    pub(crate) fn launch(data: &Path) -> Result<Self> {
        Self::launch_on(data, None)
    }

    fn launch_on(data: &Path, database: Option<&str>) -> Result<Self> {
        fs::create_dir_all(data)?;
        let (address, admin, internal) = (free_address()?, free_address()?, free_address()?);
        let log = fs::File::create(data.with_extension("log"))?;
        let process = on_first_core(&sibling("picloud")?)
            .arg("serve")
            .arg("--data")
            .arg(data)
            .args(["--listen", &address.to_string()])
            .args(["--admin-listen", &admin.to_string()])
            .args(["--internal-listen", &internal.to_string()])
            .args(["--workers", "1"])
            .env_remove("DATABASE_URL")
            .envs(database.map(|url| ("DATABASE_URL", url)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let (agent, token) = (agent(), String::new());
        Ok(Self {
            process: Process(process),
            agent,
            token,
            address,
            admin,
            internal,
        })
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// An API call; a status that is not 2xx is an error.
    pub(crate) fn api(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("http://{}/api/v1{path}", self.admin))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .body(body.to_string())?;
        let mut response = self.agent.run(request)?;
        let status = response.status();
        let text = response.body_mut().read_to_string()?;
        if !status.is_success() {
            return Err(format!("{method} {path}: {status} {text}").into());
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_str(&text)?)
    }

    /// Removes something.
    pub(crate) fn delete(&self, path: &str) -> Result<()> {
        self.api("DELETE", path, &Value::Null).map(drop)
    }

    /// Makes an app.
    pub(crate) fn create_app(&self, app: &str) -> Result<()> {
        self.api("POST", "/apps", &json!({"name": app})).map(drop)
    }

    /// Deploys scripts to an app, each at `/<name>`.
    pub(crate) fn deploy(&self, app: &str, scripts: &[(String, String)]) -> Result<()> {
        self.deploy_with(app, scripts, &json!({}))
    }

    /// Deploys scripts with limits.
    pub(crate) fn deploy_with(
        &self,
        app: &str,
        scripts: &[(String, String)],
        limits: &Value,
    ) -> Result<()> {
        let scripts: serde_json::Map<String, Value> = scripts
            .iter()
            .map(|(name, source)| (name.clone(), json!({"source": source, "limits": limits})))
            .collect();
        self.api(
            "POST",
            &format!("/apps/{app}/releases"),
            &json!({"scripts": scripts}),
        )
        .map(drop)
    }

    /// A number of the metrics.
    pub(crate) fn metric(&self, name: &str) -> Result<f64> {
        let url = format!("http://{}/metrics", self.internal);
        let text = self.agent.get(&url).call()?.body_mut().read_to_string()?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = line.ok_or_else(|| format!("the metrics have no `{name}`"))?;
        Ok(value.trim().parse()?)
    }
}

impl Baseline {
    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn start(data: &Path) -> Result<Self> {
        fs::create_dir_all(data)?;
        let address = free_address()?;
        let process = on_first_core(&std::env::current_exe()?)
            .args(["baseline", "--workers", "1"])
            .args(["--port", &address.port().to_string()])
            .arg("--data")
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let server = Self {
            process: Process(process),
            address,
        };
        let ready = format!("http://{address}/hello");
        let (agent, started) = (agent(), Instant::now());
        while !agent.get(&ready).call().is_ok_and(|r| r.status() == 200) {
            if started.elapsed() > START {
                return Err("the baseline is not ready after 30 s".into());
            }
            pause(Duration::from_millis(5));
        }
        Ok(server)
    }
}
