//! compute: scripts that only compute, beside a plain Rhai engine.

use std::collections::BTreeMap;

use super::Plan;
use crate::error::Result;
use crate::report::Row;
use crate::server::example;
use crate::stats::Pairs;

/// The scripts both programs run.
const NAMES: [&str; 5] = ["arrays", "fib", "loops", "maps", "strings"];

/// Times of one run of the programs in `crates/executor-core/examples`, in milliseconds.
type Times = BTreeMap<String, f64>;

fn times(program: &str) -> Result<Times> {
    let output = example(program)?
        .output()
        .map_err(|e| format!("{program}: {e}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{program}: {text}").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// At least 0.9 of the plain engine's speed. The ratio is that of the whole: the geometric mean of
/// the parts, so that a slow part counts as much as a fast one.
pub(super) fn compute(plan: &Plan) -> Result<Row> {
    let (mut pairs, mut parts) = (Pairs::default(), BTreeMap::<String, Pairs>::new());
    for _ in 0..plan.pairs {
        let (ours, plain) = (times("compute_ours")?, times("compute_plain")?);
        if ours.is_empty() || !ours.keys().eq(plain.keys()) {
            return Err("the two programs do not run the same scripts".into());
        }
        for (name, plain) in &plain {
            parts
                .entry(name.clone())
                .or_default()
                .add(1.0 / ours[name], 1.0 / plain);
        }
        pairs.add(mean_speed(&ours), mean_speed(&plain));
    }
    let bar = (">= 0.9", 0.9);
    let mut row = Row::ratio(
        "compute",
        "runs/s",
        &pairs,
        "plain Rhai engine without limits",
        bar,
    );
    for (name, part) in parts {
        let known = NAMES.iter().find(|known| **known == name);
        let name = known.ok_or_else(|| format!("`{name}` is a part this row does not know"))?;
        row = row.with(name, part.ratio().median);
    }
    Ok(row)
}

fn mean_speed(times: &Times) -> f64 {
    let logarithms: f64 = times.values().map(|ms| (1_000.0 / ms).ln()).sum();
    (logarithms / times.len() as f64).exp()
}
