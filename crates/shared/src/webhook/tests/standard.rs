//! Standard Webhooks: the cases of its own libraries, and more.

use super::*;

const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const OTHER: &str = "Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";

/// The headers of the Standard Webhooks message.
fn standard_headers() -> HeaderMap {
    headers(&[
        ("webhook-id", ID),
        ("webhook-timestamp", TIME),
        ("webhook-signature", SIGNATURE),
    ])
}

/// The message with another header; None takes it away.
fn with(name: &'static str, value: Option<&str>) -> Result<(), WebhookError> {
    let mut all = standard_headers();
    all.remove(name);
    all.extend(headers(
        &value
            .map(|value| (name, value))
            .into_iter()
            .collect::<Vec<_>>(),
    ));
    verify(Provider::Standard, &[SECRET], &all, BODY, second(NOW)).map(|_| ())
}

/// The message at another time.
fn at(now: Timestamp) -> Result<(), WebhookError> {
    verify(
        Provider::Standard,
        &[SECRET],
        &standard_headers(),
        BODY,
        now,
    )
    .map(|_| ())
}

#[test]
fn the_standard_known_answer_is_verified() {
    let got = verify(
        Provider::Standard,
        &[SECRET],
        &standard_headers(),
        BODY,
        second(NOW),
    );
    assert_eq!(got.unwrap().id.as_deref(), Some(ID));
    let got = verify(
        Provider::Standard,
        &[SECRET],
        &standard_headers(),
        b"{}",
        second(NOW),
    );
    assert_eq!(got, Err(WebhookError::WrongSignature));
}

#[test]
fn a_standard_message_has_an_id_and_a_time() {
    use WebhookError::{Invalid, Missing, TooNew, TooOld, WrongSignature};
    const TIME: &str = "webhook-timestamp";
    for (header, value, expected) in [
        ("webhook-id", None, Missing("webhook-id")),
        ("webhook-id", Some(""), Invalid("webhook-id")),
        ("webhook-id", Some("msg_2"), WrongSignature),
        (TIME, None, Missing(TIME)),
        (TIME, Some("hello"), Invalid(TIME)),
        (TIME, Some("-1614265330"), Invalid(TIME)),
        (TIME, Some("99999999999999999999"), Invalid(TIME)),
        (TIME, Some("999999999999999999"), TooNew),
        (TIME, Some("1614265331"), WrongSignature),
        (TIME, Some("1"), TooOld),
    ] {
        assert_eq!(with(header, value), Err(expected), "{header}: {value:?}");
    }
}

#[test]
fn one_good_standard_signature_of_several_is_enough() {
    let multiple = format!("v1,{OTHER} v2,{OTHER} {SIGNATURE} v1,{OTHER}");
    let unpadded = SIGNATURE.trim_end_matches('=');
    for good in [SIGNATURE, &multiple, unpadded] {
        assert_eq!(with("webhook-signature", Some(good)), Ok(()), "{good}");
    }
    let missing = Err(WebhookError::Missing("webhook-signature"));
    assert_eq!(with("webhook-signature", None), missing);
    let other = format!("v1,{OTHER}");
    for bad in [
        "v1,dawfeoifkpqwoekfpqoekf",
        &SIGNATURE[..8],
        "v1,",
        "",
        &SIGNATURE[3..],
        &SIGNATURE.replace("v1,", "v2,"),
        &SIGNATURE.replace(',', " "),
        &other,
    ] {
        let wrong = Err(WebhookError::WrongSignature);
        assert_eq!(with("webhook-signature", Some(bad)), wrong, "{bad}");
    }
}

#[test]
fn five_minutes_are_tolerated_in_both_directions() {
    for (now, expected) in [
        (second(NOW - 300), Ok(())),
        (second(NOW - 301), Err(WebhookError::TooNew)),
        (second(NOW + 300), Ok(())),
        (second(NOW + 301), Err(WebhookError::TooOld)),
        (Timestamp(i64::MIN), Err(WebhookError::TooNew)),
        (Timestamp(i64::MAX), Err(WebhookError::TooOld)),
    ] {
        assert_eq!(at(now), expected, "{now:?}");
    }
}

#[test]
fn svix_headers_are_not_the_standard_ones() {
    let all = headers(&[
        ("svix-id", ID),
        ("svix-timestamp", TIME),
        ("svix-signature", SIGNATURE),
    ]);
    let got = verify(Provider::Standard, &[SECRET], &all, BODY, second(NOW));
    assert_eq!(got, Err(WebhookError::Missing("webhook-id")));
}

#[test]
fn secrets_rotate_and_unusable_ones_are_named() {
    let all = standard_headers();
    let prefixed = format!("whsec_{SECRET}");
    let other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let cases: [(&[&str], Result<(), WebhookError>); 12] = [
        (&[SECRET], Ok(())),
        (&[&prefixed], Ok(())),
        (&[" MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"], Ok(())),
        (&[other, SECRET], Ok(())),
        (&[SECRET, other], Ok(())),
        (&["???", SECRET], Ok(())),
        (&[other], Err(WebhookError::WrongSignature)),
        (&[], Err(WebhookError::NoSecret)),
        (&[""], Err(WebhookError::Secret(1))),
        (&["whsec_"], Err(WebhookError::Secret(1))),
        (&[other, "not base64!"], Err(WebhookError::Secret(2))),
        (
            &["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"],
            Err(WebhookError::Secret(1)),
        ),
    ];
    for (secrets, expected) in cases {
        let got = verify(Provider::Standard, secrets, &all, BODY, second(NOW)).map(|_| ());
        assert_eq!(got, expected, "{secrets:?}");
        if let Err(error) = got {
            let shown = format!("{error} {error:?}");
            assert!(
                secrets.iter().all(|s| s.is_empty() || !shown.contains(s)),
                "{shown}"
            );
        }
    }
}

#[test]
fn a_header_that_is_there_twice_is_refused() {
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut all = standard_headers();
        all.append(name, all[name].clone());
        let got = verify(Provider::Standard, &[SECRET], &all, BODY, second(NOW));
        assert_eq!(got, Err(WebhookError::Invalid(name)));
    }
}

#[test]
fn an_id_is_bounded() {
    let long = "x".repeat(257);
    let got = with("webhook-id", Some(&long));
    assert_eq!(got, Err(WebhookError::Invalid("webhook-id")));
}
