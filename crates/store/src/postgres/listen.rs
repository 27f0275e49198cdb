//! Hearing what other processes notify: a thread with a connection of its own that sleeps until
//! something comes. What it misses while it has no connection is made up for when it has one.
//!
//! Processes meet here: whoever begins to listen says that it is there, and is answered once.

use std::sync::{Arc, Weak};
use std::time::Duration;

use postgres::Client;
use postgres::fallible_iterator::FallibleIterator as _;
use shared::seam::Raised;

use super::conn::connect;
use super::lane::pause_thread;
use crate::dialect::{PAUSED, SERVED_CHANNEL, WITHDRAWN, WORK_CHANNEL};
use crate::handover::{Handover, Notice};

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_secs(1);

/// Starts the thread; it ends with the store.
pub(super) fn start(url: String, handover: &Arc<Handover>) {
    let handover = Arc::downgrade(handover);
    let thread = std::thread::Builder::new()
        .name("store-listen".to_owned())
        .spawn(move || {
            while handover.strong_count() > 0 {
                // Why it ended does not matter: all is looked at when there is a connection again.
                hear(&url, &handover);
                pause_thread(PAUSE);
            }
        });
    if let Err(error) = thread {
        tracing::error!(%error, "what other processes write is only found when they end");
    }
}

/// Listens until the connection ends or the store is gone; then `None`.
fn hear(url: &str, handover: &Weak<Handover>) -> Option<()> {
    let mut client = connect(url).ok()?;
    // The database's administrator can tell it from the connections that work.
    let listen = format!(
        "SET application_name = 'picloud listener'; LISTEN {WORK_CHANNEL}; LISTEN {SERVED_CHANNEL}"
    );
    client.batch_execute(&listen).ok()?;
    let own = {
        let handover = handover.upgrade()?;
        handover.tell(Notice::Unheard);
        handover.news().tell_all();
        handover.node().to_string()
    };
    say_hello(&mut client, &own)?;
    loop {
        let heard = next(&mut client, &own)?;
        let handover = handover.upgrade()?;
        for raised in heard.raised {
            handover.news().tell(raised);
        }
        if heard.unknown {
            handover.news().tell_all();
        }
        if heard.others && handover.news().meet() {
            say_hello(&mut client, &own)?;
        }
        if heard.withdrawn {
            handover.withdrawn();
        }
        if heard.paused {
            handover.tell(Notice::Pauses);
        }
        if heard.work {
            handover.tell(Notice::Foreign);
        }
    }
}

fn say_hello(client: &mut Client, own: &str) -> Option<()> {
    let told = client.execute(
        "SELECT CAST(pg_notify($1, $2) AS TEXT)",
        &[&WORK_CHANNEL, &own],
    );
    told.ok().map(|_rows| ())
}

/// What came at once.
#[derive(Default)]
struct Heard {
    /// Another process has told something.
    others: bool,
    /// There is work.
    work: bool,
    /// Deliveries were taken out of this process's hands.
    withdrawn: bool,
    /// Lines were paused, or go on.
    paused: bool,
    raised: Vec<Raised>,
    /// Something of a program that tells in another way.
    unknown: bool,
}

impl Heard {
    fn add(&mut self, channel: &str, payload: &str, own: &str) {
        if channel == WORK_CHANNEL {
            let (node, what) = payload.split_once(' ').unwrap_or((payload, ""));
            let others = node != own;
            self.others |= others;
            self.withdrawn |= others && what == WITHDRAWN;
            self.paused |= others && what == PAUSED;
            self.work |= others && what != WITHDRAWN && what != PAUSED;
            return;
        }
        match raised(payload) {
            Some(raised) => self.raised.push(raised),
            None => self.unknown = true,
        }
    }
}

fn raised(payload: &str) -> Option<Raised> {
    let (app, number) = payload.split_once(' ')?;
    Some(Raised {
        app: app.parse().ok()?,
        number: number.parse().ok()?,
    })
}

/// Sleeps until something comes, and takes all of it: one look serves what came at once.
fn next(client: &mut Client, own: &str) -> Option<Heard> {
    let mut heard = Heard::default();
    let first = client.notifications().blocking_iter().next().ok()??;
    heard.add(first.channel(), first.payload(), own);
    while let Ok(Some(next)) = client.notifications().iter().next() {
        heard.add(next.channel(), next.payload(), own);
    }
    Some(heard)
}
