//! Hearing what other processes notify: a thread with a connection of its own that sleeps until
//! something comes. What it misses while it has no connection is made up for when it has one.

use std::sync::{Arc, Weak};
use std::time::Duration;

use postgres::fallible_iterator::FallibleIterator as _;

use super::{connect, pause_thread};
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
                hear(&url, &handover);
                pause_thread(PAUSE);
            }
        });
    if let Err(error) = thread {
        tracing::error!(%error, "what other processes write is only found when they end");
    }
}

/// Listens until the connection ends or the store is gone.
fn hear(url: &str, handover: &Weak<Handover>) {
    let Ok(mut client) = connect(url) else { return };
    if client.batch_execute("LISTEN picloud").is_err() {
        return;
    }
    let mut notice = Some(Notice::Unheard);
    loop {
        let own = match handover.upgrade() {
            Some(handover) => {
                if let Some(notice) = notice {
                    handover.tell(notice);
                }
                handover.node().to_string()
            }
            None => return,
        };
        let mut foreign = match client.notifications().blocking_iter().next() {
            Ok(Some(first)) => first.payload() != own,
            Ok(None) | Err(_) => return,
        };
        // One look serves all that came at once.
        while let Ok(Some(next)) = client.notifications().iter().next() {
            foreign |= next.payload() != own;
        }
        notice = foreign.then_some(Notice::Foreign);
    }
}
