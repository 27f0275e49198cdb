//! The name somebody probably meant.

/// The closest of the known names, if one is close.
pub(crate) fn closest<'a>(
    wrong: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(wrong, name), name))
        .filter(|(distance, name)| *distance <= 2 && *distance < name.len())
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_close_names_are_suggested() {
        assert_eq!(closest("helo", ["hello", "help-desk"]), Some("hello"));
        assert_eq!(closest("orders", ["hello"]), None);
        assert_eq!(closest("x", ["a"]), None);
    }
}
