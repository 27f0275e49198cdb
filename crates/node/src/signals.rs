//! SIGTERM and SIGINT stop the server; a second one ends it at once.

use tokio::signal::unix::{SignalKind, signal};

use crate::tasks::Stop;

/// Exit status after a second signal, as shells count: 128 + SIGINT.
const INTERRUPTED: i32 = 130;

/// Waits for signals, for as long as the process lives.
pub async fn stop_on_signals(stop: Stop) -> Result<(), String> {
    let on = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
    let mut terminate = on(SignalKind::terminate())?;
    let mut interrupt = on(SignalKind::interrupt())?;
    loop {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        if stop.stopping() {
            tracing::warn!(signal = name, "stopping at once");
            #[expect(
                clippy::exit,
                reason = "somebody asked twice; nothing acknowledged is lost"
            )]
            std::process::exit(INTERRUPTED);
        }
        tracing::info!(signal = name, "stopping; a second signal stops at once");
        stop.stop();
    }
}
