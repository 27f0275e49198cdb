//! Bodies that are sent while the script still runs.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;
use shared::id::ContentHash;
use shared::invocation::{
    BodyStream, Invocation, ModuleSet, ModuleSource, Outcome, ResponseBody, StreamItem,
};
use shared::script_error::{LimitKind, ScriptErrorKind};
use shared::seam::Executor;

use crate::support::{limited, on_worker, unlimited};

fn stream(outcome: Outcome) -> BodyStream {
    assert!(
        outcome.completion.error.is_none(),
        "{:?}",
        outcome.completion.error
    );
    match outcome.response.expect("a head").body {
        ResponseBody::Stream(stream) => stream,
        ResponseBody::Full(bytes) => panic!("not a stream: {bytes:?}"),
    }
}

async fn next(stream: &mut BodyStream) -> Option<StreamItem> {
    std::future::poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

async fn rest(mut stream: BodyStream) -> (String, shared::invocation::Completion) {
    let mut text = String::new();
    loop {
        match next(&mut stream).await.expect("an end comes first") {
            StreamItem::Chunk(bytes) => text.push_str(std::str::from_utf8(&bytes).unwrap()),
            StreamItem::End(completion) => {
                assert!(next(&mut stream).await.is_none(), "nothing follows the end");
                return (text, *completion);
            }
        }
    }
}

#[test]
fn pieces_arrive_in_order_and_the_end_says_what_was_used() {
    on_worker(1, async |rig| {
        let source = "response::stream(|out| {
            for i in 0..100 { out.write(`${i} `); if i == 50 { sleep(0.001); print(\"half\"); } }
        })";
        let (text, end) = rest(stream(rig.run(source).await)).await;
        let expected: String = (0..100)
            .flat_map(|i| [i.to_string(), " ".to_owned()])
            .collect();
        assert_eq!(text, expected);
        assert!(end.error.is_none(), "{:?}", end.error);
        assert!(end.usage.operations > 100);
        assert_eq!(end.logs.len(), 1);
        assert_eq!(rig.active(), 0);
        assert_eq!(rig.executor.stats().leaked_bytes, 0);
    });
}

#[test]
fn a_failure_after_the_head_is_in_the_end() {
    on_worker(1, async |rig| {
        let source = "response::stream(|out| { out.write(\"one\"); throw \"broken\"; })";
        let (text, end) = rest(stream(rig.run(source).await)).await;
        assert_eq!(text, "one");
        assert_eq!(end.error.unwrap().kind, ScriptErrorKind::Thrown);
    });
}

#[test]
fn a_stream_has_the_response_limit() {
    on_worker(1, async |rig| {
        let source = "response::stream(|out| { loop { out.write(\"0123456789\"); } })";
        let run = limited(source, |limits| limits.response = 1_000);
        let (text, end) = rest(stream(rig.executor.execute(run).await)).await;
        assert_eq!(text.len(), 1_000);
        assert_eq!(
            end.error.unwrap().kind,
            ScriptErrorKind::Limit(LimitKind::Response)
        );
    });
}

#[test]
fn dropping_the_stream_cancels_the_script() {
    on_worker(1, async |rig| {
        let source = "response::stream(|out| { loop { out.write(\"x\"); } })";
        let mut stream = stream(rig.executor.execute(unlimited(source)).await);
        for _ in 0..3 {
            assert!(matches!(
                next(&mut stream).await,
                Some(StreamItem::Chunk(_))
            ));
        }
        assert_eq!(rig.active(), 1);
        drop(stream);
        rig.settle().await;
        assert_eq!(rig.executor.stats().cancelled, 1);
    });
}

#[test]
fn nothing_is_written_inside_of_a_transaction() {
    on_worker(1, async |rig| {
        let source = "response::stream(|out| {
            try { tx::run(|| out.write(\"x\")) } catch (error) { out.write(error) }
        })";
        let (text, end) = rest(stream(rig.run(source).await)).await;
        assert!(text.contains("inside of tx::run"), "{text}");
        assert!(end.error.is_none(), "{:?}", end.error);
    });
}

/// A run that can import a module `m`.
fn with_module(source: &str) -> Box<Invocation> {
    const MODULE: &str = "fn one() { 1 }\nfn two() { one() + one() }\nexport const THREE = 3;\n\
        fn body() { response::stream(|out| out.write(`${one()} ${two()}`)) }";
    let mut run = unlimited(source);
    let module = ModuleSource {
        source: MODULE.into(),
        hash: ContentHash::of(MODULE.as_bytes()),
    };
    let modules = BTreeMap::from([("m".parse().unwrap(), module)]);
    Arc::make_mut(&mut run.script).modules = Arc::new(ModuleSet::new(modules));
    run
}

#[test]
fn what_writes_sees_what_the_place_sees_where_it_is_given() {
    let imported = "import \"m\" as m;\n";
    for (top, body, expected) in [
        (imported, "|out| out.write(m::one().to_string())", "1"),
        (
            imported,
            "|out| { let t = m::two(); out.write(`${t}`); }",
            "2",
        ),
        (imported, "|out| out.write(`${m::THREE}`)", "3"),
        (
            imported,
            "|out| [1, 2].for_each(|i| out.write(`${m::one() + i}`))",
            "12",
        ),
        ("const T = \"t\";", "|out| out.write(global::T)", "t"),
        ("fn help(out) { out.write(\"h\"); }", "help", "h"),
        (
            "import \"m\" as m;\nfn help(out) { out.write(`${m::two()}`); }",
            "help",
            "2",
        ),
        ("fn more() { \"more\" } ", "|out| out.write(more())", "more"),
    ] {
        on_worker(1, async |rig| {
            let at_the_top = format!("{top}\nresponse::stream({body})");
            let in_a_function =
                format!("{top}\nfn handle() {{ response::stream({body}) }}\nhandle()");
            for source in [at_the_top, in_a_function] {
                let outcome = rig.executor.execute(with_module(&source)).await;
                let (text, end) = rest(stream(outcome)).await;
                assert_eq!((text.as_str(), &end.error), (expected, &None), "{source}");
            }
        });
    }
    on_worker(1, async |rig| {
        for source in [
            "import \"m\" as m;\nm::body()",
            "fn handle() {\n  import \"m\" as m;\n  response::stream(|out| out.write(`${m::one()} ${m::two()}`))\n}\nhandle()",
        ] {
            let outcome = rig.executor.execute(with_module(source)).await;
            let (text, end) = rest(stream(outcome)).await;
            assert_eq!((text.as_str(), &end.error), ("1 2", &None), "{source}");
        }
    });
}
