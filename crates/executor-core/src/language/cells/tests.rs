//! What runs with and without notes leave allocated.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use rhai::{AST, ModuleResolver, Position, Scope};

use super::*;
use crate::language::compile::clashes::Taken;
use crate::language::compile::trees::{Keep, Trees};
use crate::language::engine::{Language, Library};
use crate::sandbox::meter::{Account, metered, unmetered};

thread_local! {
    static NOTED: RefCell<Cells> = RefCell::default();
}

/// A language whose library is empty.
fn language() -> Language {
    Language::with(Library::empty())
}

/// There are no modules.
struct Nothing;

impl ModuleResolver for Nothing {
    fn resolve(
        &self,
        _engine: &Engine,
        _source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<rhai::Module>, Box<EvalAltResult>> {
        Err(EvalAltResult::ErrorModuleNotFound(path.to_owned(), position).into())
    }
}

fn runnable(language: &Language, source: &str) -> AST {
    let (trees, mut keep, now) = (Trees::default(), Keep::default(), Instant::now());
    let named = ("test", source);
    let runnable = trees.with((language, &mut keep), named, now, |parsed| {
        parsed.runnable(language, named, (&Taken::default(), now))
    });
    runnable
        .unwrap_or_else(|error| panic!("{source}: {error:?}"))
        .ast
}

/// Bytes a run leaves whose cells are noted with `note`.
fn left(source: &str, note: Note) -> i64 {
    let language = language();
    let engine = language.runtime_engine(Nothing, note);
    let ast = runnable(&language, source);
    let account = Account::default();
    metered(&account, || {
        drop(engine.run_ast_with_scope(&mut Scope::new(), &ast));
        drop(NOTED.take());
    });
    account.used()
}

fn noted(source: &str) -> i64 {
    left(source, |cell| {
        NOTED.with_borrow_mut(|cells| cells.note(cell));
    })
}

/// Each makes something that holds itself.
const RINGS: [&str; 22] = [
    "let m = #{}; m.f = || m;",
    "let m = #{}; m.f = |x| { m.n = x; m }; m.f.call(1);",
    "let m = #{ a: #{ b: [#{}] } }; m.a.b[0].f = || m;",
    "let a = [1]; let f = || a; a = [f];",
    "let a = [1]; let b = [a]; let f = || [a, b]; a = [f]; b = [f];",
    "let f = 1; let g = || f; f = g;",
    "fn make(x) { let m = #{ x: x }; m.me = || m; m } let one = make(1); make(one);",
    "let m = #{}; const C = [|| m]; m.c = || C;",
    "for x in [#{}, #{}] { x.f = || x; }",
    "for (x, i) in [#{}, #{}] { x.f = || [x, i]; }",
    "try { throw #{} } catch (e) { e.f = || e; }",
    "try { let m = #{}; m.f = || m; throw m; } catch (e) { let n = #{ e: e }; n.f = || n; }",
    "switch 1 { 1 => { let m = #{}; m.f = || m; } _ => {} }",
    "switch 2 { 1 => {} _ => { let m = #{}; m.f = || m; } }",
    "let text = `a ${ let m = #{}; m.f = || m; 1 } and ${ let g = |x| { let n = #{}; n.f = || n; x }; g.call(1) }`;",
    "let m = #{}; || m; m.f = || m;",
    "let m = #{}; { || m; } m.f = || m;",
    "let m = #{}; if true { || m } m.f = || m;",
    "let m = #{}; let f = if true { || m } else { || 1 }; m.f = f;",
    "fn into(f) { this.f = f; } let m = #{}; let f = || m; let n = #{}; n.into(f); m.n = n;",
    "let m = #{}; m.f = || { let n = #{ m: m }; n.g = || { [n, m] }; n }; m.f.call();",
    "let i = 0; while i < 50 { let h = #{ i: i }; h.g = || h; i += 1; }",
];

#[test]
fn what_holds_itself_ends_with_its_cells_and_only_with_them() {
    for source in RINGS {
        assert!(left(source, |_cell| {}) > 0, "holds nothing: {source}");
        assert_eq!(noted(source), 0, "{source}");
        assert_eq!(noted(&format!("{source} throw 1")), 0, "{source}, thrown");
    }
}

#[test]
fn a_program_without_captures_is_run_as_it_was_written() {
    let ast = runnable(
        &language(),
        "let f = |x| x + 1; [1, 2].map(f).map(|y| y * 2)",
    );
    let mut words = 0;
    ast.walk(&mut |path| {
        words += usize::from(matches!(path.last(), Some(ASTNode::Expr(Expr::Custom(..)))));
        true
    });
    assert_eq!(words, 0);
}

#[test]
fn cells_that_are_gone_make_room() {
    let mut cells = Cells::default();
    let kept = unmetered(|| Shared::new(Locked::new(Dynamic::UNIT)));
    cells.note(&kept);
    for _ in 0..10_000 {
        cells.note(&Shared::new(Locked::new(Dynamic::UNIT)));
    }
    assert!(cells.0.capacity() < 16, "{}", cells.0.capacity());
    assert!(
        cells.0[0].upgrade().is_some(),
        "the one in use is still there"
    );
}

#[test]
fn a_closure_further_on_than_the_language_counts_is_refused() {
    let language = Arc::new(language());
    let refused = |source: &str| {
        let (trees, mut keep, now) = (Trees::default(), Keep::default(), Instant::now());
        let named = ("test", source);
        let result = trees.with((&language, &mut keep), named, now, |parsed| {
            parsed.runnable(&language, named, (&Taken::default(), now))
        });
        result.err().map(|found| found.all()[0].message.clone())
    };
    let ring = "let m = #{}; m.f = || m;";
    for far in [" ".repeat(65_530), "\n".repeat(65_535)] {
        let message = refused(&format!("{far}{ring}")).expect("its place is unknown");
        assert!(message.contains("65,534"), "{message}");
        assert_eq!(refused(&format!("{far}1")), None);
    }
}
