//! Which function of a source a place is in.

use std::collections::BTreeSet;

use rhai::{AST, ASTNode, Expr, ImmutableString, Position};

use super::small::Small;

/// What frames, texts and signatures call a function without a name, whose name in the language is a number.
pub(super) const CLOSURE: &str = "closure";

/// The functions of a source, as far as they have braces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Functions {
    /// Where each begins and ends, and its name.
    spans: Vec<(Position, Position, String)>,
    /// Where small ones are called, and where they begin, in order.
    calls: Vec<(Position, Position)>,
    /// What the language calls them, also those without braces.
    names: BTreeSet<ImmutableString>,
    /// Where blocks of ours begin.
    blocks: BTreeSet<Position>,
}

impl Functions {
    /// Those of a tree; its places are those they are asked for.
    pub(super) fn of(ast: &AST) -> Self {
        let functions = ast.iter_fn_def().filter_map(|function| {
            let (start, end) = (function.body.start_position(), function.body.end_position());
            let name = script_name(&function.name).to_owned();
            (!start.is_none() && !end.is_none()).then_some((start, end, name))
        });
        Self {
            spans: functions.collect(),
            calls: Small::of(ast).calls(ast),
            names: ast.iter_fn_def().map(|it| it.name.clone()).collect(),
            blocks: blocks_of(ast),
        }
    }

    /// Whether there is one that the language calls so.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether a block of ours begins at this place.
    pub(super) fn has_block(&self, at: Position) -> bool {
        self.blocks.contains(&at)
    }

    /// Where the small function begins that is called at this place.
    pub(super) fn called_at(&self, line: u32, column: u32) -> Option<(u32, u32)> {
        let at = |(place, _): &(Position, Position)| line_and_column(*place);
        let found = self.calls.binary_search_by_key(&(line, column), at).ok()?;
        Some(line_and_column(self.calls[found].1))
    }

    /// The innermost function around this place; none at the top level.
    pub(super) fn at(&self, line: u32, column: u32) -> Option<&str> {
        let around = self.spans.iter().filter(|(start, end, _)| {
            line_and_column(*start) <= (line, column) && (line, column) <= line_and_column(*end)
        });
        let innermost = around.max_by_key(|(start, ..)| *start);
        innermost.map(|(_, _, name)| name.as_str())
    }
}

fn blocks_of(ast: &AST) -> BTreeSet<Position> {
    let mut blocks = BTreeSet::new();
    ast.walk(&mut |path| {
        if let Some(ASTNode::Expr(Expr::Custom(custom, _))) = path.last() {
            blocks.extend(custom.inputs.first().map(Expr::position));
        }
        true
    });
    blocks
}

fn line_and_column(position: Position) -> (u32, u32) {
    let line = position.line().unwrap_or_default() as u32;
    (line, position.position().unwrap_or_default() as u32)
}

/// What a script calls a function that the language calls `name`.
pub(super) fn script_name(name: &str) -> &str {
    if name.starts_with("anon$") {
        CLOSURE
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use rhai::Engine;

    use super::Functions;

    #[test]
    fn the_innermost_function_around_a_place_is_found() {
        let source =
            "let a = 1;\nfn f(x) {\n  let g = |y| { y + x };\n  g.call(1)\n}\nfn h() { 2 }\nf(1)";
        let functions = Functions::of(&Engine::new_raw().compile(source).unwrap());
        for ((line, column), expected) in [
            ((1, 5), None),
            ((3, 3), Some("f")),
            ((3, 19), Some("closure")),
            ((4, 5), Some("f")),
            ((6, 10), Some("h")),
            ((7, 1), None),
        ] {
            assert_eq!(functions.at(line, column), expected, "{line}:{column}");
        }
    }
}
