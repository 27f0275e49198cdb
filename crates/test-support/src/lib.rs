//! Test harness: a running PiCloud, a throw-away PostgreSQL, a disk whose power can be cut, the
//! ledger of what a server promised, the judge of what a key holds, the ticks of its schedules, the
//! zone data of a machine, a checker of its metrics, a clock in the test's hands, a browser.
//!
//! Only tests import this crate; it is the only one whose functions panic on failure.

mod browser;
mod clock;
mod disk;
pub mod exposition;
pub mod judge;
pub mod ledger;
mod limits;
mod postgres;
mod server;
pub mod ticks;
mod zones;

pub use browser::Browser;
pub use clock::ManualClock;
pub use disk::{Disk, is_mount_point};
pub use limits::default_ceiling;
pub use postgres::{Postgres, Session};
pub use server::{Reply, Server, Setup, binary, raise_file_limit, send};
pub use zones::write_zones;
