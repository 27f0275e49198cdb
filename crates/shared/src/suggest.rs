//! The name somebody probably meant.

/// The closest of the known names, if a slip of the pen leads from one to the other: one letter of a
/// short name, two of a longer, a quarter of a long one. Capitals do not matter.
pub fn closest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wrong.to_lowercase();
    known
        .into_iter()
        .filter_map(|name| {
            let most = slip(name).min(name.len().saturating_sub(1));
            // What differs in length alone by more needs no look.
            if name.len().abs_diff(wrong.len()) > most * 4 {
                return None;
            }
            let distance = strsim::osa_distance(&wanted, &name.to_lowercase());
            (distance <= most).then_some((distance, name))
        })
        .min()
        .map(|(_, name)| name)
}

/// Letters that may differ.
fn slip(name: &str) -> usize {
    if name.len() <= 4 {
        return 1;
    }
    2.max(name.len() / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_close_names_are_suggested() {
        assert_eq!(closest("helo", ["hello", "help-desk"]), Some("hello"));
        assert_eq!(closest("Hello", ["hello"]), Some("hello"));
        assert_eq!(closest("orders", ["hello"]), None);
        assert_eq!(closest("x", ["a"]), None);
        assert_eq!(closest("foo", ["cos", "for"]), Some("for"));
        assert_eq!(closest("bar", ["abs"]), None);
        assert_eq!(closest("gte", ["get"]), Some("get"));
        assert_eq!(closest("", ["a"]), None);
        let zones = ["Europe/Berlin", "Europe/Paris"];
        assert_eq!(closest("europe/berln", zones), Some("Europe/Berlin"));
        assert_eq!(closest(&"x".repeat(1 << 20), ["hello"]), None);
    }
}
