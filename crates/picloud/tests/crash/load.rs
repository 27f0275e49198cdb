//! Clients that send until the server is gone or they are told to stop, and write down what was
//! acknowledged.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use test_support::Server;
use test_support::ledger::{Lane, Ledger};

/// What each client sends; a client has one key of its own per run.
const CLIENTS: [(&str, &str); 6] = [
    ("queue", "send"),
    ("queue", "send"),
    ("queue", "send"),
    ("queue", "send"),
    ("kv", "put"),
    ("later", "later"),
];

/// One run of all clients against one process.
pub(crate) struct Load<'a> {
    servers: &'a [&'a Server],
    ledger: &'a Ledger,
    /// Makes the keys of this run its own.
    run: String,
    stop: AtomicBool,
    made: AtomicU64,
}

impl<'a> Load<'a> {
    pub(crate) fn new(servers: &'a [&'a Server], ledger: &'a Ledger, run: &str) -> Self {
        Self {
            servers,
            ledger,
            run: run.to_owned(),
            stop: AtomicBool::new(false),
            made: AtomicU64::new(0),
        }
    }

    /// Runs the clients until they have all ended; `faults` happen meanwhile on this thread.
    pub(crate) fn run(&self, faults: impl FnOnce(&Self)) {
        std::thread::scope(|scope| {
            for (number, (kind, path)) in CLIENTS.into_iter().enumerate() {
                scope.spawn(move || self.client(number, kind, path));
            }
            // A fault that panics must not leave the clients running for ever.
            let ended = Stopped(&self.stop);
            faults(self);
            drop(ended);
        });
    }

    fn client(&self, number: usize, kind: &str, path: &str) {
        let server = self.servers[number % self.servers.len()];
        let lane = Lane::new(kind, format!("{}c{number}", self.run));
        let mut sequence = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let target = format!("/{path}?key={}&sequence={sequence}", lane.key);
            match server.try_request("POST", &target, &[], "") {
                Ok(reply) if reply.status < 300 => {
                    self.ledger.acknowledge(&lane, [sequence]);
                    self.made.fetch_add(1, Ordering::Relaxed);
                }
                // Not acknowledged: it may have happened or not, and is not sent again.
                Ok(_) => std::thread::sleep(Duration::from_millis(10)),
                Err(_) => return,
            }
            sequence += 1;
        }
    }

    /// Waits for so many more acknowledgements.
    pub(crate) fn until_acknowledged(&self, count: u64) {
        let before = self.made.load(Ordering::Relaxed);
        let made = || self.made.load(Ordering::Relaxed) - before;
        let state = || {
            let logs: Vec<String> = self.servers.iter().map(|s| s.log()).collect();
            format!("{} of {count}\n{}", made(), logs.join("\n"))
        };
        super::app::until("sends are not acknowledged", &state, &mut || {
            made() >= count
        });
    }
}

struct Stopped<'a>(&'a AtomicBool);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
