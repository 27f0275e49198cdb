//! The apps of `examples/`, deployed to a running server and used over HTTP.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "examples/github_webhook.rs"]
mod github_webhook;
#[path = "examples/hello.rs"]
mod hello;
#[path = "examples/link_shortener.rs"]
mod link_shortener;
#[path = "examples/support.rs"]
mod support;
#[path = "examples/webhook_inbox.rs"]
mod webhook_inbox;
