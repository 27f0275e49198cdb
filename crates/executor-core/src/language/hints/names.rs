//! Names and properties that are not there, in the words of the language.

/// A hint for a name that functions do not see.
pub(super) fn for_unseen(name: &str) -> Option<String> {
    match name {
        "req" | "event" => Some(format!(
            "functions do not see `{name}`; give it to the function: fn work({name}) {{ … }}"
        )),
        "ctx" => Some("functions do not see `ctx`; inside of them write ctx()".to_owned()),
        _ => None,
    }
}

/// The property and the type in what the language says about a property that is not there.
pub(crate) fn unknown_property(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("Unknown property '")?;
    let (name, rest) = rest.split_once("' - a getter is not registered for type '")?;
    Some((name, rest.strip_suffix('\'')?))
}

/// The property, the type and the type of the new value in what the language says about a property
/// that cannot be set.
pub(crate) fn fixed_property(text: &str) -> Option<(&str, &str, &str)> {
    let rest = text.strip_prefix("No writable property '")?;
    let (name, rest) = rest.split_once("' - a setter is not registered for type '")?;
    let (kind, rest) = rest.split_once("' to handle '")?;
    Some((name, kind, rest.strip_suffix('\'')?))
}
