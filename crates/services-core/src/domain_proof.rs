//! Asks the web server of a domain for the proof that it is the caller's. Only addresses of the public
//! internet are dialled: who may claim a domain need not be one who may look into this network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use shared::name::DomainName;
use shared::origin::DomainProof;
use ureq::config::Config;
use ureq::http::{Response, StatusCode, Uri, header};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body, Error};

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes of the answer that are read.
const MOST: u64 = 4 << 10;

/// Looks names up, and keeps addresses that may be dialled.
#[derive(Debug)]
struct Guarded {
    names: DefaultResolver,
    may_dial: fn(IpAddr) -> bool,
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let found = self.names.resolve(uri, config, timeout)?;
        let mut kept = self.empty();
        for address in found.iter().filter(|a| (self.may_dial)(a.ip())) {
            kept.push(*address);
        }
        if kept.is_empty() {
            let text = "it leads to no address of the public internet";
            return Err(Error::Other(text.into()));
        }
        Ok(kept)
    }
}

/// Whether a domain's web server answers with the proof; the error says what it did instead. Blocks.
pub fn domain_proof(domain: &DomainName, proof: &DomainProof) -> Result<(), String> {
    ask(
        &format!("http://{domain}"),
        &format!("https://{domain}"),
        proof,
        is_public,
    )
}

fn ask(
    plain: &str,
    secure: &str,
    proof: &DomainProof,
    may_dial: fn(IpAddr) -> bool,
) -> Result<(), String> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(concat!("picloud/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(PATIENCE))
        .build();
    let names = DefaultResolver::default();
    let agent = Agent::with_parts(config, DefaultConnector::new(), Guarded { names, may_dial });
    let get = |url: &str| agent.get(url).call().map_err(|error| error.to_string());
    let path = &proof.path;
    let mut answer = get(&format!("{plain}{path}"))?;
    let secure = format!("{secure}{path}");
    // The one redirect that changes nothing about whose server it is.
    if answer.status().is_redirection() && location(&answer) == Some(&secure) {
        answer = get(&secure)?;
    }
    if answer.status() != StatusCode::OK {
        return Err(format!("it answered {}", answer.status()));
    }
    let body = answer.body_mut().with_config().limit(MOST).read_to_vec();
    let body = body.map_err(|error| error.to_string())?;
    if body.trim_ascii() == proof.text.as_bytes() {
        Ok(())
    } else {
        Err("it answered with another text".to_owned())
    }
}

fn location(answer: &Response<Body>) -> Option<&str> {
    answer.headers().get(header::LOCATION)?.to_str().ok()
}

/// Whether an address is one of the public internet.
fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    // 2000::/3 without the parts that stand for something else: Teredo and the like, documentation,
    // 6to4, which holds an IPv4 address.
    match ip.segments() {
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x2002 | 0x3fff, ..] => false,
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// A web server that gives each connection the next of these answers.
    fn server(answers: Vec<String>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for answer in answers {
                let mut stream = listener.accept().unwrap().0;
                let mut request = [0; 1_024];
                drop(stream.read(&mut request));
                drop(stream.write_all(answer.as_bytes()));
            }
        });
        url
    }

    fn ok(body: &str) -> String {
        format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn proof() -> DomainProof {
        DomainProof {
            path: "/.well-known/picloud-domain-proof/abc".to_owned(),
            text: "the right text".to_owned(),
        }
    }

    #[test]
    fn only_the_right_text_proves_it() {
        let redirect = |to: &str| {
            format!(
                "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
            )
        };
        let long = "x".repeat(10_000);
        for (answers, fine) in [
            (vec![ok("the right text")], true),
            (vec![ok("  the right text\r\n")], true),
            (vec![ok("/.well-known/picloud-domain-proof/abc")], false),
            (vec![ok(&long)], false),
            (vec![ok("")], false),
            (
                vec![
                    "HTTP/1.1 404 Not Found\r\nContent-Length: 14\r\n\r\nthe right text".to_owned(),
                ],
                false,
            ),
            (
                vec![redirect("http://other.example/x"), ok("the right text")],
                false,
            ),
            (vec!["rubbish".to_owned()], false),
        ] {
            let url = server(answers.clone());
            let done = ask(&url, &url, &proof(), |_| true);
            assert_eq!(done.is_ok(), fine, "{answers:?}: {done:?}");
        }
        let other = server(vec![ok("the right text")]);
        let url = server(vec![redirect(&format!("{other}{}", proof().path))]);
        assert_eq!(ask(&url, &other, &proof(), |_| true), Ok(()));
    }

    #[test]
    fn this_network_is_not_dialled() {
        let url = server(vec![ok("the right text")]);
        let refused = ask(&url, &url, &proof(), is_public).unwrap_err();
        assert!(refused.contains("public internet"), "{refused}");
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.1",
            "172.31.0.1",
            "169.254.169.254",
            "100.100.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
            "2001:db8::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }
}
