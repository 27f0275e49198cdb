//! The real `pic` against the real `picloud`, as people and programs use it.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "cli/changes.rs"]
mod changes;
#[path = "cli/deploying.rs"]
mod deploying;
#[path = "cli/dev.rs"]
mod dev;
#[path = "cli/documents.rs"]
mod documents;
#[path = "cli/events.rs"]
mod events;
#[path = "cli/folders.rs"]
mod folders;
#[path = "cli/hostile.rs"]
mod hostile;
#[path = "cli/kv.rs"]
mod kv;
#[path = "cli/machine.rs"]
mod machine;
#[path = "cli/running.rs"]
mod running;
#[path = "cli/sign_in.rs"]
mod sign_in;
#[path = "cli/support.rs"]
mod support;
#[path = "cli/terminal.rs"]
mod terminal;
#[path = "cli/zones.rs"]
mod zones;
