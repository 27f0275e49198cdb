//! The settings with their types.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use shared::limits::Limits;
use shared::origin::{Origin, OriginError};
use shared::units::{parse_duration, parse_size};

use super::{ConfigError, Layers, origins};
use crate::machine;

/// Most worker threads.
const WORKERS: usize = 256;

/// Which database.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// The embedded one in the data directory.
    Sqlite,
    /// A PostgreSQL server; the URL may hold a password.
    Postgres(String),
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "Sqlite",
            Self::Postgres(_) => "Postgres(…)",
        })
    }
}

/// A listener there need not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// There is none.
    Off,
    /// Here.
    At(SocketAddr),
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// One object per line.
    Json,
}

/// Logging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// How lines look.
    pub format: LogFormat,
    /// What is logged: a level or directives.
    pub level: String,
}

/// A rate per app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppRate {
    /// Requests per second over time.
    pub per_second: u32,
    /// Requests that may come at once.
    pub burst: u32,
}

/// How much is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Requests under way on this server.
    pub concurrency: u32,
    /// Requests under way per app.
    pub app_concurrency: u32,
    /// Requests per second per app; absent: no bound.
    pub app_rate: Option<AppRate>,
    /// Connections per worker.
    pub connections: u32,
}

/// How events are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    /// Handlers that run at the same time.
    pub concurrency: u32,
    /// Whether a write wakes the dispatcher.
    pub hints: bool,
    /// Undelivered events per app.
    pub backlog: u64,
    /// Bytes of them.
    pub backlog_bytes: u64,
}

/// The checked configuration of a server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the data is.
    pub data_dir: PathBuf,
    /// The public listener.
    pub listen: SocketAddr,
    /// The admin listener.
    pub admin_listen: Listen,
    /// The internal listener.
    pub internal_listen: Listen,
    /// Where people reach the apps; absent: localhost with the listener's port.
    pub public_url: Option<Origin>,
    /// Where people reach the control plane; absent: the admin listener.
    pub admin_url: Option<Origin>,
    /// Worker threads.
    pub workers: usize,
    /// Time to stop.
    pub shutdown_timeout: Duration,
    /// Proxies that are believed, as written: addresses and ranges.
    pub trusted_proxies: Vec<String>,
    /// The database.
    pub database: DatabaseUrl,
    /// PostgreSQL connections.
    pub connections: usize,
    /// How long to wait for PostgreSQL.
    pub patience: Duration,
    /// Logging.
    pub log: LogSettings,
    /// How much is let in.
    pub admission: Admission,
    /// How events are delivered.
    pub events: Events,
    /// Memory for what is held for clients, in bytes.
    pub memory: u64,
    /// Bytes an app may keep that has no limit of its own.
    pub storage: u64,
    /// Bytes of the disk that stay free of what apps keep; `None`: by its size.
    pub floor: Option<u64>,
    /// Memory for compiled scripts, in bytes.
    pub script_cache: u64,
    /// The highest limits a script can ask for.
    pub ceiling: Limits,
}

/// One run has at most this part of the memory of all.
const ONE_RUN: u64 = 4;

impl Config {
    /// Checks all values.
    pub fn check(layers: &Layers) -> Result<Self, ConfigError> {
        let of = Reader(layers);
        let memory = of.memory()?;
        let config = Self {
            data_dir: PathBuf::from(of.not_empty("data_dir")?),
            listen: of.address("listen")?,
            admin_listen: of.listen("admin_listen")?,
            internal_listen: of.listen("internal_listen")?,
            public_url: of.origin("public_url")?,
            admin_url: of.origin("admin_url")?,
            workers: of.workers()?,
            shutdown_timeout: of.duration("shutdown_timeout")?,
            trusted_proxies: match of.text("trusted_proxies") {
                "none" => Vec::new(),
                list => list.split(',').map(|item| item.trim().to_owned()).collect(),
            },
            database: of.database()?,
            connections: of.number("database.connections", 1, 200)? as usize,
            patience: of.duration("database.patience")?,
            log: LogSettings {
                format: of.log_format()?,
                level: of.not_empty("log.level")?.to_owned(),
            },
            admission: Admission {
                concurrency: of.count("admission.concurrency")?,
                app_concurrency: of.count("admission.app_concurrency")?,
                app_rate: of.app_rate()?,
                connections: of.count("admission.connections")?,
            },
            events: Events {
                concurrency: of.count("events.concurrency")?,
                hints: of.switch("events.hints")?,
                backlog: of.number("events.backlog", 1, u64::MAX)?,
                backlog_bytes: of.size("events.backlog_bytes")?,
            },
            memory,
            storage: of.size("storage.app")?,
            floor: of.floor()?,
            script_cache: of.size("cache.scripts")?,
            ceiling: Limits {
                wall: of.duration("ceiling.wall")?,
                cpu: of.duration("ceiling.cpu")?,
                operations: of.number("ceiling.operations", 1, u64::MAX)?,
                // Dropping the deepest values there are takes more than twice their memory again.
                memory: of.size("ceiling.memory")?.min(memory / ONE_RUN),
                response: of.size("ceiling.response")?,
                logs: of.size("ceiling.logs")?,
                host_calls: of.count("ceiling.host_calls")?,
                concurrency: of.count("ceiling.concurrency")?,
            },
        };
        origins::check(&config, layers)?;
        Ok(config)
    }
}

/// Reads values by key, with errors that name key and source.
struct Reader<'a>(&'a Layers);

impl<'a> Reader<'a> {
    fn text(&self, key: &'static str) -> &'a str {
        self.0.raw(key).text.trim()
    }

    fn fail<T>(&self, key: &'static str, reason: impl Into<String>) -> Result<T, ConfigError> {
        Err(self.0.refuse(key, reason))
    }

    fn not_empty(&self, key: &'static str) -> Result<&'a str, ConfigError> {
        match self.text(key) {
            "" => self.fail(key, "it is empty"),
            text => Ok(text),
        }
    }

    fn parse<T: FromStr>(&self, key: &'static str, want: &str) -> Result<T, ConfigError> {
        let text = self.text(key);
        let shown: String = text.chars().take(60).collect();
        text.parse()
            .or_else(|_| self.fail(key, format!("`{shown}` is not {want}")))
    }

    fn number(&self, key: &'static str, least: u64, most: u64) -> Result<u64, ConfigError> {
        let number: u64 = self.parse(key, "a whole number")?;
        if (least..=most).contains(&number) {
            return Ok(number);
        }
        self.fail(key, format!("{number} is not between {least} and {most}"))
    }

    fn count(&self, key: &'static str) -> Result<u32, ConfigError> {
        Ok(self.number(key, 1, u64::from(u32::MAX))? as u32)
    }

    fn switch(&self, key: &'static str) -> Result<bool, ConfigError> {
        match self.text(key) {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => self.fail(key, "write `on` or `off`"),
        }
    }

    fn duration(&self, key: &'static str) -> Result<Duration, ConfigError> {
        match parse_duration(self.text(key)) {
            Ok(time) if !time.is_zero() => Ok(time),
            Ok(_) => self.fail(key, "it must be more than zero"),
            Err(error) => self.fail(key, error.to_string()),
        }
    }

    fn size(&self, key: &'static str) -> Result<u64, ConfigError> {
        match parse_size(self.text(key)) {
            Ok(size) if size > 0 => Ok(size),
            Ok(_) => self.fail(key, "it must be more than zero"),
            Err(error) => self.fail(key, error.to_string()),
        }
    }

    fn address(&self, key: &'static str) -> Result<SocketAddr, ConfigError> {
        let text = self.text(key);
        if let Ok(address) = text.parse() {
            return Ok(address);
        }
        // `localhost:8080` and `:8080` are what people write.
        if let Some((host, port)) = text.rsplit_once(':')
            && let Ok(port) = port.parse()
        {
            match host {
                "localhost" => return Ok(SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port)),
                "" => return Ok(SocketAddr::new(IpAddr::from([0, 0, 0, 0]), port)),
                _ => {}
            }
        }
        self.parse(key, "an address with a port, like 127.0.0.1:8080")
    }

    fn workers(&self) -> Result<usize, ConfigError> {
        let key = "workers";
        match self.text(key) {
            "auto" => Ok(std::thread::available_parallelism()
                .map_or(1, usize::from)
                .min(WORKERS)),
            _ => Ok(self.number(key, 1, WORKERS as u64)? as usize),
        }
    }

    fn memory(&self) -> Result<u64, ConfigError> {
        let key = "memory.budget";
        match self.text(key) {
            "auto" => Ok(machine::memory() / 8 * 3),
            _ => self.size(key),
        }
    }

    fn floor(&self) -> Result<Option<u64>, ConfigError> {
        let key = "storage.floor";
        match self.text(key) {
            "auto" => Ok(None),
            _ => Ok(Some(self.size(key)?)),
        }
    }

    fn listen(&self, key: &'static str) -> Result<Listen, ConfigError> {
        match self.text(key) {
            "off" => Ok(Listen::Off),
            _ => Ok(Listen::At(self.address(key)?)),
        }
    }

    fn origin(&self, key: &'static str) -> Result<Option<Origin>, ConfigError> {
        match self.text(key) {
            "auto" => Ok(None),
            text => match text.parse() {
                Ok(origin) => Ok(Some(origin)),
                Err(error) => self.fail(key, OriginError::to_string(&error)),
            },
        }
    }

    fn database(&self) -> Result<DatabaseUrl, ConfigError> {
        let key = "database.url";
        let text = self.text(key);
        if text == "sqlite" {
            Ok(DatabaseUrl::Sqlite)
        } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Ok(DatabaseUrl::Postgres(text.to_owned()))
        } else {
            // The text is not shown: it may hold a password.
            self.fail(
                key,
                "write postgres://user:password@host/name, or `sqlite` for the embedded database, \
                 which lies in the data directory",
            )
        }
    }

    fn log_format(&self) -> Result<LogFormat, ConfigError> {
        match self.text("log.format") {
            "auto" => Ok(LogFormat::Auto),
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => self.fail("log.format", "write `auto`, `text` or `json`"),
        }
    }

    fn app_rate(&self) -> Result<Option<AppRate>, ConfigError> {
        let key = "admission.app_rate";
        let text = self.text(key);
        if text == "off" {
            return Ok(None);
        }
        let (rate, burst) = text.split_once(':').unwrap_or((text, text));
        match (rate.parse(), burst.parse()) {
            (Ok(per_second @ 1..=1_000_000), Ok(burst @ 1..=1_000_000)) => {
                Ok(Some(AppRate { per_second, burst }))
            }
            _ => self.fail(
                key,
                "write requests per second from 1 to 1000000, like 100; with a burst, 100:300; or `off`",
            ),
        }
    }
}
