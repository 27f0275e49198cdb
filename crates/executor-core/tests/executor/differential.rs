//! Generated programs mean here what they mean in plain Rhai, or the difference has a name.
//!
//! The judge is the language of the same version with its whole standard library. Programs and calls
//! are generated with fixed seeds, so a difference found once is found again.

mod calls;
mod page;
mod programs;
mod values;

use fastrand::Rng;
use rhai::packages::{Package as _, StandardPackage};
use rhai::{Dynamic, Engine, OptimizationLevel};

use crate::support::{Rig, body, limited, on_worker};
use shared::seam::Executor as _;

const EXPRESSIONS: usize = 500;
const PROGRAMS: usize = 400;

/// Values as a program sees them: the type, the text and what is inside of each.
const CANON: &str = "\nfn canon(v) {
    let kind = type_of(v);
    if kind == \"array\" { return [kind, v.map(|x| canon(x))]; }
    if kind == \"map\" { let o = #{}; for k in v.keys() { o[k] = canon(v[k]); } return o; }
    if kind == \"Fn\" { return kind; }
    [kind, v.to_string(), v.to_debug()]
}\n";

/// The standard library, and no limit but one that ends what never ends.
pub(crate) fn judge() -> Engine {
    let mut plain = Engine::new_raw();
    plain.register_global_module(StandardPackage::new().as_shared_module());
    // Its optimizer writes constants inside of texts otherwise than its own `to_string` does.
    plain.set_optimization_level(OptimizationLevel::None);
    plain.set_max_operations(300_000);
    plain.set_max_expr_depths(64, 32);
    plain.set_max_call_levels(48);
    plain
}

/// What the judge says; none for an error.
pub(crate) fn theirs(plain: &Engine, program: &str) -> Option<String> {
    let value = plain.eval::<Dynamic>(program).ok()?;
    Some(serde_json::to_value(&value).unwrap().to_string())
}

/// What the executor says, or its error.
pub(crate) async fn ours(rig: &Rig, program: &str) -> Result<String, String> {
    let run = limited(program, |limits| limits.operations = 3_000_000);
    let outcome = rig.executor.execute(run).await;
    if let Some(error) = outcome.completion.error {
        return Err(error.message);
    }
    let value: serde_json::Value = serde_json::from_str(&body(&outcome)).unwrap();
    Ok(value.to_string())
}

/// A program, and what both say about it.
struct Seen<'p> {
    program: &'p str,
    theirs: Option<String>,
    ours: Result<String, String>,
}

impl Seen<'_> {
    fn same(&self) -> bool {
        match (&self.theirs, &self.ours) {
            (Some(theirs), Ok(ours)) => theirs == ours,
            (None, Err(_)) => true,
            _ => false,
        }
    }
}

/// A difference that is meant; the guide tells of each.
struct Difference {
    name: &'static str,
    explains: fn(&Seen<'_>) -> bool,
}

const DIFFERENCES: [Difference; 4] = [
    Difference {
        name: "a function that compares for an array fails, or does not say which comes first",
        explains: |seen| {
            let compares = [".sort", ".order", ".dedup"];
            let compares = compares.iter().any(|name| seen.program.contains(name));
            compares && seen.theirs.is_some() && seen.ours.is_err()
        },
    },
    Difference {
        name: "catch gives an error of the language that prints as its message",
        explains: |seen| {
            let theirs = seen.theirs.as_deref().unwrap_or_default();
            seen.program.contains("catch") && theirs.contains("\"error\":[\"string\",\"Error")
        },
    },
    Difference {
        name: "a character of a constant inside of a text may have quotes",
        explains: |seen| {
            let plain = |text: &str| text.replace('\'', "");
            let (theirs, ours) = (seen.theirs.as_deref(), seen.ours.as_deref());
            seen.program.contains("`<${") && theirs.map(plain) == ours.ok().map(plain)
        },
    },
    Difference {
        name: "a function without a name prints without a number",
        explains: |seen| {
            let theirs = seen.theirs.as_deref().unwrap_or_default();
            let ours = seen.ours.as_deref().unwrap_or_default();
            theirs.contains("anon$") && ours.contains("closure")
        },
    },
];

/// The program, ending with its value as [`CANON`] has it.
fn whole(program: &str) -> String {
    match program.rsplit_once(";\n") {
        Some((statements, last)) => format!("{CANON}{statements};\n[canon({last})]"),
        None => format!("{CANON}[canon({{ {program} }})]"),
    }
}

/// Compares all of them; each difference of this list is met.
fn compare(programs: &[String], met: &[usize]) {
    let plain = judge();
    on_worker(1, async |rig| {
        let mut seen_of = [0; DIFFERENCES.len()];
        let mut values = 0;
        for program in programs {
            let whole = whole(program);
            let theirs = theirs(&plain, &whole);
            let ours = ours(rig, &whole).await;
            let seen = Seen {
                program,
                theirs,
                ours,
            };
            values += usize::from(seen.theirs.is_some());
            if seen.same() {
                continue;
            }
            let meant = DIFFERENCES.iter().position(|meant| (meant.explains)(&seen));
            let (theirs, ours) = (&seen.theirs, &seen.ours);
            let meant =
                meant.unwrap_or_else(|| panic!("{program}\nRhai: {theirs:?}\nours: {ours:?}"));
            seen_of[meant] += 1;
        }
        assert!(values > programs.len() / 2, "only {values} have a value");
        for at in met {
            let name = DIFFERENCES[*at].name;
            assert!(seen_of[*at] > 0, "not met any more: {name}");
        }
    });
}

fn rng() -> Rng {
    Rng::with_seed(20_261_127)
}

#[test]
fn calls_of_every_function_mean_what_they_mean_in_plain_rhai() {
    let (calls, functions) = calls::all(&judge(), &mut rng());
    assert!(functions > 300, "calls of {functions} functions");
    assert!(calls.len() > 1_200, "{} calls", calls.len());
    compare(&calls, &[0, 3]);
}

#[test]
fn generated_expressions_mean_what_they_mean_in_plain_rhai() {
    let mut rng = rng();
    let expressions: Vec<_> = (0..EXPRESSIONS)
        .map(|_| programs::expression(&mut rng))
        .collect();
    compare(&expressions, &[]);
}

#[test]
fn generated_programs_mean_what_they_mean_in_plain_rhai() {
    let mut rng = rng();
    let programs: Vec<_> = (0..PROGRAMS).map(|_| programs::program(&mut rng)).collect();
    compare(&programs, &[1, 2]);
}
