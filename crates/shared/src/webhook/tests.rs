//! Known answers of the providers, and messages that must not pass.

mod standard;

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

const TIME: &str = "1614265330";
const NOW: i64 = 1_614_265_330;
const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const GITHUB_SECRET: &str = "It's a Secret to Everybody";
const GITHUB_SIGNATURE: &str =
    "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

const SLACK_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const SLACK_TIME: &str = "1531420618";
const SLACK_BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow\
&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner\
&command=%2Fwebhook-collect&text=\
&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
const SLACK_SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(*name, value.parse().unwrap());
    }
    map
}

fn second(second: i64) -> Timestamp {
    Timestamp(second * 1_000_000)
}

#[test]
fn a_secret_is_a_whole_line_and_none_of_its_words() {
    let check = |value: &str| {
        let all = headers(&[("x-hub-signature-256", GITHUB_SIGNATURE)]);
        let secrets = secrets_of(value);
        verify(
            Provider::Github,
            &secrets,
            &all,
            b"Hello, World!",
            second(0),
        )
        .map(|_| ())
    };
    let whole = GITHUB_SECRET;
    for value in [
        whole.to_owned(),
        format!("{whole}\n"),
        format!("an old one\n{whole}"),
        format!("{whole}\r\n\r\na new one\r\n"),
    ] {
        assert_eq!(check(&value), Ok(()), "{value:?}");
    }
    for value in [
        format!("old {whole}"),
        format!("{whole} "),
        format!(" {whole}"),
        format!("{whole}\tnew"),
        "It's\na\nSecret\nto\nEverybody".to_owned(),
    ] {
        assert_eq!(
            check(&value),
            Err(WebhookError::WrongSignature),
            "{value:?}"
        );
    }
    for value in ["", " ", "\n", "\t \r\n"] {
        assert_eq!(check(value), Err(WebhookError::NoSecret), "{value:?}");
    }
}

#[test]
fn the_github_known_answer_is_verified() {
    let check = |secret: &str, signature: &str, body: &[u8]| {
        let all = headers(&[
            ("x-hub-signature-256", signature),
            ("x-github-delivery", "72d3162e"),
        ]);
        verify(Provider::Github, &["old", secret], &all, body, second(0))
    };
    let good = check(GITHUB_SECRET, GITHUB_SIGNATURE, b"Hello, World!");
    assert_eq!(good.unwrap().id.as_deref(), Some("72d3162e"));
    let upper = format!("sha256={}", GITHUB_SIGNATURE[7..].to_uppercase());
    assert!(check(GITHUB_SECRET, &upper, b"Hello, World!").is_ok());
    let wrong = Err(WebhookError::WrongSignature);
    assert_eq!(
        check(GITHUB_SECRET, GITHUB_SIGNATURE, b"Hello, World?"),
        wrong
    );
    assert_eq!(
        check("It's no Secret", GITHUB_SIGNATURE, b"Hello, World!"),
        wrong
    );
    for bad in [
        "",
        "sha256=",
        "sha1=757107ea",
        &GITHUB_SIGNATURE[..70],
        &GITHUB_SIGNATURE[7..],
    ] {
        let got = check(GITHUB_SECRET, bad, b"Hello, World!");
        assert_eq!(
            got,
            Err(WebhookError::Invalid("x-hub-signature-256")),
            "{bad}"
        );
    }
    let without_id = headers(&[("x-hub-signature-256", GITHUB_SIGNATURE)]);
    let got = verify(
        Provider::Github,
        &[GITHUB_SECRET],
        &without_id,
        b"Hello, World!",
        second(0),
    );
    assert_eq!(got, Ok(Verified { id: None }));
    let got = verify(
        Provider::Github,
        &[GITHUB_SECRET],
        &HeaderMap::new(),
        b"",
        second(0),
    );
    assert_eq!(got, Err(WebhookError::Missing("x-hub-signature-256")));
}

#[test]
fn stripe_messages_are_verified() {
    const BODY: &[u8] = br#"{"id": "evt_1", "object": "event"}"#;
    const GOOD: &str = "d8ad0119c04884f963d66fde235b40b6fb9b013e987cbf5471d69f2574a46d8e";
    let bad = "0".repeat(64);
    let check = |header: &str, now: i64| {
        let all = headers(&[("stripe-signature", header)]);
        // The secret is the whole text and not base64.
        verify(
            Provider::Stripe,
            &["whsec_test_secret"],
            &all,
            BODY,
            second(now),
        )
    };
    for good in [
        format!("t={TIME},v1={GOOD}"),
        format!("t={TIME}, v1={bad}, v1={GOOD}, v0={bad}"),
        format!("v1={GOOD},t={TIME},unknown,x=y"),
    ] {
        assert_eq!(
            check(&good, NOW).unwrap().id.as_deref(),
            Some("evt_1"),
            "{good}"
        );
    }
    let invalid = WebhookError::Invalid("stripe-signature");
    for (header, expected) in [
        (format!("t={TIME},v1={bad}"), WebhookError::WrongSignature),
        (format!("t={TIME},v0={GOOD}"), WebhookError::WrongSignature),
        (format!("t={TIME}"), WebhookError::WrongSignature),
        (
            format!("t=1614265331,v1={GOOD}"),
            WebhookError::WrongSignature,
        ),
        (format!("t=1,v1={GOOD}"), WebhookError::TooOld),
        (format!("t=1614265999,v1={GOOD}"), WebhookError::TooNew),
        (format!("v1={GOOD}"), invalid),
        (format!("t={TIME},t={TIME},v1={GOOD}"), invalid),
        (format!("t=x,v1={GOOD}"), invalid),
        (String::new(), invalid),
    ] {
        assert_eq!(check(&header, NOW), Err(expected), "{header}");
    }
}

#[test]
fn the_slack_known_answer_is_verified() {
    let check = |signature: &str, time: &str, body: &[u8], now: i64| {
        let all = headers(&[
            ("x-slack-signature", signature),
            ("x-slack-request-timestamp", time),
        ]);
        verify(Provider::Slack, &[SLACK_SECRET], &all, body, second(now))
    };
    let now = 1_531_420_618;
    // A slash command is a form and has no id.
    assert_eq!(
        check(SLACK_SIGNATURE, SLACK_TIME, SLACK_BODY, now),
        Ok(Verified { id: None })
    );
    let event = br#"{"type":"event_callback","event_id":"Ev08MFMKH6"}"#;
    let got = check(
        "v0=649cd74419d0db312c74495a9d279048690dfc1dc085146872cdbe24409ff2ff",
        SLACK_TIME,
        event,
        now,
    );
    assert_eq!(got.unwrap().id.as_deref(), Some("Ev08MFMKH6"));
    for (got, expected) in [
        (
            check(SLACK_SIGNATURE, SLACK_TIME, b"", now),
            WebhookError::WrongSignature,
        ),
        (
            check(SLACK_SIGNATURE, "1531420619", SLACK_BODY, now),
            WebhookError::WrongSignature,
        ),
        (
            check(SLACK_SIGNATURE, SLACK_TIME, SLACK_BODY, now + 301),
            WebhookError::TooOld,
        ),
        (
            check(SLACK_SIGNATURE, SLACK_TIME, SLACK_BODY, now - 301),
            WebhookError::TooNew,
        ),
        (
            check(&SLACK_SIGNATURE[3..], SLACK_TIME, SLACK_BODY, now),
            WebhookError::Invalid("x-slack-signature"),
        ),
        (
            check(SLACK_SIGNATURE, "now", SLACK_BODY, now),
            WebhookError::Invalid("x-slack-request-timestamp"),
        ),
    ] {
        assert_eq!(got, Err(expected));
    }
}

#[test]
fn only_a_challenge_is_answered() {
    let answer = |body: &str| slack_challenge(body.as_bytes());
    let good = r#"{"token":"J","challenge":"3eZbrw1a","type":"url_verification"}"#;
    assert_eq!(answer(good).as_deref(), Some("3eZbrw1a"));
    let long = format!(
        r#"{{"type":"url_verification","challenge":"{}"}}"#,
        "x".repeat(2_000)
    );
    for bad in [
        "",
        "{",
        "[]",
        r#"["a","b","url_verification","d"]"#,
        r#"{"challenge":"x"}"#,
        r#"{"type":"url_verification"}"#,
        r#"{"type":"url_verification","challenge":7}"#,
        r#"{"type":"event_callback","challenge":"x"}"#,
        &long,
    ] {
        assert_eq!(answer(bad), None, "{bad}");
    }
}

#[test]
fn an_id_is_a_bounded_text() {
    let id = |body: &str| fields(body.as_bytes()).and_then(|fields| bounded(fields.id));
    assert_eq!(
        id(r#" {"id": "evt_1", "type": 7, "challenge": {}}"#).as_deref(),
        Some("evt_1")
    );
    for bad in [
        r#"{"id": 7}"#,
        r#"{"id": ""}"#,
        r#"{"id": "a", "id": "b"}"#,
        r#"["evt_1"]"#,
        "id",
    ] {
        assert_eq!(id(bad), None, "{bad}");
    }
    assert_eq!(id(&format!(r#"{{"id": "{}"}}"#, "x".repeat(257))), None);
    assert_eq!(
        id(&format!(
            r#"{{"id": "a", "deep": {}}}"#,
            "[".repeat(1_000_000)
        )),
        None
    );
}

#[test]
fn providers_have_names() {
    for provider in [
        Provider::Standard,
        Provider::Github,
        Provider::Stripe,
        Provider::Slack,
    ] {
        let json = serde_json::to_string(&provider).unwrap();
        assert_eq!(json, format!("\"{}\"", provider.as_str()));
        assert_eq!(serde_json::from_str::<Provider>(&json).unwrap(), provider);
    }
}

proptest! {
    #[test]
    fn hostile_headers_and_bodies_are_errors(
        values in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..80),
                "(v1,|v0=|sha256=|t=[0-9]{1,20},v1=)?[0-9a-fA-F]{0,70}".prop_map(String::into_bytes),
                "[0-9+-]{0,25}".prop_map(String::into_bytes),
            ],
            8,
        ),
        body in prop::collection::vec(any::<u8>(), 0..100),
        now in any::<i64>(),
    ) {
        let names = [
            "webhook-id", "webhook-timestamp", "webhook-signature", "x-hub-signature-256",
            "x-github-delivery", "stripe-signature", "x-slack-signature", "x-slack-request-timestamp",
        ];
        let mut all = HeaderMap::new();
        for (name, value) in names.into_iter().zip(values) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                all.insert(HeaderName::from_static(name), value);
            }
        }
        for provider in [Provider::Standard, Provider::Github, Provider::Stripe, Provider::Slack] {
            prop_assert!(verify(provider, &[SECRET], &all, &body, Timestamp(now)).is_err());
        }
        slack_challenge(&body);
    }
}
