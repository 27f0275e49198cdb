//! The place in a source that an error is about.

/// The line with a caret below the column, and the line before it.
pub(crate) fn excerpt(source: &str, line: u32, column: u32) -> String {
    const WIDTH: usize = 120;
    let lines: Vec<&str> = source.lines().collect();
    let Some(text) = (line as usize).checked_sub(1).and_then(|at| lines.get(at)) else {
        return String::new();
    };
    let cut = |text: &str| text.chars().take(WIDTH).collect::<String>();
    let width = line.to_string().len();
    let mut out = String::new();
    if line > 1 {
        out.push_str(&format!(
            "{:>width$} | {}\n",
            line - 1,
            cut(lines[line as usize - 2])
        ));
    }
    out.push_str(&format!("{line:>width$} | {}\n", cut(text)));
    if column > 0 && (column as usize) <= WIDTH {
        out.push_str(&format!(
            "{:>width$} | {:>caret$}",
            "",
            "^",
            caret = column as usize
        ));
    }
    out
}
