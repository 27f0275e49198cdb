//! Command-line flags: the common settings by name, every other one with `--set`.

use std::path::PathBuf;

use shared::suggest::closest;

use super::{ConfigError, KEYS, Raw, Source};

/// Flags of every command that reads the configuration.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ConfigArgs {
    /// Configuration file (TOML); also PICLOUD_CONFIG
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Data directory
    #[arg(long, visible_alias = "data-dir", value_name = "DIR")]
    pub data: Option<String>,
    /// Address of the public listener
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Address of the admin listener, or `off`
    #[arg(long, value_name = "ADDRESS")]
    pub admin_listen: Option<String>,
    /// Address of the internal listener, or `off`
    #[arg(long, value_name = "ADDRESS")]
    pub internal_listen: Option<String>,
    /// Where people reach the apps
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Where people reach the admin origin
    #[arg(long, value_name = "URL")]
    pub admin_url: Option<String>,
    /// Worker threads
    #[arg(long, value_name = "N")]
    pub workers: Option<String>,
    /// Database; prefer DATABASE_URL, which other users of the machine cannot see
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
    /// Log format
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Log level
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// Any other setting, like --set admission.app_rate=100
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl ConfigArgs {
    pub(super) fn values(&self) -> Result<Vec<(&'static str, Raw)>, ConfigError> {
        let mut values = Vec::new();
        for text in &self.set {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            let Some(key) = KEYS.iter().find(|key| key.name == name) else {
                return Err(ConfigError::Unknown {
                    key: name.to_owned(),
                    origin: Source::Flag("--set"),
                    close: closest(name, KEYS.iter().map(|key| key.name)).map(str::to_owned),
                });
            };
            values.push(raw(key.name, "--set", value));
        }
        let named = [
            ("data_dir", "--data", &self.data),
            ("listen", "--listen", &self.listen),
            ("admin_listen", "--admin-listen", &self.admin_listen),
            (
                "internal_listen",
                "--internal-listen",
                &self.internal_listen,
            ),
            ("public_url", "--public-url", &self.public_url),
            ("admin_url", "--admin-url", &self.admin_url),
            ("workers", "--workers", &self.workers),
            ("database.url", "--database-url", &self.database_url),
            ("log.format", "--log-format", &self.log_format),
            ("log.level", "--log-level", &self.log_level),
        ];
        for (key, flag, value) in named {
            values.extend(value.as_deref().map(|value| raw(key, flag, value)));
        }
        Ok(values)
    }
}

fn raw(key: &'static str, flag: &'static str, value: &str) -> (&'static str, Raw) {
    let source = Source::Flag(flag);
    let text = value.to_owned();
    (key, Raw { text, source })
}
