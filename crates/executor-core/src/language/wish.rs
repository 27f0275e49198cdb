//! How a handler wants its event to go on: `throw #{retry: false}`, `throw #{retry_in: "10m"}`.

use std::time::Duration;

use rhai::{Dynamic, EvalAltResult, ImmutableString, Map};
use shared::retry::MAX_DELAY;
use shared::script_error::RetryWish;
use shared::units::{format_duration, parse_duration};

/// What was wished with an error; `Err` says what is wrong with the wish, which then does not count.
pub(super) fn wish_of(error: &EvalAltResult) -> Result<Option<RetryWish>, String> {
    let EvalAltResult::ErrorRuntime(value, _) = error else {
        return Ok(None);
    };
    let Some(map) = value.read_lock::<Map>() else {
        return Ok(None);
    };
    match (map.get("retry"), map.get("retry_in")) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err("it has either `retry` or `retry_in`".to_owned()),
        (Some(again), None) => match again.as_bool() {
            Ok(false) => Ok(Some(RetryWish::Never)),
            Ok(true) => Ok(None),
            Err(_) => Err("`retry` is true or false".to_owned()),
        },
        (None, Some(pause)) => {
            let pause = duration(pause).ok_or_else(|| {
                "`retry_in` is a number of seconds or a text like \"10m\"".to_owned()
            })?;
            if pause > MAX_DELAY {
                let most = format_duration(MAX_DELAY);
                return Err(format!("`retry_in` is at most {most}"));
            }
            let millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            Ok(Some(RetryWish::In(millis)))
        }
    }
}

fn duration(value: &Dynamic) -> Option<Duration> {
    if let Ok(whole) = value.as_int() {
        return u64::try_from(whole).ok().map(Duration::from_secs);
    }
    if let Ok(float) = value.as_float() {
        return Duration::try_from_secs_f64(float).ok();
    }
    let text = value.read_lock::<ImmutableString>()?;
    parse_duration(&text).ok()
}

#[cfg(test)]
mod tests {
    use rhai::Position;

    use super::*;

    fn thrown(json: &str) -> Result<Option<RetryWish>, String> {
        let map = rhai::Engine::new_raw().parse_json(json, true);
        let map: Map = map.map_err(|error| error.to_string())?;
        let error = EvalAltResult::ErrorRuntime(map.into(), Position::NONE);
        wish_of(&error)
    }

    #[test]
    fn wishes_are_read_and_wrong_ones_told() {
        for (map, wish) in [
            (r#"{"message": "no"}"#, None),
            (r#"{"retry": true}"#, None),
            (r#"{"retry": false, "status": 404}"#, Some(RetryWish::Never)),
            (r#"{"retry_in": "10m"}"#, Some(RetryWish::In(600_000))),
            (r#"{"retry_in": 5}"#, Some(RetryWish::In(5_000))),
            (r#"{"retry_in": 0.25}"#, Some(RetryWish::In(250))),
            (r#"{"retry_in": 0}"#, Some(RetryWish::In(0))),
        ] {
            assert_eq!(thrown(map), Ok(wish), "{map}");
        }
        for wrong in [
            r#"{"retry": "no"}"#,
            r#"{"retry": 0}"#,
            r#"{"retry_in": "soon"}"#,
            r#"{"retry_in": -5}"#,
            r#"{"retry_in": true}"#,
            r#"{"retry_in": "400d"}"#,
            r#"{"retry": false, "retry_in": 5}"#,
        ] {
            assert!(thrown(wrong).is_err(), "{wrong}");
        }
    }
}
