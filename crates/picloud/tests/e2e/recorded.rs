//! Apps whose script `parent` is begun in every way there is, and the records its runs leave.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use test_support::{Reply, Server};

/// How long something that has to happen may take on a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(1);

/// How a run is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Request,
    Async,
    Event,
    Draft,
}

/// All of them.
pub(crate) const DOORS: [Door; 4] = [Door::Request, Door::Async, Door::Event, Door::Draft];

impl Door {
    /// The trigger in the records of `parent`.
    pub(crate) fn trigger(self) -> &'static str {
        match self {
            Self::Request | Self::Async => "http",
            Self::Event => "queue",
            Self::Draft => "manual",
        }
    }
}

/// A script, and the limits that are not the defaults.
pub(crate) struct Script<'a> {
    pub(crate) name: &'a str,
    pub(crate) source: &'a str,
    pub(crate) limits: Value,
}

impl<'a> Script<'a> {
    pub(crate) fn new(name: &'a str, source: &'a str) -> Self {
        let limits = json!({});
        Self {
            name,
            source,
            limits,
        }
    }

    pub(crate) fn limits(self, limits: Value) -> Self {
        Self { limits, ..self }
    }
}

/// An app on a server.
pub(crate) struct App<'a> {
    pub(crate) server: &'a Server,
    pub(crate) name: String,
    host: String,
}

impl<'a> App<'a> {
    /// A new app with these scripts, one of which is `parent`: it has the route `/parent`, the
    /// route `/async` that answers at once, and handles what `/send` sends, once.
    pub(crate) fn deploy(server: &'a Server, name: &str, scripts: &[Script<'_>]) -> Self {
        server
            .api("POST", "/apps", &json!({"name": name}))
            .expect(201);
        let mut specs = Map::new();
        for script in scripts {
            let spec = json!({"source": script.source, "limits": script.limits});
            specs.insert(script.name.to_owned(), spec);
        }
        specs.insert(
            "send".to_owned(),
            json!({"source": "queue::send(\"work\", 1)"}),
        );
        let release = json!({
            "scripts": specs,
            "routes": [
                {"path": "/parent", "script": "parent"},
                {"path": "/async", "script": "parent", "mode": "async"},
                {"path": "/send", "script": "send"},
            ],
            "triggers": [{"kind": "queue", "queue": "work", "script": "parent",
                "retry": {"attempts": 1}}],
        });
        let releases = format!("/apps/{name}/releases");
        server.api("POST", &releases, &release).expect(201);
        Self::known(server, name)
    }

    /// An app that is there.
    pub(crate) fn known(server: &'a Server, name: &str) -> Self {
        Self {
            server,
            name: name.to_owned(),
            host: format!("{name}.localhost"),
        }
    }

    fn ask(&self, path: &str) -> Reply {
        self.server
            .request("GET", path, &[("host", &self.host)], "")
    }

    /// Begins `parent` by a door; for requests and drafts, until it has ended.
    pub(crate) fn begin(&self, door: Door) -> Reply {
        match door {
            Door::Request => self.ask("/parent"),
            Door::Async => self.ask("/async").expect(202),
            Door::Event => self.ask("/send").expect(200),
            Door::Draft => {
                let run = format!("/apps/{}/scripts/parent/run", self.name);
                self.server.api("POST", &run, &json!({})).expect(200)
            }
        }
    }

    /// Begins `parent` by a door and does not wait for anything.
    pub(crate) fn knock(&self, door: Door) -> TcpStream {
        let (name, token) = (&self.name, self.server.token());
        let run = format!(
            "POST /api/v1/apps/{name}/scripts/parent/run HTTP/1.1\r\nHost: localhost\r\n\
             Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: 2\r\n\r\n{{}}"
        );
        let get = |path| format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        let request = match door {
            Door::Request => get("/parent"),
            Door::Async => get("/async"),
            Door::Event => get("/send"),
            Door::Draft => run,
        };
        let address = match door {
            Door::Draft => self.server.admin_address(),
            Door::Request | Door::Async | Door::Event => self.server.address(),
        };
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// The records of a script's runs, newest first, as soon as there are so many. Second attempts
    /// do not count.
    pub(crate) fn records(&self, script: &str, count: usize) -> Vec<Value> {
        self.found(script, count, |record| {
            record["attempt"]
                .as_i64()
                .is_none_or(|attempt| attempt == 1)
        })
    }

    /// The same for runs that first attempts of `parent` have called.
    pub(crate) fn children(&self, script: &str, count: usize) -> Vec<Value> {
        let parents = self.records("parent", count);
        let called = |record: &Value| parents.iter().any(|p| p["id"] == record["parent"]);
        self.found(script, count, called)
    }

    fn found(&self, script: &str, count: usize, counts: impl Fn(&Value) -> bool) -> Vec<Value> {
        let path = format!("/apps/{}/executions?limit=200&script={script}", self.name);
        let start = Instant::now();
        loop {
            let page = self.server.api("GET", &path, &Value::Null);
            let page = page.expect(200).json();
            let items = page["items"].as_array().unwrap().iter();
            let items: Vec<Value> = items.filter(|item| counts(item)).cloned().collect();
            if items.len() >= count {
                assert_eq!(items.len(), count, "{}: {items:#?}", self.name);
                return items;
            }
            assert!(start.elapsed() < PATIENCE, "{}: {items:#?}", self.name);
        }
    }

    /// A run with its error and its log lines.
    pub(crate) fn detail(&self, record: &Value) -> Value {
        let id = record["id"].as_str().unwrap();
        let path = format!("/apps/{}/executions/{id}", self.name);
        self.server
            .api("GET", &path, &Value::Null)
            .expect(200)
            .json()
    }

    /// How often a script's runs ended like this, by the metrics.
    pub(crate) fn counted(&self, script: &str, trigger: &str, outcome: &str) -> u64 {
        let app = &self.name;
        self.server.metric(&format!(
            "picloud_executions_total{{app=\"{app}\",script=\"{script}\",\
             trigger=\"{trigger}\",outcome=\"{outcome}\"}}"
        ))
    }
}

/// The log lines of a run.
pub(crate) fn lines(detail: &Value) -> Vec<&str> {
    let logs = detail["logs"].as_array().unwrap().iter();
    logs.map(|line| line["message"].as_str().unwrap()).collect()
}
