//! Every native that scripts can call has a cost, which `tests/data/natives.txt` names.

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;
    use std::time::Duration;

    use shared::seam::Executor as _;

    use crate::language::hints::parsed;
    use crate::run::executor::LocalExecutor;
    use crate::run::language::language;
    use crate::run::rig::{app, on_executor, run_of};

    const FILE: &str = "tests/data/natives.txt";
    /// The costs a native can have, as the head of the file explains them.
    const COSTS: [&str; 6] = ["constant", "bounded", "bytes", "values", "number", "calls"];

    /// A native: what stands before its name, its name, and the values it takes.
    struct Native {
        namespace: String,
        name: String,
        takes: Vec<String>,
    }

    impl Native {
        fn signature(&self) -> String {
            let takes = self.takes.join(", ");
            format!("{}{} ({takes})", self.namespace, self.name)
        }
    }

    fn natives() -> Vec<Native> {
        let language = language();
        let mut found = Vec::new();
        for (namespace, module) in language.modules() {
            let namespace = namespace.map_or(String::new(), |name| format!("{name}::"));
            for signature in module.gen_fn_signatures_with_mapper(Cow::Borrowed) {
                let (name, takes) = parsed(module, &signature).unwrap();
                let namespace = namespace.clone();
                found.push(Native {
                    namespace,
                    name,
                    takes,
                });
            }
        }
        found
    }

    /// The file's costs by signature.
    fn costs() -> BTreeMap<String, String> {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE));
        let text = text.unwrap_or_default();
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        lines
            .map(|line| {
                let (cost, signature) = line.split_once(' ').unwrap();
                (signature.to_owned(), cost.to_owned())
            })
            .collect()
    }

    #[test]
    fn every_native_has_a_cost() {
        let known = costs();
        let mut lines: Vec<String> = natives()
            .iter()
            .map(Native::signature)
            .map(|signature| {
                let cost = known.get(&signature).map_or("?", String::as_str);
                format!("{cost} {signature}")
            })
            .collect();
        lines.sort_by(|a, b| {
            a.split_once(' ')
                .unwrap()
                .1
                .cmp(b.split_once(' ').unwrap().1)
        });
        lines.dedup();
        let seen = std::env::temp_dir().join("natives.txt");
        std::fs::write(&seen, lines.join("\n")).unwrap();
        let kept: Vec<String> = known
            .iter()
            .map(|(signature, cost)| format!("{cost} {signature}"))
            .collect();
        let seen = seen.display();
        assert!(
            lines == kept,
            "compare {FILE} with {seen}; ? is a native without a cost"
        );
        let odd = known.values().find(|cost| !COSTS.contains(&cost.as_str()));
        assert_eq!(odd, None, "a cost nobody knows");
    }

    /// Large and small values of a kind, and operations that going through the large one costs.
    fn sizes(kind: &str) -> Option<(&'static str, &'static str, u64)> {
        Some(match kind {
            "string" | "any" => ("\"ab\".repeat(150000)", "\"b\"", 300_000 / 64),
            "array" => ("{ let v = []; v.pad(100000, 7); v }", "[1]", 100_000 / 16),
            "blob" => ("blob(300000, 65)", "blob(1)", 300_000 / 64),
            "map" => (
                "{ let v = #{}; for i in 0..4000 { v[`k${i}`] = i; } v }",
                "#{}",
                4_000 / 4,
            ),
            "integer" => ("", "3", 0),
            "float" => ("", "2.5", 0),
            "char" => ("", "'c'", 0),
            "()" => ("", "()", 0),
            "range" => ("", "0..1", 0),
            "range=" => ("", "0..=1", 0),
            "collection" => ("", "kv::collection(\"a\")", 0),
            "response" => ("", "response::text(\"a\")", 0),
            _ => return None,
        })
    }

    /// A call with these arguments, which are variables.
    fn call(native: &Native) -> Option<String> {
        let name = native.name.as_str();
        let values: Vec<String> = (0..native.takes.len()).map(|at| format!("v{at}")).collect();
        let is_word = name.starts_with(|letter: char| letter.is_alphabetic());
        Some(match (is_word, values.len()) {
            _ if name.contains('$') => return None,
            (false, 2) => format!("v0 {name} v1"),
            (false, _) => return None,
            (true, _) if matches!(name, "print" | "debug") => format!("{name}(v0)"),
            (true, _) if native.namespace.is_empty() => {
                format!("v0.{name}({})", values[1..].join(", "))
            }
            (true, _) => format!("{}{name}({})", native.namespace, values.join(", ")),
        })
    }

    /// Operations of a program, and whether it got to its end.
    async fn operations(executor: &LocalExecutor, source: &str) -> (u64, bool) {
        let mut run = run_of(&app(), source);
        run.limits.operations = u64::MAX;
        run.limits.memory = 512 << 20;
        run.limits.cpu = Duration::from_mins(5);
        run.limits.wall = Duration::from_mins(5);
        let completion = executor.execute(run).await.completion;
        (completion.usage.operations, completion.error.is_none())
    }

    /// Whether a call with large arguments of this kind costs what going through one of them does;
    /// none if no program can call it so.
    async fn charged(
        executor: &LocalExecutor,
        native: &Native,
        (kind, like): (&str, &str),
    ) -> Option<bool> {
        let call = call(native)?;
        let (huge, _, expected) = sizes(like).filter(|(.., cost)| *cost > 0)?;
        let mut seen = [0; 4];
        let mut failed = false;
        let ways = [(true, true), (true, false), (false, true), (false, false)];
        for (seen, (sized, called)) in seen.iter_mut().zip(ways) {
            let mut source = String::new();
            for (at, of) in native.takes.iter().enumerate() {
                let (_, small, _) = sizes(of)?;
                let value = if sized && of == kind { huge } else { small };
                source += &format!("let v{at} = {value};\n");
            }
            let called = if called { &call } else { "0" };
            let (operations, ended) = operations(executor, &format!("{source}{called}; 1")).await;
            *seen = operations;
            failed |= sized && !ended;
        }
        let [large, large_alone, small, small_alone] = seen;
        let beyond = small.saturating_sub(small_alone);
        let paid = large.saturating_sub(large_alone).saturating_sub(beyond) * 2 >= expected;
        // What fails before it has worked says nothing.
        (paid || !failed).then_some(paid)
    }

    #[test]
    fn what_goes_through_all_of_a_value_is_charged_for_it() {
        let costs = costs();
        on_executor(async |executor| {
            let (mut met, mut wrong) = (0, Vec::new());
            for native in natives() {
                let signature = native.signature();
                let cost = costs.get(&signature).map_or("?", String::as_str);
                let pays = matches!(cost, "bytes" | "values");
                let mut seen = None;
                for kind in native.takes.iter().collect::<BTreeSet<_>>() {
                    let likes: &[&str] = match kind.as_str() {
                        "any" => &["string", "array"],
                        kind => &[kind],
                    };
                    for like in likes {
                        seen = seen.max(charged(executor, &native, (kind, like)).await);
                    }
                }
                match seen {
                    Some(paid) if paid == pays || cost == "number" || cost == "calls" => {
                        met += usize::from(paid);
                    }
                    Some(paid) => wrong.push(format!("{signature}: {cost}, charged: {paid}")),
                    None => {}
                }
            }
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
            assert!(met > 100, "only {met} are charged");
        });
    }
}
