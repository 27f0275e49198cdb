//! What PiCloud promises, shown on a real `picloud serve` that is driven over HTTP only.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "e2e/any_bytes.rs"]
mod any_bytes;
#[path = "e2e/big_releases.rs"]
mod big_releases;
#[path = "e2e/budgets.rs"]
mod budgets;
#[path = "e2e/by_hand.rs"]
mod by_hand;
#[path = "e2e/caught.rs"]
mod caught;
#[path = "e2e/dashboard.rs"]
mod dashboard;
#[path = "e2e/deploys.rs"]
mod deploys;
#[path = "e2e/disk.rs"]
mod disk;
#[path = "e2e/events.rs"]
mod events;
#[path = "e2e/exhaustion.rs"]
mod exhaustion;
#[path = "e2e/following.rs"]
mod following;
#[path = "e2e/handling.rs"]
mod handling;
#[path = "e2e/idle.rs"]
mod idle;
#[path = "e2e/isolation.rs"]
mod isolation;
#[path = "e2e/json_suite.rs"]
mod json_suite;
#[path = "e2e/killed.rs"]
mod killed;
#[path = "e2e/metrics.rs"]
mod metrics;
#[path = "e2e/order.rs"]
mod order;
#[path = "e2e/pausing.rs"]
mod pausing;
#[path = "e2e/reads.rs"]
mod reads;
#[path = "e2e/recorded.rs"]
mod recorded;
#[path = "e2e/runs.rs"]
mod runs;
#[path = "e2e/schedules.rs"]
mod schedules;
#[path = "e2e/sign_in.rs"]
mod sign_in;
#[path = "e2e/stacks.rs"]
mod stacks;
#[path = "e2e/stopping.rs"]
mod stopping;
#[path = "e2e/storage.rs"]
mod storage;
#[path = "e2e/support.rs"]
mod support;
#[path = "e2e/tails.rs"]
mod tails;
#[path = "e2e/transactions.rs"]
mod transactions;
#[path = "e2e/waiting.rs"]
mod waiting;
#[path = "e2e/zones.rs"]
mod zones;
