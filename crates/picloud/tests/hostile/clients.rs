//! Clients that mean harm, by the word behind `client` in a case's header.

mod sockets;

use std::sync::atomic::{AtomicUsize, Ordering};

use test_support::{Server, raise_file_limit};
use ureq::Agent;

use super::script::Script;
use super::server::agent;

/// Attacks as the case says; answers that are none of a contained script.
pub(crate) fn attack(case: &Script, server: &Server) -> Vec<String> {
    raise_file_limit(4_096);
    match case.client.as_str() {
        "calls" => calls(case, server),
        "mixed" => sockets::mixed(case, server),
        kind => {
            let client = sockets::client(kind);
            let client = client.unwrap_or_else(|| panic!("{}: client `{kind}`", case.name));
            sockets::at_once(case, server, |_| client)
        }
    }
}

/// Every source `calls` times one after the other, then as often by `parallel` clients.
fn calls(case: &Script, server: &Server) -> Vec<String> {
    let calls = number_of_calls(case);
    let mut odd = several(case, server, 1, calls);
    if case.parallel > 1 {
        odd.extend(several(
            case,
            server,
            case.parallel,
            calls.max(case.parallel),
        ));
    }
    odd
}

/// `HOSTILE_CALLS` of each case, or what it says for `make test`.
fn number_of_calls(case: &Script) -> usize {
    let wanted = std::env::var("HOSTILE_CALLS").unwrap_or_default();
    wanted.parse().unwrap_or(case.calls)
}

fn several(case: &Script, server: &Server, clients: usize, calls: usize) -> Vec<String> {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let client = || {
            let agent = agent();
            let numbers = std::iter::from_fn(|| {
                let number = next.fetch_add(1, Ordering::Relaxed);
                (number < calls).then_some(number)
            });
            numbers
                .filter_map(|number| call(&agent, case, server, number).err())
                .collect::<Vec<_>>()
        };
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        let ended = clients.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended
            .flat_map(|odd| odd.expect("a client does not panic"))
            .collect()
    })
}

fn call(agent: &Agent, case: &Script, server: &Server, number: usize) -> Result<(), String> {
    let path = match case.sources {
        1 => case.path.clone(),
        sources => format!("/{}", number % sources),
    };
    let request = http::Request::builder()
        .method(case.method.as_str())
        .uri(format!("{}{path}", server.url()))
        .header("host", format!("{}.localhost", case.app()))
        .body(case.body.clone())
        .map_err(|e| format!("{path}: {e}"))?;
    let mut answer = agent.run(request).map_err(|e| e.to_string())?;
    let text = answer
        .body_mut()
        .with_config()
        .limit(128 << 20)
        .read_to_vec();
    let status = answer.status().as_u16();
    // Refused is always right: the instance is full, or the app was suspended.
    let right =
        matches!(status, 429 | 503) || case.allowed.iter().any(|way| status == status_of(way));
    if right {
        return Ok(());
    }
    let text = text.unwrap_or_default();
    Err(format!("{status} {}", String::from_utf8_lossy(&text)))
}

/// The status of a run that ended in such a way.
fn status_of(way: &str) -> u16 {
    match way {
        "ok" => 200,
        "wall" => 504,
        _ => 500,
    }
}
