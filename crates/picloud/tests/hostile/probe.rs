//! The neighbour: an app with nothing to hide that is called all the time.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::script::parse;
use super::server::{Server, agent};

/// Between two calls.
const PAUSE: Duration = Duration::from_millis(10);
/// Its source.
pub(crate) const SOURCE: &str = "// about: the neighbour\n// limit: ok\n\
    kv::collection(\"secrets\").set(\"neighbour\", \"private\");\n\"hello\"\n";

/// What the neighbour saw.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Calls that were not answered right.
    pub errors: Vec<String>,
    /// Its slowest call.
    pub slowest: Duration,
    /// Its calls.
    pub calls: u32,
}

/// The neighbour while it calls.
pub(crate) struct Probe {
    stop: Sender<()>,
    thread: JoinHandle<Report>,
}

/// Deploys the neighbour.
pub(crate) fn deploy(server: &Server) {
    let refused = server.deploy(&parse("neighbour", SOURCE, false));
    assert_eq!(refused, Ok(None), "the neighbour is an ordinary app");
}

impl Probe {
    /// Starts to call.
    pub(crate) fn start(url: &str) -> Self {
        let (stop, stopped) = mpsc::channel();
        let url = url.to_owned();
        let thread = std::thread::spawn(move || {
            let agent = agent();
            let mut report = Report::default();
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                let start = Instant::now();
                if let Err(error) = call(&agent, &url) {
                    report.errors.push(error);
                }
                report.slowest = report.slowest.max(start.elapsed());
                report.calls += 1;
            }
            report
        });
        Self { stop, thread }
    }

    /// Stops and reports.
    pub(crate) fn stop(self) -> Report {
        drop(self.stop);
        self.thread.join().expect("the neighbour does not panic")
    }
}

/// Calls it once.
pub(crate) fn call(agent: &ureq::Agent, url: &str) -> Result<(), String> {
    let answer = agent.get(url).header("host", "neighbour.localhost").call();
    let mut answer = answer.map_err(|e| e.to_string())?;
    let status = answer.status();
    let text = answer
        .body_mut()
        .read_to_string()
        .map_err(|e| e.to_string())?;
    if status == 200 && text == "hello" {
        Ok(())
    } else {
        Err(format!("{status} {text}"))
    }
}
