//! Deploys and calls scripts, and collects what was seen.

use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;

use super::check::{IDLE_GAP, Run, Seen};
use super::probe::{self, Probe};
use super::script::Script;
use super::server::{Server, agent};

/// Records are stored within about a second; a busy machine gets more.
const RECORDS: Duration = Duration::from_secs(20);

/// Runs the scripts one after the other on one server. When the server ends, the script that ran
/// is to blame, a new server is started, and what the old one had not recorded runs again.
pub(crate) fn batch(scripts: &[Script]) -> Vec<(Script, Seen)> {
    let mut waiting: Vec<Script> = scripts.to_vec();
    let mut done = Vec::new();
    while !waiting.is_empty() {
        let mut server = Server::start();
        probe::deploy(&server);
        let mut ran: Vec<(Script, Seen)> = Vec::new();
        let mut guilty = None;
        for script in &waiting {
            let seen = one(&mut server, script);
            if seen.crashed.is_some() {
                guilty = Some((script.clone(), seen));
                break;
            }
            ran.push((script.clone(), seen));
        }
        if let Some(guilty) = guilty {
            waiting.retain(|script| script.name != guilty.0.name);
            done.push(guilty);
            continue;
        }
        for (script, seen) in &mut ran {
            if seen.refused.is_empty() {
                seen.runs = records(&server, script);
            }
        }
        done.append(&mut ran);
        waiting.clear();
    }
    done
}

fn one(server: &mut Server, script: &Script) -> Seen {
    let mut seen = Seen::default();
    let probe = Probe::start(&server.url);
    let start = Instant::now();
    match server.deploy(script) {
        Ok(None) => seen.unanswered = call_all(server, script),
        Ok(Some(reason)) => seen.refused = reason,
        Err(error) => seen.unanswered.push(format!("deploy: {error}")),
    }
    if !seen.refused.is_empty() {
        seen.deploy = start.elapsed();
    }
    let report = probe.stop();
    seen.neighbour_errors = report.errors;
    let before = server.cpu();
    std::thread::sleep(IDLE_GAP);
    seen.idle_cpu = server.cpu().saturating_sub(before);
    seen.crashed = server.ended();
    seen
}

/// Calls as often and by as many clients as the script's header says; what went unanswered.
fn call_all(server: &Server, script: &Script) -> Vec<String> {
    std::thread::scope(|scope| {
        let client = || {
            let agent = agent();
            let calls = (0..script.calls).filter_map(|_| call(&agent, &server.url, script).err());
            calls.collect::<Vec<_>>()
        };
        let clients: Vec<_> = (0..script.parallel).map(|_| scope.spawn(client)).collect();
        clients
            .into_iter()
            .flat_map(|c| c.join().expect("a client does not panic"))
            .collect()
    })
}

fn call(agent: &Agent, url: &str, script: &Script) -> Result<(), String> {
    let request = http::Request::builder()
        .method(script.method.as_str())
        .uri(format!("{url}{}", script.path))
        .header("host", format!("{}.localhost", script.app()))
        .body(script.body.clone())
        .map_err(|e| format!("{}: {e}", script.path))?;
    let mut answer = agent.run(request).map_err(|e| e.to_string())?;
    // A streamed answer that a limit cuts off ends with an error, as it should.
    drop(
        answer
            .body_mut()
            .with_config()
            .limit(128 << 20)
            .read_to_vec(),
    );
    Ok(())
}

/// The runs of a script, as soon as all are stored.
fn records(server: &Server, script: &Script) -> Vec<Run> {
    let wanted = script.calls * script.parallel;
    let start = Instant::now();
    loop {
        let path = format!("/apps/{}/executions?limit=200", script.app());
        let (status, page) = server.api("GET", &path, None).expect("the server answers");
        assert_eq!(status, 200, "{page}");
        let items = page["items"].as_array().cloned().unwrap_or_default();
        if items.len() >= wanted || start.elapsed() > RECORDS {
            return items.iter().map(|item| run(server, script, item)).collect();
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn run(server: &Server, script: &Script, item: &Value) -> Run {
    let id = item["id"].as_str().unwrap_or_default();
    let path = format!("/apps/{}/executions/{id}", script.app());
    let (status, detail) = server.api("GET", &path, None).expect("the server answers");
    assert_eq!(status, 200, "{detail}");
    let milliseconds = |key: &str| {
        Duration::try_from_secs_f64(item[key].as_f64().unwrap_or(0.0) / 1_000.0).unwrap_or_default()
    };
    let outcome = detail["error"]["limit"]
        .as_str()
        .or(item["outcome"].as_str());
    Run {
        outcome: outcome.unwrap_or_default().to_owned(),
        error: item["error"].as_str().unwrap_or_default().to_owned(),
        duration: milliseconds("duration_ms"),
        cpu: milliseconds("cpu_ms"),
        memory_peak: item["memory_peak"].as_u64().unwrap_or(0),
    }
}
