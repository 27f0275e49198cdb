//! The modules a script reaches: found, checked, compiled in the order they depend on each other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use rhai::{
    AST, ASTFlags, ASTNode, Engine, EvalAltResult, Module, ModuleResolver, Position, Scope, Shared,
    Stmt,
};
use shared::limits::fixed;
use shared::name::ModuleName;
use shared::script_error::{Diagnostic, ScriptError, ScriptErrorKind, Severity};

use super::clashes::Taken;
use super::parse::Runnable;
use super::trees::{Keep, Tree, Trees};
use crate::language::engine::Language;
use crate::language::program::{Evaluated, SourceMap};

/// An `import` statement.
pub(crate) struct Import {
    /// The module, when it is written as a plain string.
    pub(crate) module: Option<String>,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// All imports of a source, wherever they are.
pub(crate) fn imports_of(ast: &AST) -> Vec<Import> {
    let mut imports = Vec::new();
    ast.walk(&mut |path| {
        if let Some(ASTNode::Stmt(Stmt::Import(import, position))) = path.last() {
            let module = import
                .0
                .get_literal_value(None)
                .and_then(|v| v.into_string().ok());
            imports.push(Import {
                module,
                line: position.line().unwrap_or(0) as u32,
                column: position.position().unwrap_or(0) as u32,
            });
        }
        true
    });
    imports
}

/// Collects modules depth first. The path and its depth shrink again on every way out, because
/// they are the arguments of a recursive call.
pub(super) struct Graph<'a> {
    language: &'a Language,
    trees: &'a Trees,
    keep: &'a mut Keep,
    lookup: &'a dyn Fn(&str) -> Option<Arc<str>>,
    started: Instant,
    /// Modules as they were written.
    parsed: BTreeMap<String, Arc<Tree>>,
    /// Modules as they are run.
    runs: BTreeMap<String, AST>,
    /// Functions of the script and its modules.
    taken: Taken,
    /// What leads from what is run to what was written.
    maps: BTreeMap<String, SourceMap>,
    order: Vec<String>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(
        language: &'a Language,
        (trees, keep): (&'a Trees, &'a mut Keep),
        lookup: &'a dyn Fn(&str) -> Option<Arc<str>>,
        started: Instant,
    ) -> Self {
        Self {
            language,
            trees,
            keep,
            lookup,
            started,
            parsed: BTreeMap::new(),
            runs: BTreeMap::new(),
            taken: Taken::default(),
            maps: BTreeMap::new(),
            order: Vec::new(),
        }
    }

    /// Parses a script and all it imports, and gives what is run of it.
    pub(super) fn script(
        &mut self,
        (name, source): (&str, &str),
    ) -> Result<Runnable, Box<Diagnostic>> {
        let script = self.parse((name, source))?;
        self.visit(name, &script.parsed.ast, &mut Vec::new())?;
        // Whose a method is depends on all functions of the program.
        let with = (&self.taken, self.started);
        for (module, tree) in &self.parsed {
            let source = (self.lookup)(module).unwrap_or_default();
            let named = (module.as_str(), &*source);
            let Runnable { ast, map } = tree.parsed.runnable(self.language, named, with)?;
            self.runs.insert(module.clone(), ast);
            self.maps.insert(module.clone(), map);
        }
        script.parsed.runnable(self.language, (name, source), with)
    }

    /// What leads from what is run of the modules to what was written.
    pub(super) fn take_maps(&mut self) -> BTreeMap<String, SourceMap> {
        std::mem::take(&mut self.maps)
    }

    fn parse(&mut self, named: (&str, &str)) -> Result<Arc<Tree>, Box<Diagnostic>> {
        let with = (self.language, &mut *self.keep);
        let tree = self.trees.tree(with, named, self.started)?;
        self.taken.add(&tree.parsed.ast);
        Ok(tree)
    }

    fn visit(
        &mut self,
        name: &str,
        ast: &AST,
        path: &mut Vec<String>,
    ) -> Result<(), Box<Diagnostic>> {
        for import in imports_of(ast) {
            let wrong = |message: String| {
                Box::new(Diagnostic {
                    severity: Severity::Error,
                    script: name.to_owned(),
                    line: import.line,
                    column: import.column,
                    message,
                    hint: None,
                })
            };
            let Some(module) = &import.module else {
                return Err(wrong(
                    "import needs the module's name as a plain string".to_owned(),
                ));
            };
            module
                .parse::<ModuleName>()
                .map_err(|e| wrong(e.to_string()))?;
            if path.contains(module) {
                let cycle = [path.as_slice(), std::slice::from_ref(module)].concat();
                return Err(wrong(format!(
                    "modules import each other: {}",
                    cycle.join(" -> ")
                )));
            }
            if path.len() >= fixed::IMPORT_DEPTH {
                return Err(wrong("imports are nested deeper than 8 modules".to_owned()));
            }
            if self.parsed.contains_key(module) {
                continue;
            }
            if self.parsed.len() >= fixed::GRAPH_MODULES {
                return Err(wrong("a script can reach at most 32 modules".to_owned()));
            }
            let source = (self.lookup)(module).ok_or_else(|| {
                wrong(format!(
                    "there is no module `{module}` in this release of the app"
                ))
            })?;
            let tree = self.parse((module, &source))?;
            let ast = &tree.parsed.ast;
            check_top_level(module, ast)?;
            self.parsed.insert(module.clone(), Arc::clone(&tree));
            path.push(module.clone());
            let visited = self.visit(module, ast, path);
            path.pop();
            visited?;
            self.order.push(module.clone());
        }
        Ok(())
    }

    /// Evaluates the modules, each after those it imports.
    pub(super) fn evaluate(self) -> Result<Evaluated, ScriptError> {
        let mut evaluated = Evaluated::new();
        for name in &self.order {
            let imported = Arc::new(evaluated.clone());
            let module = evaluate(self.language, name, &self.runs[name], imported)?;
            evaluated.insert(name.clone(), module);
        }
        Ok(evaluated)
    }
}

/// Evaluates a module over those it imports. Its top level only defines things.
fn evaluate(
    language: &Language,
    name: &str,
    ast: &AST,
    imported: Arc<Evaluated>,
) -> Result<Shared<Module>, ScriptError> {
    let mut engine = language.compile_engine();
    engine.set_module_resolver(Imported(imported));
    match Module::eval_ast_as_new(Scope::new(), ast, &engine) {
        Ok(mut module) => {
            module.set_id(name);
            module.build_index();
            Ok(module.into())
        }
        Err(error) => Err(ScriptError::new(
            ScriptErrorKind::Compile,
            format!("module `{name}` cannot be loaded: {error}"),
        )),
    }
}

/// Answers `import` while a module is evaluated, from those it depends on.
struct Imported(Arc<Evaluated>);

impl ModuleResolver for Imported {
    fn resolve(
        &self,
        _engine: &Engine,
        _source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let found = self.0.get(path).cloned();
        found.ok_or_else(|| EvalAltResult::ErrorModuleNotFound(path.to_owned(), position).into())
    }
}

/// A module only defines: its values are shared by all runs, so nothing in it may run or change.
pub(crate) fn check_top_level(module: &str, ast: &AST) -> Result<(), Box<Diagnostic>> {
    let Some((line, column)) = first_that_runs(ast) else {
        return Ok(());
    };
    Err(Box::new(Diagnostic {
        severity: Severity::Error,
        script: module.to_owned(),
        line,
        column,
        message: "a module's top level holds only `fn`, `import`, and `const` or `export const` \
                  with a plain value"
            .to_owned(),
        hint: Some("move the statement into a function".to_owned()),
    }))
}

/// Line and column of the first statement of a top level that does more than define something.
pub(crate) fn first_that_runs(ast: &AST) -> Option<(u32, u32)> {
    let runs = ast.statements().iter().find(|statement| match statement {
        Stmt::Import(..) | Stmt::Noop(..) => false,
        Stmt::Var(variable, flags, _) => {
            !flags.intersects(ASTFlags::CONSTANT) || !variable.1.is_constant()
        }
        _ => true,
    });
    let position = runs?.position();
    let (line, column) = (position.line(), position.position());
    Some((line.unwrap_or(0) as u32, column.unwrap_or(0) as u32))
}
