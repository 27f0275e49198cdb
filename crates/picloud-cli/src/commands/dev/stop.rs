//! Ctrl-C and the system's wish for an end.

use tokio::signal::unix::{SignalKind, signal};

use super::event::{Event, Report};
use crate::error::{Failure, Outcome};

/// Reports the first signal; further ones too.
pub(super) fn on_signals(report: Report) -> Outcome {
    let failed = |error: std::io::Error| Failure::new(format!("cannot wait for signals: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(failed)?;
    let entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(failed)?;
    drop(entered);
    std::thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hang_up.recv() => {}
                }
                if report.send(Event::Stop).is_err() {
                    return;
                }
            }
        });
    });
    Ok(())
}
