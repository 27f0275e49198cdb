//! Every error of a function of the SDK has a place: a wrong call of each, from `tests/hostile`.

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::time::Instant;

    use rhai::{ASTNode, Expr, Stmt};
    use serde_json::Value;
    use shared::invocation::Outcome;
    use shared::seam::Executor as _;

    use crate::language::compile::parse::parse;
    use crate::run::language::language;
    use crate::run::rig::{app, on_executor, run_of};

    /// A function: its namespace, its name, and how many arguments it takes.
    type Function = (String, String, usize);

    /// Every function of every namespace, as the engine knows them.
    fn functions() -> BTreeSet<Function> {
        let engine = language().compile_engine();
        let text = engine.gen_fn_metadata_to_json(false).unwrap();
        let all: Value = serde_json::from_str(&text).unwrap();
        let mut found = BTreeSet::new();
        for (namespace, module) in all["modules"].as_object().unwrap() {
            for function in module["functions"].as_array().unwrap() {
                let name = function["name"].as_str().unwrap().to_owned();
                let arguments = function["numParams"].as_u64().unwrap() as usize;
                found.insert((namespace.clone(), name, arguments));
            }
        }
        assert!(found.len() > 50, "{found:?}");
        found
    }

    /// The calls of namespaces in a source.
    fn called(source: &str) -> BTreeSet<Function> {
        let parsed = parse(&language(), "row", source, Instant::now());
        let ast = parsed
            .unwrap_or_else(|error| panic!("{source}: {error:?}"))
            .ast;
        let mut found = BTreeSet::new();
        ast.walk(&mut |path| {
            if let Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) =
                path.last()
                && let Some(namespace) = call.namespace.path.first()
            {
                let namespace = namespace.name.to_string();
                found.insert((namespace, call.name.to_string(), call.args.len()));
            }
            true
        });
        found
    }

    /// The rows of all tables: a call, and whether it must fail.
    fn rows() -> Vec<(String, bool)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/hostile");
        let files = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let tables = files.filter(|file| file.to_string_lossy().ends_with("_wrong.rhai"));
        let mut rows = Vec::new();
        for table in tables {
            for line in std::fs::read_to_string(table).unwrap().lines() {
                let wrong = line
                    .strip_prefix("try { ")
                    .and_then(|rest| rest.strip_suffix("; } catch { odd += 1; }"));
                let right = line.strip_prefix("// cannot be called wrongly: ");
                rows.extend(wrong.map(|call| (call.to_owned(), true)));
                rows.extend(right.map(|call| (call.to_owned(), false)));
            }
        }
        rows
    }

    fn run(source: &str) -> Outcome {
        on_executor(async |executor| executor.execute(run_of(&app(), source)).await)
    }

    #[test]
    fn every_function_of_every_namespace_has_a_row() {
        let rows = rows();
        let covered: BTreeSet<_> = rows.iter().flat_map(|(call, _)| called(call)).collect();
        let missing: Vec<_> = functions().difference(&covered).cloned().collect();
        assert!(
            missing.is_empty(),
            "write a wrong call of each into tests/hostile/NAMESPACE_wrong.rhai: {missing:?}"
        );
        let without = |function: &Function| function.1 != "parse";
        let fewer: BTreeSet<_> = covered.into_iter().filter(without).collect();
        assert!(
            functions().difference(&fewer).next().is_some(),
            "a missing row is noticed"
        );
    }

    #[test]
    fn every_error_of_a_function_names_its_place() {
        for (call, fails) in rows() {
            let source = format!("fn work() {{\n    let value = {call};\n    value\n}}\nwork()");
            let outcome = run(&source);
            let Some(error) = outcome.completion.error else {
                assert!(!fails, "{call} did not fail");
                continue;
            };
            assert!(fails, "{call}: {error:?}");
            let frame = error.frames.first().unwrap();
            let function = if call.contains("tx::run(||") {
                "closure"
            } else {
                "work"
            };
            let place = (frame.line, frame.function.as_str(), frame.script.as_str());
            assert_eq!(place, (2, function, "main@1"), "{call}: {error:?}");
            assert!(frame.column >= 5, "{call}: {error:?}");
            assert!(
                error.excerpt.contains(&call[..call.len().min(60)]),
                "{call}: {error:?}"
            );
            assert!(!error.message.contains("rhai"), "{call}: {error:?}");
            assert!(
                !error.message.contains("executor_core"),
                "{call}: {error:?}"
            );
            assert!(
                !error.message.contains("ImmutableString"),
                "{call}: {error:?}"
            );
        }
    }
}
