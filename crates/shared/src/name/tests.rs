//! Good names, bad names, and what topic patterns match.

use super::*;

#[test]
fn good_names_pass_and_bad_names_say_their_rule() {
    for good in ["a", "hello", "link-shortener", "a1"] {
        assert!(good.parse::<AppSlug>().is_ok(), "{good}");
    }
    for bad in [
        "",
        "A",
        "1a",
        "a-",
        "a b",
        "admin",
        "../x",
        "é",
        "a\0",
        &"a".repeat(41),
    ] {
        assert!(bad.parse::<AppSlug>().is_err(), "{bad:?}");
    }
    let error = "Hello World".parse::<ScriptName>().unwrap_err();
    assert!(error.to_string().contains("lower-case"), "{error}");
}

#[test]
fn a_module_cannot_take_an_sdk_name() {
    assert!("kv".parse::<ModuleName>().is_err());
    assert!("lib/kv".parse::<ModuleName>().is_ok());
    for bad in ["lib/", "/lib", "lib//a", "../a", "lib/../a"] {
        assert!(bad.parse::<ModuleName>().is_err(), "{bad}");
    }
}

#[test]
fn domains_are_host_names() {
    for good in ["example.com", "*.example.com", "xn--bcher-kva.example"] {
        assert!(good.parse::<DomainName>().is_ok(), "{good}");
    }
    for bad in [
        "localhost",
        "1.2.3.4",
        "a..b",
        "-a.com",
        "a.com.",
        "*.com",
        "a.com:80",
        "x.localhost",
    ] {
        assert!(bad.parse::<DomainName>().is_err(), "{bad}");
    }
}

#[test]
fn queues_are_named_like_collections() {
    for good in ["emails", "Orders.v2", "a-b_c", &"a".repeat(64)] {
        assert!(good.parse::<QueueName>().is_ok(), "{good}");
    }
    for bad in ["", "1a", ".a", "a b", "a/b", "é", "a\0", &"a".repeat(65)] {
        let error = bad.parse::<QueueName>().unwrap_err().to_string();
        assert!(error.contains("not a valid queue name"), "{error}");
        assert!(bad.parse::<CollectionName>().is_err());
    }
}

#[test]
fn topics_are_segments_with_dots_between() {
    let longest = vec!["a".repeat(63); 4].join(".");
    for good in ["orders", "orders.created", "a.b-c.D_1.9", &longest] {
        assert!(good.parse::<TopicName>().is_ok(), "{good}");
        assert!(good.parse::<TopicPattern>().is_ok(), "{good}");
    }
    let long = format!("{longest}a");
    for bad in [
        "", ".", "a.", ".a", "a..b", "a b", "a/b", "é", "a.#", "a\0", &long,
    ] {
        assert!(bad.parse::<TopicName>().is_err(), "{bad:?}");
        assert!(bad.parse::<TopicPattern>().is_err(), "{bad:?}");
    }
    for pattern in ["*", "**", "a.*", "*.a", "*.*", "a.**", "*.**"] {
        assert!(pattern.parse::<TopicName>().is_err(), "{pattern}");
        assert!(pattern.parse::<TopicPattern>().is_ok(), "{pattern}");
    }
    for bad in [
        "**.a",
        "a.**.b",
        "a**",
        "a*",
        "*a",
        "***",
        "a.***",
        "**.**",
        ".**",
        "a..**",
        &format!("{}.**", vec!["a".repeat(63); 4].join(".")),
    ] {
        let error = bad.parse::<TopicPattern>().unwrap_err().to_string();
        assert!(error.contains("orders.**"), "{bad}: {error}");
    }
}

#[test]
fn patterns_match_whole_segments() {
    for (pattern, topics, others) in [
        (
            "orders",
            &["orders"][..],
            &["orders.created", "order", "Orders"][..],
        ),
        (
            "orders.created",
            &["orders.created"],
            &["orders", "orders.created.eu"],
        ),
        (
            "orders.*",
            &["orders.created"],
            &["orders", "orders.created.eu", "x.created"],
        ),
        (
            "*.created",
            &["orders.created"],
            &["created", "a.b.created"],
        ),
        ("*", &["orders"], &["orders.created"]),
        ("*.*", &["a.b"], &["a", "a.b.c"]),
        (
            "orders.**",
            &["orders.created", "orders.created.eu"],
            &["orders", "ordersx.a"],
        ),
        (
            "orders.*.**",
            &["orders.a.b", "orders.a.b.c"],
            &["orders.a"],
        ),
        ("**", &["orders", "a.b.c.d"], &[]),
    ] {
        let pattern: TopicPattern = pattern.parse().unwrap();
        let matches = |topic: &str| pattern.matches(&topic.parse().unwrap());
        assert!(topics.iter().all(|topic| matches(topic)), "{pattern}");
        assert!(!others.iter().any(|topic| matches(topic)), "{pattern}");
    }
}

#[test]
fn names_are_texts_in_json() {
    let pattern: TopicPattern = serde_json::from_str("\"orders.*\"").unwrap();
    assert_eq!(serde_json::to_string(&pattern).unwrap(), "\"orders.*\"");
    assert!(serde_json::from_str::<TopicName>("\"orders.*\"").is_err());
    assert!(serde_json::from_str::<QueueName>("7").is_err());
}
