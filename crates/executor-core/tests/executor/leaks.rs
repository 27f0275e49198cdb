//! Memory that holds itself is given back with the run that left it.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::id::ContentHash;
use shared::invocation::{ModuleSet, ModuleSource, TriggerKind};
use shared::seam::Executor;

use crate::support::{Rig, body, event_of, limited, on_worker, poll_once, script};

/// Bytes each of these would leave, about.
const LEFT: usize = 4 << 20;
/// Rounds of all of them.
const ROUNDS: usize = 4;
/// Growth of the process that is not a leak.
const SLACK: usize = 32 << 20;

/// Ways to make a value that holds itself; `big` is a blob of [`LEFT`] bytes.
const RINGS: [&str; 17] = [
    "let f = #{ b: big }; f.g = || f; 1",
    "let a = [big]; let f = || a; a = [big, f]; 1",
    "let a = #{ x: [#{ b: big }] }; a.x[0].f = || a; 1",
    "let f = big; let g = || f; f = [big, g]; 1",
    "fn leak(big) { let m = #{ b: big }; m.f = || m; m } leak(big); leak(big); 1",
    "let m = #{ b: big, f: () }; m.f = |x| { m.b.len() + x }; m.f.call(1)",
    "let m = #{ b: big }; m.f = || m; throw m",
    "let m = #{ b: big }; m.f = || m; m",
    "let m = #{ b: big }; m.f = || m; throw #{ message: `no ${m.b.len()}`, m: m }",
    "let m = #{ b: big }; m.f = || m; response::json(#{ n: 1 }).header(\"X-N\", `n${m.b.len()}`)",
    "let m = #{ b: big }; m.f = || m; try { m.nothing() } catch (e) { m.e = e; print(e) } 1",
    "let m = #{ b: big }; m.f = || m; loop { m.b.len() }",
    "loop { let h = #{}; h.g = || h; }",
    "let m = #{ b: big }; const C = [|| m]; m.c = || C; 1",
    "tx::run(|| { let m = #{ b: big }; m.f = || m; throw m })",
    "let m = #{ b: big }; m.f = || m; retry::run(|| m.nothing(), #{ attempts: 2, base: 0.001 })",
    "response::stream(|out| { let m = #{ b: big }; m.f = || m; out.write(`${m.b.len()}`); })",
];

fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
    let mut fields = statm.split(' ');
    let pages = fields.nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("it is a number") * 4_096
}

fn leaking(ring: &str) -> String {
    format!("let big = blob({LEFT}, 1); {ring}")
}

async fn run_all(rig: &Rig) {
    for ring in RINGS {
        let source = leaking(ring);
        let few = limited(&source, |limits| limits.operations = 20_000);
        drop(rig.executor.execute(few).await);
        let mut event = event_of(TriggerKind::Queue, "{}", &source);
        event.limits.operations = 20_000;
        drop(rig.executor.submit(event).await);
        assert_eq!(rig.executor.stats().leaked_bytes, 0, "{ring}");
    }
}

#[test]
fn what_holds_itself_is_given_back() {
    on_worker(1, async |rig| {
        run_all(rig).await;
        rig.settle().await;
        let before = resident();
        for _ in 0..ROUNDS {
            run_all(rig).await;
        }
        rig.settle().await;
        let grown = resident().saturating_sub(before);
        assert!(grown < SLACK, "the process grew by {grown} bytes");
        let stats = rig.executor.stats();
        assert_eq!((stats.leaked_bytes, stats.panicked), (0, 0));
    });
}

#[test]
fn what_a_module_makes_is_given_back_too() {
    on_worker(1, async |rig| {
        let module: Arc<str> =
            "fn ring(big) { let m = #{ b: big }; m.f = || m; m } fn give(f) { let n = #{ f: f }; n.n = || n; f.call(n) }".into();
        let mut modules = BTreeMap::new();
        let (hash, source) = (ContentHash::of(module.as_bytes()), module);
        modules.insert("rings".parse().unwrap(), ModuleSource { hash, source });
        let mut run = script(&leaking(
            "import \"rings\" as r; let m = r::ring(big); r::give(|n| { n.m = m; m.n = n; 1 })",
        ));
        Arc::make_mut(&mut run.script).modules = Arc::new(ModuleSet {
            hash: Some(hash),
            modules,
        });
        assert_eq!(body(&rig.executor.execute(run).await), "1");
        assert_eq!(rig.executor.stats().leaked_bytes, 0);
    });
}

#[test]
fn many_at_once_that_are_cut_off_leave_nothing() {
    on_worker(1, async |rig| {
        let waiting = leaking("let m = #{ b: big }; m.f = || m; sleep(30); 1");
        let in_a_method = leaking(
            "let m = #{ b: big }; m.f = || m; let a = [1]; let g = || a; a = [m, g];
             a.for_each(|x| sleep(30)); 1",
        );
        for source in [waiting, in_a_method] {
            let mut running: Vec<_> = (0..16)
                .map(|_| rig.executor.execute(script(&source)))
                .collect();
            for run in &mut running {
                assert!(poll_once(run).is_pending());
            }
            drop(running);
            rig.settle().await;
        }
        let stats = rig.executor.stats();
        assert_eq!((stats.leaked_bytes, stats.panicked), (0, 0));
    });
}

#[test]
fn what_a_run_gives_away_is_still_there_afterwards() {
    on_worker(1, async |rig| {
        let source = "let m = #{ b: \"text\" }; m.f = || m; log::info(m.b, #{ n: 1 }); print(m.b);
            queue::send(\"q\", m.b);
            response::html(m.b + \"!\").header(\"X-A\", m.b)";
        let outcomes = [rig.run(source).await, rig.run(source).await];
        rig.run("let big = blob(1000000, 7); let f = || big; f.call().len()")
            .await;
        for outcome in outcomes {
            assert_eq!(body(&outcome), "text!");
            let response = outcome.response.as_ref().expect("it answered");
            assert_eq!(response.headers["x-a"], "text");
            let lines = outcome.completion.logs.iter();
            assert_eq!(
                lines.map(|line| &*line.message).collect::<Vec<_>>(),
                ["text", "text"]
            );
        }
    });
}

#[test]
fn closures_do_what_they_do_in_the_language() {
    on_worker(1, async |rig| {
        for (source, expected) in [
            (
                "let n = 0; let up = || { n += 1; n }; up.call(); up.call(); n",
                "2",
            ),
            ("let k = 10; [1, 2].map(|x| x * k)", "[10,20]"),
            ("const K = 10; [1, 2].map(|x| x * K)", "[10,20]"),
            (
                "const K = [1] + [2]; let f = || { K = 1; }; try { f.call() } catch { } K",
                "[1,2]",
            ),
            (
                "let all = []; for i in 0..3 { let j = i; all.push(|| j); } all.map(|f| f.call())",
                "[0,1,2]",
            ),
            (
                "let a = 1; let f = || { let b = 2; let g = || a + b; g.call() }; f.call()",
                "3",
            ),
            ("let x = 1; let f = |y| x + y; x = 5; f.call(1)", "6"),
            ("let t = `${ let z = 2; [1].map(|x| x + z) }`; t", "[3]"),
            (
                "let x = 1; let x = 2; let f = || x; { let x = 3; f.call() }",
                "2",
            ),
            (
                "let x = 1; let f = || x; [is_shared(x), is_shared(f)]",
                "[true,false]",
            ),
            (
                "let x = 1; let y = 2; (|| x + y).call() + [|| y][0].call()",
                "5",
            ),
        ] {
            assert_eq!(body(&rig.run(source).await), expected, "{source}");
        }
    });
}
