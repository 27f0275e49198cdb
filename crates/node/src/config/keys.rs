//! The list of settings. What is not here cannot be set.

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its dotted name, as in the file.
    pub name: &'static str,
    /// Its value when nobody sets it.
    pub default: &'static str,
    /// What it does.
    pub help: &'static str,
    /// A customary variable that sets it too.
    pub alias: Option<&'static str>,
    /// Whether it may hold a password.
    pub secret: bool,
}

impl Key {
    /// The variable that sets it: `admission.rate` is `PICLOUD_ADMISSION__RATE`.
    pub fn variable(&self) -> String {
        format!("PICLOUD_{}", self.name.replace('.', "__").to_uppercase())
    }
}

const fn key(name: &'static str, default: &'static str, help: &'static str) -> Key {
    Key {
        name,
        default,
        help,
        alias: None,
        secret: false,
    }
}

/// All settings.
pub const KEYS: &[Key] = &[
    key(
        "data_dir",
        "./data",
        "Directory of the embedded database, its backups and the local credential",
    ),
    key(
        "listen",
        "0.0.0.0:8080",
        "Address of the public listener: the apps",
    ),
    key(
        "admin_listen",
        "0.0.0.0:8081",
        "Address of the admin listener: dashboard, API and its docs; or `off`, when `admin_url` has a host of its own",
    ),
    key(
        "internal_listen",
        "127.0.0.1:8082",
        "Address of /metrics, or `off`",
    ),
    key(
        "public_url",
        "auto",
        "Where people reach the apps; `auto`: localhost with the listener's port",
    ),
    key(
        "admin_url",
        "auto",
        "Where people reach the admin origin; a host of its own answers on the public listener too; `auto`: the admin listener",
    ),
    key(
        "workers",
        "auto",
        "Threads that serve requests and run scripts; `auto`: one per core",
    ),
    key(
        "shutdown_timeout",
        "25s",
        "How long requests under way may take when the server stops",
    ),
    key(
        "trusted_proxies",
        "127.0.0.1, ::1",
        "Addresses or ranges whose X-Forwarded-* headers are believed, or `none`",
    ),
    Key {
        name: "database.url",
        default: "sqlite",
        help: "`sqlite` for the embedded database, or postgres://user:password@host/name",
        alias: Some("DATABASE_URL"),
        secret: true,
    },
    key(
        "database.connections",
        "8",
        "PostgreSQL connections, 1 to 200",
    ),
    key(
        "database.patience",
        "1m",
        "How long a start waits for a PostgreSQL that is not there yet",
    ),
    key(
        "log.format",
        "auto",
        "`text`, `json`, or `auto`: text on a terminal",
    ),
    key(
        "log.level",
        "info",
        "`error`, `warn`, `info`, `debug`, `trace`, or directives like info,manager_core=debug",
    ),
    key(
        "admission.concurrency",
        "50000",
        "Requests under way on this server",
    ),
    key(
        "admission.app_concurrency",
        "20000",
        "Requests under way per app",
    ),
    key(
        "admission.app_rate",
        "off",
        "Requests per second of one app with a burst, like 100 or 100:300, or `off`",
    ),
    key(
        "admission.connections",
        "20000",
        "Open connections per worker",
    ),
    key(
        "events.concurrency",
        "256",
        "Event handlers that run at the same time on this server",
    ),
    key(
        "events.hints",
        "on",
        "`on`: a write wakes the dispatcher; `off`: it looks every second",
    ),
    key(
        "events.backlog",
        "1000000",
        "Undelivered events an app may have",
    ),
    key(
        "events.backlog_bytes",
        "1GiB",
        "Bytes of undelivered events an app may have",
    ),
    key(
        "memory.budget",
        "auto",
        "Memory for bodies of requests, large answers and what scripts allocate; `auto`: three eighths of what the machine or its cgroup has",
    ),
    key(
        "storage.app",
        "4GiB",
        "What an app may keep in the database that has no limit of its own",
    ),
    key(
        "storage.floor",
        "auto",
        "Space of the embedded database's disk below which apps only delete; `auto`: a twentieth of the disk, at most 256 MiB",
    ),
    key("cache.scripts", "64MiB", "Memory for compiled scripts"),
    key(
        "ceiling.wall",
        "5m",
        "Most elapsed time a script can ask for",
    ),
    key(
        "ceiling.cpu",
        "1m",
        "Most processor time a script can ask for",
    ),
    key(
        "ceiling.operations",
        "500000000",
        "Most evaluation steps a script can ask for",
    ),
    key(
        "ceiling.memory",
        "256MiB",
        "Most memory a script can ask for, and at most a quarter of `memory.budget`",
    ),
    key(
        "ceiling.response",
        "64MiB",
        "Largest response a script can ask for",
    ),
    key(
        "ceiling.logs",
        "1MiB",
        "Most log output a script can ask for",
    ),
    key(
        "ceiling.host_calls",
        "100000",
        "Most host calls a script can ask for",
    ),
    key(
        "ceiling.concurrency",
        "100000",
        "Most simultaneous runs a script can ask for",
    ),
];
