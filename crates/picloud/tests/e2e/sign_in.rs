//! Signing in over real connections while strangers try passwords.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;
use test_support::{Reply, Server};

use crate::support::setup;

const EMAIL: &str = "owner@example.com";
const PASSWORD: &str = "a long enough password";
/// Strangers that try at the same time.
const STRANGERS: usize = 24;
/// Answers to strangers before the owner tries, and again before the owner tries elsewhere.
const BEFORE: usize = 25;

/// A sign-in from an address, as the proxy in front tells it.
fn sign_in(server: &Server, address: &str, email: &str, password: &str) -> Reply {
    let body = json!({"email": email, "password": password}).to_string();
    let headers = [
        ("content-type", "application/json"),
        ("x-forwarded-for", address),
    ];
    server.admin("POST", "/api/v1/sessions", &headers, body)
}

#[test]
fn the_owner_signs_in_while_many_addresses_try_passwords() {
    let server = setup().set("trusted_proxies", "127.0.0.1").start();
    let owner = json!({
        "token": server.setup_token().unwrap(), "email": EMAIL, "password": PASSWORD,
    });
    let headers = [
        ("content-type", "application/json"),
        ("x-forwarded-for", "203.0.113.1"),
    ];
    let made = server.admin("POST", "/api/v1/setup", &headers, owner.to_string());
    made.expect(201);
    let (over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for stranger in 0..STRANGERS {
            let (server, over, answers) = (&server, &over, &answers);
            scope.spawn(move || {
                // IPv4 addresses, and networks of IPv6, each once.
                for number in (stranger..).step_by(STRANGERS) {
                    let (high, low) = (number / 250, number % 250);
                    let address = match number % 2 {
                        0 => format!("198.51.{high}.{low}"),
                        _ => format!("2001:db8:{high:x}:{low:x}::1"),
                    };
                    // Every third tries an account that is not there.
                    let email = if number % 3 == 0 {
                        "who@example.com"
                    } else {
                        EMAIL
                    };
                    let reply = sign_in(server, &address, email, "a wrong password");
                    assert!(matches!(reply.status, 401 | 429 | 503), "{reply:?}");
                    answers.fetch_add(1, Ordering::Relaxed);
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        // From where the owner was before, and from two places never seen.
        let places = ["203.0.113.1", "203.0.113.77", "2001:db8:ffff::1"];
        let replies = places.map(|place| {
            let wanted = answers.load(Ordering::Relaxed) + BEFORE;
            while answers.load(Ordering::Relaxed) < wanted {
                std::thread::yield_now();
            }
            sign_in(&server, place, EMAIL, PASSWORD)
        });
        over.store(true, Ordering::Relaxed);
        for (place, reply) in places.iter().zip(replies) {
            assert_eq!(reply.status, 201, "{place}: {}", reply.text());
        }
    });
    // Strangers had answers all the while: it was a flood and not a queue that stood still.
    assert!(answers.load(Ordering::Relaxed) >= 3 * BEFORE);
}
