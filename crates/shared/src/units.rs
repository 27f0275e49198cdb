//! Durations and sizes as people write them: `250ms`, `5s`, `2h`, `64KiB`, `32MiB`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// A text that is not a duration or a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a duration.
    #[error(
        "`{0}` is not a duration; write a whole number and a unit, like 250ms, 5s, 10m, 2h, 7d"
    )]
    Duration(String),
    /// Not a size.
    #[error("`{0}` is not a size; write a whole number and a unit, like 512B, 64KiB, 32MiB, 1GiB")]
    Size(String),
}

fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim()))
}

/// Reads `250ms`, `5s`, `10m`, `2h`, `7d`.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let error = || UnitError::Duration(text.chars().take(40).collect());
    let (number, unit) = split(text).ok_or_else(error)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(error()),
    };
    number
        .checked_mul(millis)
        .map(Duration::from_millis)
        .ok_or_else(error)
}

/// Reads `512B`, `64KiB`, `32MiB`, `1GiB` (`KB`, `MB`, `GB` are powers of ten).
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let error = || UnitError::Size(text.chars().take(40).collect());
    let (number, unit) = split(text).ok_or_else(error)?;
    let factor = match unit {
        "B" | "" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(error()),
    };
    number.checked_mul(factor).ok_or_else(error)
}

/// Writes a duration in the largest unit that holds it exactly.
pub fn format_duration(value: Duration) -> String {
    let millis = value.as_millis();
    for (unit, size) in [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
    ] {
        if millis >= size && millis.is_multiple_of(size) {
            return format!("{}{unit}", millis / size);
        }
    }
    format!("{millis}ms")
}

/// Writes a size in the largest binary unit that holds it exactly.
pub fn format_size(value: u64) -> String {
    for (unit, size) in [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if value >= size && value.is_multiple_of(size) {
            return format!("{}{unit}", value / size);
        }
    }
    format!("{value}B")
}

/// `#[serde(with = "units::duration")]`: an optional duration as text.
pub mod duration {
    use super::{Deserialize, Deserializer, Duration, Serializer, format_duration, parse_duration};

    /// Writes `5s`.
    #[expect(clippy::ref_option, reason = "the form serde calls")]
    pub fn serialize<S: Serializer>(value: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => s.serialize_str(&format_duration(*value)),
            None => s.serialize_none(),
        }
    }

    /// Reads `5s`.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Duration>, D::Error> {
        Option::<String>::deserialize(d)?
            .map(|text| parse_duration(&text).map_err(serde::de::Error::custom))
            .transpose()
    }
}

/// `#[serde(with = "units::set_duration")]`: a duration as text that has a value always.
pub mod set_duration {
    use super::{Deserialize, Deserializer, Duration, Serializer, format_duration, parse_duration};

    /// Writes `5s`.
    pub fn serialize<S: Serializer>(value: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&format_duration(*value))
    }

    /// Reads `5s`.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        parse_duration(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

/// `#[serde(with = "units::size")]`: an optional size in bytes as text.
pub mod size {
    use super::{Deserialize, Deserializer, Serializer, format_size, parse_size};

    /// Writes `32MiB`.
    #[expect(clippy::ref_option, reason = "the form serde calls")]
    pub fn serialize<S: Serializer>(value: &Option<u64>, s: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => s.serialize_str(&format_size(*value)),
            None => s.serialize_none(),
        }
    }

    /// Reads `32MiB`.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
        Option::<String>::deserialize(d)?
            .map(|text| parse_size(&text).map_err(serde::de::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_read_back() {
        for text in ["250ms", "5s", "10m", "2h", "7d"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
        for text in ["512B", "64KiB", "32MiB", "1GiB"] {
            assert_eq!(format_size(parse_size(text).unwrap()), text);
        }
    }

    #[test]
    fn rubbish_is_refused_with_an_example() {
        for bad in [
            "",
            "5",
            "-5s",
            "5 parsecs",
            "1.5s",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
        for bad in ["MiB", "1.5MiB", "-1B", "18446744073709551615GiB"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
        assert!(
            parse_size("lots")
                .unwrap_err()
                .to_string()
                .contains("32MiB")
        );
    }
}
