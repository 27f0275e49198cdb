//! What a script reads of its request, and the forms of answers of other platforms.

use http::{HeaderMap, HeaderValue};
use shared::invocation::{HttpInput, Input, Invocation, ResponseBody};
use shared::routing::Params;
use shared::seam::Executor;

use crate::support::{body, on_worker, script};

/// A run of this source for a request.
fn request(
    uri: &str,
    headers: &[(&'static str, &str)],
    sent: &str,
    source: &str,
) -> Box<Invocation> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let mut run = script(source);
    run.input = Some(Input::Http(HttpInput {
        method: http::Method::POST,
        uri: uri.parse().unwrap(),
        scheme: "http",
        host: "shop.localhost".into(),
        headers: map.into(),
        params: Params::new(),
        ip: [127, 0, 0, 1].into(),
        body: sent.to_owned().into(),
    }));
    run
}

#[test]
fn the_address_has_the_port_the_client_asked_for() {
    on_worker(1, async |rig| {
        for (host, scheme, expected) in [
            (
                "shop.localhost:9111",
                "http",
                "http://shop.localhost:9111/u?a=1",
            ),
            ("shop.localhost:80", "http", "http://shop.localhost/u?a=1"),
            (
                "shop.localhost:443",
                "http",
                "http://shop.localhost:443/u?a=1",
            ),
            (
                "shop.localhost:443",
                "https",
                "https://shop.localhost/u?a=1",
            ),
            (
                "shop.localhost:80",
                "https",
                "https://shop.localhost:80/u?a=1",
            ),
            ("shop.localhost", "https", "https://shop.localhost/u?a=1"),
            ("shop.localhost:", "http", "http://shop.localhost/u?a=1"),
            ("[::1]", "http", "http://shop.localhost/u?a=1"),
            ("[::1]:8080", "http", "http://shop.localhost:8080/u?a=1"),
        ] {
            let mut run = request("/u?a=1", &[("host", host)], "", "req.url");
            let Some(Input::Http(http)) = &mut run.input else {
                panic!("a request");
            };
            http.scheme = scheme;
            assert_eq!(body(&rig.executor.execute(run).await), expected, "{host}");
        }
        let run = request("/u", &[], "", "req.url");
        let outcome = rig.executor.execute(run).await;
        assert_eq!(body(&outcome), "http://shop.localhost/u", "no Host header");
    });
}

#[test]
fn all_values_of_a_repeated_field_can_be_read() {
    on_worker(1, async |rig| {
        let form = [(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )];
        let fields = "tag=a&tag=b%20c&one=1&tag=&empty";
        let all = r#"{"empty":[""],"one":["1"],"tag":["a","b c",""]}"#;
        let last = r#"{"empty":"","one":"1","tag":""}"#;
        for (source, expected) in [
            ("req.query_all", all),
            ("req.query_all; req.query_all", all),
            ("req.form_all", all),
            ("req.query", last),
            ("req.form", last),
            ("req.query_all.tag.len()", "3"),
            (r#"req.query_all["none"] ?? "no""#, "no"),
        ] {
            let run = request(&format!("/?{fields}"), &form, fields, source);
            let outcome = rig.executor.execute(run).await;
            assert_eq!(body(&outcome), expected, "{source}");
        }
        let run = request(
            "/",
            &[("content-type", "text/plain")],
            fields,
            "req.form_all",
        );
        assert_eq!(body(&rig.executor.execute(run).await), "{}");
    });
}

/// The lines of a header, in their order.
fn lines(headers: &HeaderMap, name: &str) -> Vec<String> {
    let all = headers.get_all(name).iter();
    all.map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_form_of_other_clouds_has_lists_and_base64() {
    on_worker(1, async |rig| {
        for (source, name, expected) in [
            (
                r#"headers: #{"set-cookie": ["a=1", "b=2"]}"#,
                "set-cookie",
                vec!["a=1", "b=2"],
            ),
            (
                r#"multiValueHeaders: #{"X-A": ["1", 2, true]}"#,
                "x-a",
                vec!["1", "2", "true"],
            ),
            (
                r#"cookies: ["a=1", "b=2"]"#,
                "set-cookie",
                vec!["a=1", "b=2"],
            ),
            (r#"headers: #{"x-a": []}"#, "x-a", vec![]),
            (
                r#"headers: #{"x-a": "1"}, multiValueHeaders: #{"x-a": ["2", "3"]}"#,
                "x-a",
                vec!["2", "3"],
            ),
            ("headers: (), cookies: ()", "x-a", vec![]),
        ] {
            let outcome = rig
                .run(&format!("#{{ statusCode: 200, body: \"x\", {source} }}"))
                .await;
            let response = outcome.response.unwrap_or_else(|| panic!("{source}"));
            assert_eq!(lines(&response.headers, name), expected, "{source}");
        }
        let source = r#"#{ statusCode: 200, headers: #{ "content-type": "image/png" },
            body: "iVBORw0KGgo=", isBase64Encoded: true }"#;
        let response = rig.run(source).await.response.unwrap();
        assert_eq!(response.headers["content-type"], "image/png");
        match response.body {
            ResponseBody::Full(bytes) => assert_eq!(&bytes[..], b"\x89PNG\r\n\x1a\n"),
            ResponseBody::Stream(_) => panic!("not a stream"),
        }
    });
}

#[test]
fn what_such_a_map_cannot_mean_is_an_error_that_names_it() {
    on_worker(1, async |rig| {
        for (source, named) in [
            (r#"headers: #{"x-a": #{b: 1}}"#, "`x-a`"),
            (r#"headers: #{"x-a": [["1"]]}"#, "`x-a`"),
            (r#"headers: #{"x-a": ()}"#, "`x-a`"),
            (r#"headers: #{"x-a": ["1", |x| x]}"#, "`x-a`"),
            (
                r#"headers: #{"content-type": ["a/b", "c/d"]}"#,
                "`content-type`",
            ),
            (r#"headers: #{"x-a": ["1", "2\r\nx-b: 3"]}"#, "`x-a`"),
            (r#"headers: "x-a: 1""#, "`headers`"),
            ("multiValueHeaders: []", "`multiValueHeaders`"),
            (r#"headers: #{"Date": "now"}"#, "`Date`"),
            (r#"headers: #{"keep-alive": "1"}"#, "`keep-alive`"),
            (r#"headers: #{"TE": "gzip"}"#, "`TE`"),
            (r#"isBase64Encoded: "yes""#, "`isBase64Encoded`"),
            ("isBase64Encoded: true, body: [1]", "base64"),
            (r#"isBase64Encoded: true, body: "%%""#, "base64"),
        ] {
            let outcome = rig.run(&format!("#{{ statusCode: 200, {source} }}")).await;
            let error = outcome
                .completion
                .error
                .unwrap_or_else(|| panic!("{source}"));
            assert!(error.message.contains(named), "{source}: {}", error.message);
        }
    });
}
