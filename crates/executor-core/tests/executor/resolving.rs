//! Calls are resolved at the deploy: what can never work is refused, with its place and what was
//! probably meant, and what may work at run time is not.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::id::ContentHash;
use shared::invocation::{ModuleSet, ModuleSource};
use shared::script_error::{Diagnostic, Severity};
use shared::seam::{Executor as _, GraphScript, ScriptGraph, ScriptValidator as _};

use crate::support::{body, on_worker, script};

/// What a release of one script and some modules is told: errors only.
fn told(source: &str, handlers: &[&str], modules: &[(&str, &str)]) -> Vec<Diagnostic> {
    let graph = ScriptGraph {
        app: None,
        scripts: vec![GraphScript {
            name: "main".to_owned(),
            source: source.into(),
            handlers: handlers.iter().map(|name| (*name).to_owned()).collect(),
        }],
        modules: modules
            .iter()
            .map(|(name, source)| ((*name).to_owned(), (*source).into()))
            .collect(),
    };
    let found = std::cell::RefCell::new(Vec::new());
    on_worker(1, async |rig| {
        let checked = rig.executor.validator().validate(graph).await;
        *found.borrow_mut() = checked.findings;
    });
    let found = found.into_inner().into_iter();
    found
        .filter(|one| one.severity == Severity::Error)
        .collect()
}

const MONEY: &str = "export const RATE = 19;\n\
                     fn tax(x) { half(x) * RATE_OF() }\n\
                     private fn half(x) { x / 2 }\n\
                     fn RATE_OF() { 2 }\n\
                     fn each(items, work) { for item in items { work.call(item) } }";

/// A call that cannot work, its line and column, a part of its message, a part of its hint.
const WRONG: &[(&str, (u32, u32), &str, &str)] = &[
    ("foo(1)", (1, 1), "there is no function `foo`", ""),
    (
        "let x = 1;\n  prnt(x)",
        (2, 3),
        "there is no function `prnt`",
        "`print`",
    ),
    (
        "kv::get(\"a\", \"b\")",
        (1, 5),
        "there is no function `kv::get`",
        "kv::collection(…).get(…)",
    ),
    (
        "kv::colection(\"a\")",
        (1, 5),
        "`kv::colection`",
        "`kv::collection`",
    ),
    (
        "kv::collection()",
        (1, 5),
        "`kv::collection` takes 1 argument, not 0",
        "",
    ),
    (
        "response::jsn(1)",
        (1, 11),
        "`response::jsn`",
        "`response::json`",
    ),
    (
        "log::info()",
        (1, 6),
        "`log::info` takes 1 or 2 arguments, not 0",
        "",
    ),
    (
        "collection(\"a\")",
        (1, 1),
        "`collection`",
        "`kv::collection`",
    ),
    (
        "kv::collection(\"a\").lst()",
        (1, 21),
        "`collection` has no method `lst`",
        "`list`",
    ),
    (
        "kv::collection(\"a\").get()",
        (1, 21),
        "`get` takes 1 argument, not 0",
        "",
    ),
    (
        "let c = kv::collection(\"a\");\nc.st(\"k\", 1)",
        (2, 3),
        "has no method `st`",
        "`set`",
    ),
    (
        "response::json(1).staus(201)",
        (1, 19),
        "has no method `staus`",
        "`status`",
    ),
    (
        "response::json(1).status(201).heder(\"a\", \"b\")",
        (1, 31),
        "`heder`",
        "`header`",
    ),
    (
        "req.headers.gt(\"a\")",
        (1, 13),
        "`headers` has no method `gt`",
        "`get`",
    ),
    ("req.path()", (1, 5), "has no method `path`", "without ()"),
    (
        "log::info(\"a\", \"b\")",
        (1, 6),
        "`log::info` does not take (string, string)",
        "it takes (any) or (any, map)",
    ),
    (
        "base64::decode(1)",
        (1, 9),
        "`base64::decode` does not take (integer)",
        "it takes (string)",
    ),
    ("sleep(\"x\")", (1, 1), "`sleep` does not take (string)", ""),
    (
        "5.push(1)",
        (1, 3),
        "`push` does not take (integer, integer)",
        "",
    ),
    (
        "[1].to_upper()",
        (1, 5),
        "`to_upper` does not take (array)",
        "",
    ),
    (
        "\"a\".map(|x| x)",
        (1, 5),
        "`map` does not take (string, function)",
        "",
    ),
    (
        "let n = 5;\nlet t = `${n}`;\nt.push(1)",
        (3, 3),
        "`push` does not take (string, integer)",
        "",
    ),
    (
        "response::json(1).status(\"x\")",
        (1, 19),
        "`status` does not take (response, string)",
        "(response, integer)",
    ),
    (
        "kv::collection(\"a\").get(1)",
        (1, 21),
        "`get` does not take (collection, integer)",
        "(collection, string)",
    ),
    (
        "response::json(1).foo",
        (1, 19),
        "a value of type `response` has no property `foo`",
        "",
    ),
    (
        "kv::collection(\"a\").list",
        (1, 21),
        "no property `list`",
        "write it with ()",
    ),
    ("req.pth", (1, 5), "no property `pth`", "`path`"),
    (
        "fn f(x) { x.len() }\nfoo(1)",
        (2, 1),
        "no function `foo`",
        "",
    ),
    (
        "let items = [];\nitems.psh(1)",
        (2, 7),
        "no value has a method `psh`",
        "`push`",
    ),
    ("[1].push()", (1, 5), "`push` takes", ""),
    (
        "\"a\".toUpperCase()",
        (1, 5),
        "no value has a method `toUpperCase`",
        "to_upper()",
    ),
    (
        "parseInt(\"1\")",
        (1, 1),
        "there is no function `parseInt`",
        "parse_int",
    ),
    (
        "fn total(a, b) { a + b }\ntotal(1)",
        (2, 1),
        "`total` takes 2 arguments, not 1",
        "",
    ),
    (
        "total(1)\n+ 1;\nfn total(a, b) { a + b }",
        (1, 1),
        "`total` takes 2 arguments",
        "",
    ),
    (
        "let f = |x| x;\nf(1)",
        (2, 1),
        "there is no function `f`",
        "f.call(…)",
    ),
    (
        "fn work() { helpr() }\nfn helper() { 1 }\nwork()",
        (1, 13),
        "`helpr`",
        "`helper`",
    ),
    (
        "[1].map(|x| dubble(x));\nfn double(x) { x }",
        (1, 13),
        "`dubble`",
        "`double`",
    ),
    (
        "import \"money\" as m;\nm::nope(1)",
        (2, 4),
        "module `money` has no function `nope`",
        "",
    ),
    (
        "import \"money\" as m;\nm::txa(1)",
        (2, 4),
        "no function `txa`",
        "`tax`",
    ),
    (
        "import \"money\" as m;\nm::half(1)",
        (2, 4),
        "no function `half`",
        "private",
    ),
    (
        "import \"money\" as m;\nm::tax(1, 2)",
        (2, 4),
        "`tax` takes 1 argument, not 2",
        "",
    ),
    (
        "import \"money\" as m;\nm::RAT",
        (2, 4),
        "exports no value `RAT`",
        "`RATE`",
    ),
    (
        "import \"money\" as m;\ntax(1)",
        (2, 1),
        "there is no function `tax`",
        "",
    ),
    (
        "global::foo()",
        (1, 9),
        "`global::foo`",
        "without `global::`",
    ),
    (
        "kv::collection",
        (1, 5),
        "no value `collection`",
        "kv::collection(…)",
    ),
    (
        "if req.query.a == \"b\" { kv::nothing() }",
        (1, 29),
        "`kv::nothing`",
        "",
    ),
];

#[test]
fn a_call_that_cannot_work_is_refused_with_its_place_and_the_nearest_name() {
    for (source, place, message, hint) in WRONG {
        let found = told(source, &[], &[("money", MONEY)]);
        let [error] = found.as_slice() else {
            panic!("{source}: {found:#?}");
        };
        assert_eq!((error.line, error.column), *place, "{source}: {error:?}");
        assert!(error.message.contains(message), "{source}: {error:?}");
        let told = error.hint.as_deref().unwrap_or_default();
        assert!(told.contains(hint), "{source}: {error:?}");
    }
}

/// What may work at run time.
const RIGHT: &[&str] = &[
    "event.message",
    "event.anything",
    "req.headers.accept",
    "let r = [1, 2].map(double); fn double(x) { x * 2 } r",
    "let f = \"dou\" + \"ble\"; Fn(f).call(2); fn double(x) { x * 2 }",
    "call(|x| x, 1)",
    "let o = #{ greet: |name| `hi ${name}` }; o.greet(\"Ada\")",
    "let o = #{}; o.greet = || 1; o.greet()",
    "let o = #{}; o[\"greet\"] = || 1; o.greet()",
    "let o = #{}; for name in [\"a\"] { let f = || 1; o[\"on_\" + name] = f; } o.on_a()",
    "fn shout() { this.to_upper() } let t = \"a\"; t.shout()",
    "fn int.twice() { this * 2 } let n = 2; n.twice()",
    "type_of(1) + is_def_fn(\"x\", 1) + is_def_var(\"y\")",
    "print(1); debug(2); 3.to_string(); #{}.keys().len()",
    "import \"money\" as m; m::tax(m::RATE) + m::RATE_OF()",
    "import \"money\" as m; m::each([1], |x| log::info(x)); m::each([1], Fn(\"print\"))",
    "fn recursive(n) { if n == 0 { 0 } else { recursive(n - 1) } } recursive(3)",
    "let c = kv::collection(\"a\"); c = #{ nope: || 1 }; c.nope()",
    "fn own(c) { c.get(\"a\") } own(kv::collection(\"a\"))",
    "const X = 1; fn f() { global::X } f()",
    "1 + 2 * -3 < 4 && !(\"a\" in \"abc\") || [1][0] ?? 2 == 1",
    "let b = blob(); b.push(1); b[0..1]",
    "tx::run(|| kv::collection(\"a\").set(\"k\", 1))",
    "response::json(#{ a: 1 }).status(201).header(\"x\", \"y\").cookie(\"a\", \"b\", #{})",
    "let s = `${req.headers.get(\"a\") ?? \"\"}`; s.len",
    "ctx().app + ctx.app",
];

#[test]
fn what_may_work_at_run_time_is_not_refused() {
    for source in RIGHT {
        let found = told(source, &[], &[("money", MONEY)]);
        assert!(found.is_empty(), "{source}: {found:#?}");
    }
    // A module's function sees those of the script that calls it.
    let calls_back = ("back", "fn run() { helper() }");
    let source = "import \"back\" as b; fn helper() { 1 } b::run()";
    let found = told(source, &[], &[calls_back]);
    assert!(found.is_empty(), "{found:#?}");
    // What a module that does not compile has is not known.
    let found = told(
        "import \"broken\" as b; b::run(1)",
        &[],
        &[("broken", "fn run( {")],
    );
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].script, "broken");
    // Modules of modules.
    let modules = [
        ("outer", "import \"inner\" as i; fn a() { i::b() }"),
        ("inner", "fn b() { 1 }"),
    ];
    assert!(told("import \"outer\" as o; o::a() + o::i::b()", &[], &modules).is_empty());
    let found = told("import \"outer\" as o; o::i::c()", &[], &modules);
    assert_eq!(found.len(), 1, "{found:#?}");
}

#[test]
fn all_errors_of_a_release_are_told_at_once_by_place() {
    let source = "let a = unknown_one;\nfoo(1);\nlet b = unknown_two + nowhere::f();\nkv::get(1)";
    let found = told(
        source,
        &[],
        &[("m", "fn f() { bar() }\nfn g() { kv::nope() }")],
    );
    let places: Vec<_> = found
        .iter()
        .map(|one| (one.script.as_str(), one.line))
        .collect();
    // The names first: calls are looked at in what compiles.
    assert_eq!(
        places,
        [("main", 1), ("main", 3), ("main", 3), ("m", 1), ("m", 2)]
    );
    let mended = "let a = 1;\nfoo(1);\nlet b = 2;\nkv::get(1); baz()";
    let found = told(mended, &[], &[]);
    let places: Vec<_> = found.iter().map(|one| (one.line, one.column)).collect();
    assert_eq!(places, [(2, 1), (4, 5), (4, 13)]);
}

#[test]
fn functions_are_known_above_where_they_stand() {
    on_worker(1, async |rig| {
        for (source, expected) in [
            (
                "let r = [1, 2].map(double); fn double(x) { x * 2 } r",
                "[2,4]",
            ),
            (
                "let f = double; f.call(4).to_string(); fn double(x) { x * 2 }",
                "8",
            ),
            (
                "fn all(l) { l.map(double) } fn double(x) { x * 2 } all([3])",
                "[6]",
            ),
            (
                "let g = |l| l.map(double); fn double(x) { x * 2 } g.call([5])",
                "[10]",
            ),
            (
                "let n = 1; let g = |l| l.map(double).map(|x| x + n); fn double(x) { x * 2 } g.call([5])",
                "[11]",
            ),
            (
                "[1].map(|x| [x].map(double)); fn double(x) { x * 2 }",
                "[[2]]",
            ),
            (
                "#{ f: double }.f(21).to_string(); fn double(x) { x * 2 }",
                "42",
            ),
            (
                "let r = 1; try { [1].map(fails) } catch (e) { r = e } fn fails(x) { throw \"no\" } r",
                "no",
            ),
        ] {
            assert_eq!(body(&rig.run(source).await), expected, "{source}");
        }
    });
}

#[test]
fn a_script_is_the_handler_or_a_set_of_handlers() {
    let handler = "fn on_order(event) { 1 }\n";
    for (before, line) in [
        ("", 0),
        ("// A comment.\nconst LIMIT = 60 * 60;\n", 0),
        (
            "import \"money\" as m;\nconst NAMES = [\"a\", #{ b: 1 }];\n",
            0,
        ),
        ("private fn helper() { 1 }\n", 0),
        ("queue::send(\"mails\", 1);\n", 1),
        ("const A = 1;\nlet x = 1;\n", 2),
        ("const A = 1;\n\nif true { log::info(1) }\n", 3),
        ("const C = kv::collection(\"a\");\n", 1),
        ("\"welcome\";\n", 1),
    ] {
        let source = format!("{before}{handler}");
        let found = told(&source, &["on_order"], &[("money", MONEY)]);
        let lines: Vec<_> = found.iter().map(|one| one.line).collect();
        let expected: Vec<u32> = (line > 0).then_some(line).into_iter().collect();
        assert_eq!(lines, expected, "{source}: {found:#?}");
        // Without handlers all of it is an ordinary script.
        let found = told(&source, &[], &[("money", MONEY)]);
        assert!(found.is_empty(), "{source}: {found:#?}");
    }
}

#[test]
fn a_method_of_the_platforms_values_is_theirs_whatever_functions_there_are() {
    on_worker(1, async |rig| {
        rig.host.store("a", "1", 1);
        for (source, expected) in [
            (
                "fn get(req) { kv::collection(\"store\").get(req) } get(\"a\").to_string()",
                "1",
            ),
            (
                "fn notes() { kv::collection(\"store\") } fn get(k) { notes().get(k) } get(\"a\").to_string()",
                "1",
            ),
            (
                "fn get(k) { let c = kv::collection(\"store\"); c.get(k) } get(\"a\").to_string()",
                "1",
            ),
            (
                "fn get(k) { this.get(k) + 1 } let c = kv::collection(\"store\"); c.get(\"a\").to_string()",
                "1",
            ),
            (
                "fn set(k, v) { kv::collection(\"store\").set(k, v) } set(\"b\", 2).to_string()",
                "7",
            ),
            (
                "fn status(n) { response::text(\"x\").status(n) } status(201)",
                "x",
            ),
            ("fn get(k) { #{ a: 5 }.get(k) } get(\"a\").to_string()", "5"),
            ("fn push(x) { let l = []; l.push(x); l } push(3)", "[3]"),
            ("fn filter(l) { l.filter(|x| x > 1) } filter([1, 2])", "[2]"),
            // What is no method of the value is the script's.
            ("fn get(k) { k } let n = 5; n.get(3).to_string()", "3"),
            ("fn len_of(x) { x } [1].len_of(4).to_string()", "4"),
            (
                "fn push(x) { this += [x, x]; } let l = [1]; l.push(2); l",
                "[1,2,2]",
            ),
            (
                "fn get(k) { 0 } let o = #{ get: |k| `own ${k}` }; o.get(\"x\")",
                "own x",
            ),
            (
                "fn int.get(k) { this + k } let n = 5; n.get(3).to_string()",
                "8",
            ),
        ] {
            let outcome = rig.run(source).await;
            assert_eq!(
                body(&outcome),
                expected,
                "{source}: {:?}",
                outcome.completion.error
            );
        }
    });
}

#[test]
fn errors_of_such_methods_have_their_place() {
    on_worker(1, async |rig| {
        let source =
            "fn get(k) {\n    let c = kv::collection(\"other\");\n    c.get(k)\n}\nget(\"k\")";
        let error = rig.run(source).await.completion.error.unwrap();
        let place = (error.frames[0].line, error.frames[0].column);
        assert_eq!(place, (3, 7), "{error:?}");
        assert_eq!(error.frames[0].function, "get", "{error:?}");
        let source = "fn push(k) {\n  k.push(1, 2)\n}\npush([])";
        let error = rig.run(source).await.completion.error.unwrap();
        assert!(!error.message.contains(".0."), "{error:?}");
    });
}

#[test]
fn a_modules_methods_are_not_taken_by_its_callers_functions() {
    let module = "fn one(c, k) { c.get(k) }";
    let source = "import \"store\" as s; fn get(k) { s::one(kv::collection(\"store\"), k) } get(\"a\").to_string()";
    on_worker(1, async |rig| {
        rig.host.store("a", "1", 1);
        let mut run = script(source);
        let held = ModuleSource {
            hash: ContentHash::of(module.as_bytes()),
            source: module.into(),
        };
        let modules = BTreeMap::from([("store".parse().unwrap(), held)]);
        Arc::make_mut(&mut run.script).modules = Arc::new(ModuleSet::new(modules));
        let outcome = rig.executor.execute(run).await;
        assert_eq!(body(&outcome), "1", "{:?}", outcome.completion.error);
    });
}

/// What other tests deploy and run is not refused, unless it may be.
#[test]
fn what_is_deployed_elsewhere_is_not_refused() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = std::fs::read_dir(root.join("tests/hostile")).unwrap();
    let (mut seen, mut refused) = (0, Vec::new());
    for file in files.map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|end| end != "rhai") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let ends = text.lines().find_map(|line| line.strip_prefix("// limit:"));
        if ends.unwrap_or_default().contains("compile") {
            continue;
        }
        seen += 1;
        let mut parts = text.split("//// module: ");
        let source = parts.next().unwrap();
        let modules = parts.map(|part| part.split_once('\n').unwrap());
        let modules: Vec<_> = modules
            .map(|(name, source)| (name.trim(), source))
            .collect();
        if let Some(error) = told(source, &[], &modules).first() {
            refused.push(format!("{}: {error:?}", file.display()));
        }
    }
    assert!(seen > 200, "{seen}");
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}
