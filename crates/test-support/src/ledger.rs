//! What a client was promised against what handlers did: the ledger of acknowledged sends, and the
//! comparison that finds what is lost, done twice, out of order or stale.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Events of a kind with one key, each with its place in the order they were sent in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// What made them, like `queue`.
    pub kind: String,
    /// Their key.
    pub key: String,
}

impl Lane {
    /// The lane of a kind and a key.
    pub fn new(kind: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            key: key.into(),
        }
    }
}

impl std::fmt::Display for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.key)
    }
}

/// Sends the server has acknowledged. Every one is on the disk before the next is made.
#[derive(Debug)]
pub struct Ledger {
    file: File,
    acknowledged: Mutex<BTreeMap<Lane, BTreeSet<u64>>>,
}

impl Ledger {
    /// A new ledger in a file.
    ///
    /// # Panics
    /// When the file cannot be made.
    pub fn new(path: &Path) -> Self {
        let file = File::options().create_new(true).append(true).open(path);
        Self {
            file: file.expect("the ledger's file is new"),
            acknowledged: Mutex::default(),
        }
    }

    /// Notes that these sends of a lane were acknowledged.
    ///
    /// # Panics
    /// When they cannot be written down.
    pub fn acknowledge(&self, lane: &Lane, sequences: impl IntoIterator<Item = u64>) {
        let sequences: Vec<u64> = sequences.into_iter().collect();
        let lines: Vec<String> = sequences.iter().map(|s| format!("{lane} {s}\n")).collect();
        let text = lines.concat();
        (&self.file)
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_data())
            .expect("the ledger can be written");
        let mut all = self.lock();
        all.entry(lane.clone()).or_default().extend(sequences);
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.lock().values().map(|lane| lane.len() as u64).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them.
    pub fn acknowledged(&self) -> BTreeMap<Lane, BTreeSet<u64>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Lane, BTreeSet<u64>>> {
        self.acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// One run of a handler that reached its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handling {
    /// Which of its lane.
    pub sequence: u64,
    /// The attempt it was.
    pub attempt: u32,
    /// The event.
    pub event: String,
}

/// What handlers did, lane by lane, in the order in which they did it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(pub BTreeMap<Lane, Vec<Handling>>);

impl History {
    /// Adds what the handler of [`HANDLER`] wrote at a key.
    ///
    /// # Panics
    /// When it wrote something else.
    pub fn read(&mut self, key: &str, entries: &serde_json::Value) {
        let (kind, key) = key.split_once('/').expect("a kind and a key");
        let entries = entries.as_array().expect("a list");
        let done = entries.iter().map(|entry| {
            let text = entry.as_str().expect("a text");
            let mut parts = text.splitn(3, ' ');
            let mut next = || parts.next().expect("three parts");
            Handling {
                sequence: next().parse().expect("a number"),
                attempt: next().parse().expect("a number"),
                event: next().to_owned(),
            }
        });
        self.0.insert(Lane::new(kind, key), done.collect());
    }

    /// Runs in all.
    pub fn len(&self) -> u64 {
        self.0.values().map(|lane| lane.len() as u64).sum()
    }

    /// Whether nothing was handled.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Sends that were acknowledged.
    pub acknowledged: u64,
    /// Acknowledged and never handled.
    pub lost: Vec<(Lane, u64)>,
    /// Handled more than once: all runs beyond the first.
    pub duplicated: Vec<(Lane, u64)>,
    /// Two events where one was sent.
    pub doubled: Vec<(Lane, u64)>,
    /// Handled after a later one of the same lane.
    pub inverted: Vec<(Lane, u64)>,
    /// An earlier attempt that ended after a later one of the same event.
    pub stale: Vec<(Lane, u64)>,
}

/// What is promised about order.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// Kinds whose lanes are in order.
    pub kinds: Vec<&'static str>,
    /// Events that were given up and replayed, which has no order and counts attempts anew.
    pub given_up: BTreeSet<String>,
}

/// Compares what was acknowledged with what was done.
pub fn check(
    acknowledged: &BTreeMap<Lane, BTreeSet<u64>>,
    history: &History,
    order: &Order,
) -> Verdict {
    let mut verdict = Verdict::default();
    for (lane, sequences) in acknowledged {
        verdict.acknowledged += sequences.len() as u64;
        let done: BTreeSet<u64> = history
            .0
            .get(lane)
            .into_iter()
            .flatten()
            .map(|handling| handling.sequence)
            .collect();
        let lost = sequences.difference(&done);
        verdict.lost.extend(lost.map(|s| (lane.clone(), *s)));
    }
    for (lane, handlings) in &history.0 {
        repeats(lane, handlings, &order.given_up, &mut verdict);
        if order.kinds.contains(&lane.kind.as_str()) {
            inversions(lane, handlings, &order.given_up, &mut verdict);
        }
    }
    verdict
}

fn repeats(
    lane: &Lane,
    handlings: &[Handling],
    given_up: &BTreeSet<String>,
    verdict: &mut Verdict,
) {
    let mut seen: HashMap<u64, &Handling> = HashMap::new();
    for handling in handlings {
        let at = || (lane.clone(), handling.sequence);
        if let Some(before) = seen.insert(handling.sequence, handling) {
            verdict.duplicated.push(at());
            if before.event != handling.event {
                verdict.doubled.push(at());
            } else if before.attempt > handling.attempt && !given_up.contains(&handling.event) {
                verdict.stale.push(at());
            }
        }
    }
}

fn inversions(
    lane: &Lane,
    handlings: &[Handling],
    given_up: &BTreeSet<String>,
    verdict: &mut Verdict,
) {
    let mut last = 0;
    for handling in handlings.iter().filter(|h| !given_up.contains(&h.event)) {
        if handling.sequence < last {
            verdict.inverted.push((lane.clone(), handling.sequence));
        }
        last = last.max(handling.sequence);
    }
}

/// A Rhai function that notes a handled event: `note(kind, key, sequence, attempt, event)`. The
/// list at a key is in the order of the writes.
pub const HANDLER: &str = r#"
fn note(kind, key, sequence, attempt, event) {
    kv::collection("seen").append(`${kind}/${key}`, `${sequence} ${attempt} ${event}`);
}
"#;
