//! Which route answers.

use proptest::prelude::*;

use super::*;

fn table(routes: &[(&str, &str)]) -> RouteTable<String> {
    let mut table = RouteTable::default();
    for (method, path) in routes {
        let route = format!("{method} {path}");
        table
            .insert(method.parse().unwrap(), path.parse().unwrap(), route)
            .unwrap();
    }
    table
}

fn hit(table: &RouteTable<String>, method: Method, path: &str) -> Option<(String, Params)> {
    match table.find(method, path) {
        Match::Found { route, params } => Some((route.clone(), params)),
        _ => None,
    }
}

#[test]
fn exact_beats_parameter_beats_prefix() {
    let t = table(&[
        ("GET", "/a/b"),
        ("GET", "/a/:x"),
        ("GET", "/a/*rest"),
        ("GET", "/*all"),
    ]);
    assert_eq!(hit(&t, Method::Get, "/a/b").unwrap().0, "GET /a/b");
    assert_eq!(hit(&t, Method::Get, "/a/c").unwrap().0, "GET /a/:x");
    assert_eq!(hit(&t, Method::Get, "/a/c/d").unwrap().0, "GET /a/*rest");
    assert_eq!(hit(&t, Method::Get, "/z").unwrap().0, "GET /*all");
    assert_eq!(
        hit(&t, Method::Get, "/").unwrap().1,
        [("all".to_owned(), String::new())]
    );
}

#[test]
fn a_dead_end_falls_back_to_the_next_best_branch() {
    let t = table(&[("GET", "/a/b/c"), ("GET", "/:x/b/d")]);
    let (route, params) = hit(&t, Method::Get, "/a/b/d").unwrap();
    assert_eq!(route, "GET /:x/b/d");
    assert_eq!(params, [("x".to_owned(), "a".to_owned())]);
}

#[test]
fn parameters_are_decoded_and_slashes_in_them_stay_inside() {
    let t = table(&[("GET", "/u/:name")]);
    assert_eq!(
        hit(&t, Method::Get, "/u/J%C3%BC%2Fx").unwrap().1[0].1,
        "Jü/x"
    );
    assert!(hit(&t, Method::Get, "/u/%zz").is_none());
    assert!(hit(&t, Method::Get, "/u/%ff").is_none());
    assert!(hit(&t, Method::Get, "/u/").is_none());
}

#[test]
fn methods_head_options_and_allow() {
    let t = table(&[("GET", "/a"), ("POST", "/a"), ("ANY", "/b")]);
    for path in ["/a", "/b"] {
        assert!(matches!(t.find(Method::Head, path), Match::Found { .. }));
    }
    assert_eq!(
        t.find(Method::Put, "/a"),
        Match::MethodNotAllowed(vec![
            Method::Get,
            Method::Head,
            Method::Post,
            Method::Options
        ])
    );
    assert!(matches!(
        t.find(Method::Options, "/b"),
        Match::MethodNotAllowed(_)
    ));
    assert!(hit(&t, Method::Delete, "/b").is_some());
    assert_eq!(t.find(Method::Get, "/c"), Match::NotFound);
}

#[test]
fn a_better_path_with_the_wrong_method_does_not_hide_a_prefix() {
    let t = table(&[("POST", "/a"), ("GET", "/*all")]);
    assert_eq!(hit(&t, Method::Get, "/a").unwrap().0, "GET /*all");
}

#[test]
fn the_same_shape_conflicts() {
    let mut t = table(&[("GET", "/a/:x")]);
    let error = t
        .insert(Method::Get, "/a/:y".parse().unwrap(), String::new())
        .unwrap_err();
    assert!(error.to_string().contains("/a/:x") && error.to_string().contains("/a/:y"));
    t.insert(Method::Post, "/a/:y".parse().unwrap(), String::new())
        .unwrap();
}

#[test]
fn bad_patterns_are_refused() {
    for bad in [
        "", "a", "//", "/a/", "/a//b", "/:", "/:1", "/*a/b", "/*", "/..", "/a/./b", "/é", "/a b",
        "/%41", "/:x/:x", "/a\0",
    ] {
        assert!(bad.parse::<PathPattern>().is_err(), "{bad:?}");
    }
    // Who may have a path is not a question of its form.
    assert!("/livez".parse::<PathPattern>().is_ok());
}

proptest! {
    #[test]
    fn no_path_panics(path in "\\PC{0,64}") {
        let t = table(&[("GET", "/a/:x/*rest"), ("ANY", "/*all")]);
        t.find(Method::Get, &path);
        t.methods(&path);
    }
}
