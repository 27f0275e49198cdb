//! `?1` as PostgreSQL writes it: `$1`. Text in quotes and comments stays as it is.

/// The statement with PostgreSQL's placeholders.
pub(super) fn to_dollar(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut chars = sql.chars().peekable();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '?') if chars.peek().is_some_and(char::is_ascii_digit) => out.push('$'),
            (None, '\'' | '"') => {
                quote = Some(c);
                out.push(c);
            }
            (None, '-') if chars.peek() == Some(&'-') => {
                quote = Some('\n');
                out.push(c);
            }
            (Some(end), _) if c == end => {
                quote = None;
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::to_dollar;

    #[test]
    fn only_placeholders_change() {
        for (from, to) in [
            ("SELECT ?1, ?12", "SELECT $1, $12"),
            ("SELECT '?1', \"?2\", ?3", "SELECT '?1', \"?2\", $3"),
            (
                "SELECT 'it''s ?1' -- ?2\n, ?3",
                "SELECT 'it''s ?1' -- ?2\n, $3",
            ),
            ("SELECT a ? b", "SELECT a ? b"),
        ] {
            assert_eq!(to_dollar(from), to);
        }
    }
}
