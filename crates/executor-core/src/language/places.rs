//! The text that is run, and the way back from it to the text that was written.
//!
//! They differ in three things: the body of a `try` whose `catch` names its error is in a block of its
//! own, `$ { … }`, so is the body of a function, `~ { … }`, and a closure that captures has a word of
//! ours before it, `@ |…| …`. The lines stay as they were; [`Shifts`] leads back to the columns.

use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};

use super::small::Small;

/// What begins such a block; no word of a script.
pub(super) const KEYWORD: &str = "$";
const OPEN: &str = "$ {";
const CLOSE: &str = "}";
/// What begins the body of a function; no word of a script.
pub(super) const BODY: &str = "~";
const OPEN_BODY: &str = "~ {";
/// What stands before a closure that captures; no word of a script.
pub(super) const SHARES: &str = "@";
const BEFORE: &str = "@ ";

/// What was put into a source, by lines: before which column, and how many characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shifts(Vec<(u32, u32, u32)>);

impl Shifts {
    /// The column as it was written.
    pub(crate) fn written(&self, line: u32, column: u32) -> u32 {
        let mut column = column;
        for (_, before, by) in self.0.iter().filter(|(at, ..)| *at == line) {
            if column >= before + by {
                column -= by;
            } else if column > *before {
                // Inside of what was put in.
                column = *before;
            }
        }
        column
    }
}

/// Lines and columns from here on are all the same to the language.
const COUNTED: u32 = u16::MAX as u32;

/// The source with a block of its own around what is tried and around the bodies of functions,
/// a word of its own before what captures, and what that shifted. None, where there is nothing of
/// that. Fails with a place where what is tried or captures is further on than the language counts.
pub(super) fn with_places(source: &str, ast: &AST) -> Result<Option<(String, Shifts)>, (u32, u32)> {
    let mut inserts = around_functions(ast);
    ast.walk(&mut |path| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::TryCatch(tried, _))) if !tried.expr.is_unit() => {
                let (open, close) = (tried.body.position(), tried.body.end_position());
                inserts.extend(place(open).map(|(line, at)| (line, at + 1, OPEN)));
                inserts.extend(place(close).map(|(line, at)| (line, at, CLOSE)));
            }
            Some(
                ASTNode::Expr(Expr::FnCall(call, begins))
                | ASTNode::Stmt(Stmt::FnCall(call, begins)),
            ) if captures(call) => {
                inserts.extend(place(*begins).map(|(line, at)| (line, at, BEFORE)));
            }
            _ => {}
        }
        true
    });
    if inserts.is_empty() {
        return Ok(None);
    }
    let uncounted = |line: u32, column: u32| line >= COUNTED || column >= COUNTED;
    if let Some((line, column, _)) = inserts.iter().find(|(line, at, _)| uncounted(*line, *at)) {
        return Err((*line, *column));
    }
    // Of two at one place the one that opens was found first, and stays first.
    inserts.sort_by_key(|(line, column, _)| (*line, *column));
    inserts.dedup();
    let mut text = String::with_capacity(source.len() + inserts.len() * OPEN.len());
    let mut rest = inserts.as_slice();
    for (at, line) in source.split('\n').enumerate() {
        if at > 0 {
            text.push('\n');
        }
        let of_line = rest.partition_point(|(of, ..)| *of as usize <= at + 1);
        let (inserts, later) = rest.split_at(of_line);
        put_into(&mut text, line, inserts);
        rest = later;
    }
    let shifts = inserts
        .iter()
        .map(|(line, at, it)| (*line, *at, it.len() as u32));
    Ok(Some((text, Shifts(shifts.collect()))))
}

/// Whether a call makes a closure that captures; scripts cannot write one.
fn captures(call: &FnCallExpr) -> bool {
    call.name == "curry"
}

/// Blocks around the bodies of functions that are not small. A closure without braces has none, and what is further on
/// than the language counts could be anywhere.
fn around_functions(ast: &AST) -> Vec<(u32, u32, &'static str)> {
    let mut inserts = Vec::new();
    let small = Small::of(ast);
    for function in ast.iter_fn_def().filter(|it| !small.holds(it)) {
        let body = &function.body;
        let ends = (place(body.start_position()), place(body.end_position()));
        if let (Some(open), Some(close)) = ends
            && [open.0, open.1, close.0, close.1]
                .iter()
                .all(|at| *at + 1 < COUNTED)
        {
            inserts.push((open.0, open.1 + 1, OPEN_BODY));
            inserts.push((close.0, close.1, CLOSE));
        }
    }
    inserts
}

fn place(position: Position) -> Option<(u32, u32)> {
    Some((position.line()? as u32, position.position()? as u32))
}

fn put_into(text: &mut String, line: &str, inserts: &[(u32, u32, &'static str)]) {
    let mut rest = line;
    let mut column = 1;
    for (_, before, insert) in inserts {
        let characters = before.saturating_sub(column) as usize;
        let at = rest
            .char_indices()
            .nth(characters)
            .map_or(rest.len(), |(at, _)| at);
        text.push_str(&rest[..at]);
        text.push_str(insert);
        rest = &rest[at..];
        column = *before;
    }
    text.push_str(rest);
}

#[cfg(test)]
mod tests {
    use rhai::Engine;

    use super::*;

    fn instrumented(source: &str) -> Option<(String, Shifts)> {
        let ast = Engine::new_raw().compile(source).unwrap();
        with_places(source, &ast).unwrap()
    }

    #[test]
    fn what_is_tried_and_what_is_called_is_in_a_block() {
        for source in [
            "1",
            "try { f(); } catch { 2; }",
            "try { 1; } catch (e) {}",
            "|x| x + 1",
        ] {
            assert_eq!(instrumented(source), None, "{source}");
        }
        let (text, _) = instrumented("try { f(); } catch (e) { 2; }").unwrap();
        assert_eq!(text, "try {$ { f(); }} catch (e) { 2; }");
        let (text, _) =
            instrumented("fn f() {\n\tlet e = \"ä{\"; try\n{ g(e) } catch(e) {} }").unwrap();
        assert_eq!(
            text,
            "fn f() {~ {\n\tlet e = \"ä{\"; try\n{$ { g(e) }} catch(e) {} }}"
        );
        let nested = "try { try { f(); } catch (a) {} } catch (b) {}";
        let (text, _) = instrumented(nested).unwrap();
        assert_eq!(
            text,
            "try {$ { try {$ { f(); }} catch (a) {} }} catch (b) {}"
        );
    }

    /// Every character that was written is found again.
    #[test]
    fn columns_lead_back_to_what_was_written() {
        for source in [
            "try { abc(); } catch (e) { xyz(); }",
            "try { try { a() } catch (e) { b } } catch (f) { try { c() } catch (g) { d } }",
            "let x = || { try { y() } catch (e) { e } }; x",
        ] {
            let (text, shifts) = instrumented(source).unwrap();
            let mut written = source.chars().enumerate().peekable();
            for (at, character) in text.chars().enumerate() {
                let column = shifts.written(1, at as u32 + 1) as usize;
                let Some((next, expected)) = written.peek().copied() else {
                    continue;
                };
                if character == expected && column == next + 1 {
                    written.next();
                }
            }
            assert_eq!(written.next(), None, "{source} -> {text}");
        }
    }
}
