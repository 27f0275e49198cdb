//! The configuration file: TOML, tables become dotted keys.

use std::fs;
use std::path::Path;

use shared::suggest::closest;

use super::{ConfigError, KEYS, Raw, Source};

/// Bytes of a configuration file.
const MAX_BYTES: u64 = 1 << 20;

/// Reads a file that was asked for; a missing one is an error.
pub(super) fn read(path: &Path) -> Result<Vec<(&'static str, Raw)>, ConfigError> {
    let text = text_of(path)?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| ConfigError::File {
        path: path.to_owned(),
        reason: error.to_string().trim_end().to_owned(),
    })?;
    let mut values = Vec::new();
    flatten("", &table, path, &mut values)?;
    Ok(values)
}

/// Reads a secret that lies in a file; line ends around it are not part of it.
pub(super) fn secret(path: &str) -> Result<String, ConfigError> {
    Ok(text_of(Path::new(path))?.trim().to_owned())
}

fn text_of(path: &Path) -> Result<String, ConfigError> {
    let failed = |reason: String| ConfigError::File {
        path: path.to_owned(),
        reason,
    };
    let size = fs::metadata(path).map_err(|e| failed(e.to_string()))?.len();
    if size > MAX_BYTES {
        return Err(failed("it is larger than 1 MiB".to_owned()));
    }
    fs::read_to_string(path).map_err(|e| failed(e.to_string()))
}

fn flatten(
    prefix: &str,
    table: &toml::Table,
    path: &Path,
    values: &mut Vec<(&'static str, Raw)>,
) -> Result<(), ConfigError> {
    for (part, value) in table {
        let name = format!("{prefix}{part}");
        if let toml::Value::Table(inner) = value {
            flatten(&format!("{name}."), inner, path, values)?;
            continue;
        }
        let source = Source::File(path.to_owned());
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            let close = closest(&name, KEYS.iter().map(|key| key.name));
            return Err(ConfigError::Unknown {
                key: name,
                origin: source,
                close: close.map(str::to_owned),
            });
        };
        let text = text(value).ok_or_else(|| ConfigError::Value {
            key: key.name,
            origin: source.clone(),
            reason: "write a string, a whole number, or a list of strings".to_owned(),
        })?;
        values.push((key.name, Raw { text, source }));
    }
    Ok(())
}

fn text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Array(items) => {
            let items: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            Some(items?.join(","))
        }
        _ => None,
    }
}
