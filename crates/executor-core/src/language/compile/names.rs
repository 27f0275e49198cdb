//! Which name means which variable, where the language's optimizer does not ask.
//!
//! The optimizer of Rhai 1.27 puts the value of a constant where its name is: also on the left side
//! of `C.a = 2`, and then it panics; also where the name is that of a loop's or a `catch`'s variable.
//! So the first is refused here, and a source with the second is run as it was written.

use std::collections::HashMap;

use rhai::{AST, ASTFlags, ASTNode, Dynamic, Expr, FnPtr, Ident, Position, Stmt, StmtBlock};

/// The statements outside of functions; those of the functions follow.
pub(super) const TOP: usize = 0;

/// A name from where it is declared to the end of its block.
struct Declared {
    name: String,
    constant: bool,
    from: Position,
    until: Option<Position>,
}

/// Where a closure is made, and how many variables it captures: its first parameters.
struct Made {
    inside: usize,
    at: Position,
    captured: usize,
}

/// A change of a part of a variable.
struct Change {
    name: String,
    inside: usize,
    at: Position,
    /// The variable is a module's.
    foreign: bool,
}

/// A function's name and parameters.
struct Function {
    name: String,
    parameters: Vec<String>,
    start: Position,
    /// None of a closure without braces.
    end: Option<Position>,
}

/// The names of a source.
pub(super) struct Names {
    functions: Vec<Function>,
    /// Of the top level, then of each function.
    declared: Vec<Vec<Declared>>,
    made: HashMap<String, Made>,
    changes: Vec<Change>,
}

impl Names {
    /// Collects the names of a tree that no optimizer has seen.
    pub(super) fn of(tree: &AST) -> Self {
        let functions: Vec<Function> = tree.iter_fn_def().map(|f| function(f)).collect();
        let mut names = Self {
            declared: functions.iter().map(|_| Vec::new()).collect(),
            functions,
            made: HashMap::new(),
            changes: Vec::new(),
        };
        names.declared.push(Vec::new());
        each_node(tree, |path, inside| names.note(path, inside));
        names
    }

    /// The first assignment to a part of a constant: its name as it was written, and its place.
    /// `given` are constants of the platform, where a script has no such names of its own.
    pub(super) fn changed_constant(&self, given: &[&str]) -> Option<(&str, Position)> {
        let changes = self.changes.iter();
        let of_constants = changes.filter(|change| {
            change.foreign || self.is_constant(&change.name, (change.inside, change.at), given)
        });
        let first = of_constants.min_by_key(|change| change.at);
        first.map(|change| (change.name.as_str(), change.at))
    }

    /// Whether a constant has the name of another variable as well.
    pub(super) fn hide_constants(&self) -> bool {
        self.declared.iter().any(|declared| {
            let constants = declared.iter().filter(|one| one.constant);
            let mut names = constants.map(|one| &one.name);
            names.any(|name| {
                declared
                    .iter()
                    .any(|one| !one.constant && one.name == *name)
            })
        })
    }

    fn is_constant(&self, name: &str, (inside, at): (usize, Position), given: &[&str]) -> bool {
        let declared = self.declared[inside].iter();
        let seen = declared.filter(|one| {
            one.name == name && one.from < at && one.until.is_none_or(|until| at < until)
        });
        if let Some(nearest) = seen.max_by_key(|one| one.from) {
            return nearest.constant;
        }
        let Some(function) = inside.checked_sub(1).map(|at| &self.functions[at]) else {
            return given.contains(&name);
        };
        let parameter = function.parameters.iter().position(|one| one == name);
        match (parameter, self.made.get(&function.name)) {
            (Some(parameter), Some(made)) if parameter < made.captured => {
                self.is_constant(name, (made.inside, made.at), given)
            }
            _ => false,
        }
    }

    fn note(&mut self, path: &[ASTNode<'_>], inside: usize) {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                self.changes.extend(change(&assignment.1.lhs, inside));
            }
            Some(ASTNode::Stmt(statement)) => {
                declare(statement, path, &mut self.declared[inside]);
            }
            Some(ASTNode::Expr(Expr::FnCall(call, _))) if call.name == "curry" => {
                let closure = call
                    .args
                    .first()
                    .and_then(|made| made.get_literal_value(None));
                let closure = closure.and_then(Dynamic::try_cast::<FnPtr>);
                if let (Some(closure), Some(captured)) = (closure, call.args.get(1)) {
                    let made = Made {
                        inside,
                        at: captured.position(),
                        captured: call.args.len() - 1,
                    };
                    self.made.insert(closure.fn_name().to_owned(), made);
                }
            }
            _ => {}
        }
    }
}

/// Walks a tree, and tells of each node which statements it is among: those of the top level
/// ([`TOP`]) or of a function, counted from one.
pub(super) fn each_node(tree: &AST, mut visit: impl FnMut(&[ASTNode<'_>], usize)) {
    let functions: Vec<Function> = tree.iter_fn_def().map(|f| function(f)).collect();
    let mut outside = tree.statements().len();
    let mut inside = TOP;
    tree.walk(&mut |path| {
        if let [ASTNode::Stmt(first)] = path {
            inside = if outside > 0 {
                TOP
            } else {
                function_at(&functions, first.position())
            };
            outside = outside.saturating_sub(1);
        }
        visit(path, inside);
        true
    });
}

/// The function whose body begins with a statement at this place.
fn function_at(functions: &[Function], at: Position) -> usize {
    let around = functions.iter().enumerate().filter(|(_, function)| {
        function.start == at || function.start < at && function.end.is_some_and(|end| at < end)
    });
    let innermost = around.max_by_key(|(_, function)| function.start);
    innermost.map_or(TOP, |(index, _)| index + 1)
}

/// Of each function, in the order of [`each_node`]: whether it is a closure, and its parameters.
pub(super) fn parameters(tree: &AST) -> impl Iterator<Item = (bool, Vec<String>)> {
    tree.iter_fn_def().map(|definition| {
        let closure = definition.name.contains('$');
        (closure, function(definition).parameters)
    })
}

fn function(definition: &rhai::ScriptFuncDef) -> Function {
    let end = definition.body.end_position();
    Function {
        name: definition.name.to_string(),
        parameters: definition.params.iter().map(ToString::to_string).collect(),
        start: definition.body.start_position(),
        end: (!end.is_none()).then_some(end),
    }
}

/// What an assignment to the part on its left side changes.
fn change(left: &Expr, inside: usize) -> Option<Change> {
    let (Expr::Dot(part, ..) | Expr::Index(part, ..)) = left else {
        return None;
    };
    let Expr::Variable(variable, _, at) = &part.lhs else {
        return None;
    };
    let (_, name, module, _) = &**variable;
    let foreign = !module.is_empty();
    let name = if foreign {
        format!("{module}::{name}")
    } else {
        name.to_string()
    };
    Some(Change {
        name,
        inside,
        at: *at,
        foreign,
    })
}

fn declare(statement: &Stmt, path: &[ASTNode<'_>], declared: &mut Vec<Declared>) {
    let one = |name: &Ident, constant, from, until: Option<Position>| Declared {
        name: name.name.to_string(),
        constant,
        from,
        until,
    };
    match statement {
        Stmt::Var(variable, flags, _) => {
            let name = &variable.0;
            let around = path.len().checked_sub(2).and_then(|at| path.get(at));
            let until = around.and_then(|around| end_of_block(around, name.pos));
            let constant = flags.contains(ASTFlags::CONSTANT);
            declared.push(one(name, constant, name.pos, until));
        }
        Stmt::For(of, _) => {
            let body = &of.2.body;
            for name in std::iter::once(&of.0).chain(&of.1) {
                declared.push(one(name, false, body.position(), end(body)));
            }
        }
        Stmt::TryCatch(tried, _) => {
            if let Expr::Variable(variable, _, _) = &tried.expr {
                let catch = &tried.branch;
                declared.push(Declared {
                    name: variable.1.to_string(),
                    constant: false,
                    from: catch.position(),
                    until: end(catch),
                });
            }
        }
        _ => {}
    }
}

/// The end of the block that this place is in, of a node around it.
fn end_of_block(around: &ASTNode<'_>, at: Position) -> Option<Position> {
    let holds = |block: &StmtBlock| block.position() < at && end(block).is_some_and(|end| at < end);
    match around {
        ASTNode::Stmt(Stmt::Block(block)) | ASTNode::Expr(Expr::Stmt(block)) => end(block),
        ASTNode::Stmt(
            Stmt::If(flow, ..)
            | Stmt::While(flow, ..)
            | Stmt::Do(flow, ..)
            | Stmt::TryCatch(flow, ..),
        ) => {
            let blocks = [&flow.body, &flow.branch];
            blocks.into_iter().find(|block| holds(block)).and_then(end)
        }
        ASTNode::Stmt(Stmt::For(of, _)) => end(&of.2.body),
        _ => None,
    }
}

fn end(block: &StmtBlock) -> Option<Position> {
    let end = block.end_position();
    (!end.is_none()).then_some(end)
}
