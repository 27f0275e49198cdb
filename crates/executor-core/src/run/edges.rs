//! No function of the language panics, whatever it is given: all of `tests/data/natives.txt`, called
//! with values from the edges of their kinds.

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use shared::invocation::Completion;
    use shared::script_error::ScriptErrorKind;
    use shared::seam::Executor as _;

    use crate::run::executor::LocalExecutor;
    use crate::run::rig::{app, on_executor, run_of};

    const FILE: &str = "tests/data/natives.txt";
    /// Calls of one function that are tried.
    const CALLS: usize = 150;

    /// Values at the edges of the kinds that scripts can make, by kind.
    const EDGES: &str = r#"
integer: 0; -9223372036854775807 - 1; 9223372036854775807; 1; -1; 2; 63; 64; 65; 4294967296; -4294967297
float: 0.0; -0.0; 1.5; -1.0; 1e300 * 1e300; 0.0 / 0.0; -1e300 * 1e300; 1e-320; 9.3e18; -9.3e18; 1e300
string: ""; "a"; "äö€😀"; "-12"; "{\"a\":[1e999"; "%zz\u0000"; "2024-02-30T25:61:61Z"; "a".repeat(5000)
char: 'a'; '😀'; '\0'
array: []; [1, 2, 3]; [[1], "ä", #{}, 1.5, ()]; [(|x| x)]
blob: blob(); blob(3, 255); blob(9); blob(17, 128)
map: #{}; #{a: 1, b: []}; #{"": #{}}
function: |x| x; || 1; |a, b| a; Fn("nothing"); |a, b, c| 0.0 / 0.0
range: 0..0; 1..3; 5..1; -3..-1; (-9223372036854775807 - 1)..9223372036854775807; 9223372036854775806..0
range=: 0..=0; 1..=3; 5..=1; -3..=-1; (-9223372036854775807 - 1)..=9223372036854775807; 9223372036854775807..=0
bool: true; false
collection: kv::collection("c")
response: response::text("a")
error: wrong()
any: (); -1; "ä"; [1]; #{a: 1}; || 1; blob(2); 0.5; 'c'
_: (); -1; "ä"; [1]; #{a: 1}
"#;

    /// Values at the edges of a kind; none if no script can make one.
    fn edges(kind: &str) -> Vec<&'static str> {
        let lines = EDGES.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(of, _)| *of == kind);
        found
            .next()
            .map_or_else(Vec::new, |(_, values)| values.split("; ").collect())
    }

    /// A call of this function with these arguments; none if no script can write it.
    fn call(name: &str, values: &[&str]) -> Option<String> {
        let mut lets = String::new();
        for (at, value) in values.iter().enumerate() {
            lets += &format!("let v{at} = {value}; ");
        }
        let named: Vec<String> = (0..values.len()).map(|at| format!("v{at}")).collect();
        let is_word = name.starts_with(|letter: char| letter.is_alphabetic());
        let called = match (name.split_once('$'), values.len()) {
            (Some(("get", property)), 1) => format!("v0.{property}"),
            (Some(("set", property)), 2) => format!("v0.{property} = v1"),
            (Some(("index", _)), 2) => "v0[v1]".to_owned(),
            (Some(("index", _)), 3) => "v0[v1] = v2".to_owned(),
            (Some(_), _) => return None,
            (None, 2) if !is_word => format!("v0 {name} v1"),
            (None, 1) if !is_word => format!("{name}v0"),
            (None, _) if !is_word || matches!(name, "exit" | "sleep" | "time::sleep") => {
                return None;
            }
            (None, _) => format!("{name}({})", named.join(", ")),
        };
        Some(format!("{lets}{called};"))
    }

    /// Calls of a function with values from the edges, not all if there are many.
    fn calls(name: &str, kinds: &[&str]) -> Vec<String> {
        let all: usize = kinds.iter().map(|kind| edges(kind).len()).product();
        let step = (all / CALLS).max(1) | 1;
        let nth = |number: usize| {
            let mut rest = number;
            let values: Vec<&str> = kinds
                .iter()
                .map(|kind| {
                    let of = edges(kind);
                    let value = of[rest % of.len()];
                    rest /= of.len();
                    value
                })
                .collect();
            call(name, &values)
        };
        (0..all).step_by(step).filter_map(nth).collect()
    }

    async fn run(executor: &LocalExecutor, lines: &[String]) -> Completion {
        let mut source =
            "fn wrong() { try { parse_json(\"{\"); } catch (e) { return e; } }\n".to_owned();
        for line in lines {
            source += &format!("try {{ {line} }} catch (e) {{ }}\n");
        }
        let mut run = run_of(&app(), &source);
        run.limits.cpu = Duration::from_mins(1);
        run.limits.wall = Duration::from_mins(1);
        executor.execute(run).await.completion
    }

    fn panicked(completion: &Completion) -> Option<String> {
        let error = completion.error.as_ref()?;
        (error.kind == ScriptErrorKind::Internal)
            .then(|| format!("{}\n{}", error.message, error.excerpt))
    }

    #[test]
    fn no_function_panics_whatever_it_is_given() {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE));
        let text = text.unwrap();
        let signatures = text.lines().filter(|line| !line.starts_with('#'));
        on_executor(async |executor| {
            let (mut tried, mut wrong) = (0, Vec::new());
            for line in signatures {
                let (_, signature) = line.split_once(' ').unwrap();
                let (name, kinds) = signature.rsplit_once(" (").unwrap();
                let kinds = kinds.trim_end_matches(')');
                let kinds: Vec<&str> = kinds.split(", ").filter(|kind| !kind.is_empty()).collect();
                let calls = calls(name, &kinds);
                tried += calls.len();
                let together = run(executor, &calls).await;
                wrong.extend(panicked(&together));
                if together.error.is_some() {
                    for one in &calls {
                        let alone = run(executor, std::slice::from_ref(one)).await;
                        wrong.extend(panicked(&alone));
                    }
                }
            }
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
            assert!(tried > 10_000, "only {tried} calls");
        });
    }
}
