//! The paths of the public listener that are not an app's, on any host. There are no others: the
//! control plane has an origin of its own.

use super::pattern::{PathPattern, Segment};

/// Says where the admin origin is.
pub const WELL_KNOWN: &str = "/.well-known/picloud";

/// A path, and whether everything below it is reserved too.
const RESERVED: &[(&str, bool)] = &[
    ("/livez", false),
    ("/readyz", false),
    ("/version", false),
    (WELL_KNOWN, false),
    ("/realtime", true),
    ("/files", true),
    ("/email-inbound", true),
];

/// The reserved path that a new route would take; `None` when it takes none. Releases from before a
/// path was reserved keep their routes.
pub fn reserved(pattern: &PathPattern) -> Option<&'static str> {
    let (path, _) = RESERVED
        .iter()
        .find(|(path, below)| takes(pattern, path, *below))?;
    Some(path)
}

fn takes(pattern: &PathPattern, path: &str, below: bool) -> bool {
    let mut segments = pattern.segments().iter();
    let exact = |part: &str| matches!(segments.next(), Some(Segment::Exact(text)) if text == part);
    path.split('/').skip(1).all(exact) && (below || segments.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_the_platforms_is_reserved() {
        for (path, want) in [
            ("/livez", Some("/livez")),
            ("/.well-known/picloud", Some(WELL_KNOWN)),
            ("/files", Some("/files")),
            ("/files/*path", Some("/files")),
            ("/realtime/topics/:topic", Some("/realtime")),
            ("/email-inbound/:box", Some("/email-inbound")),
            ("/", None),
            ("/livez/deep", None),
            ("/filesystem", None),
            ("/my/files", None),
            ("/:anything", None),
            ("/*rest", None),
            ("/.well-known/acme-challenge/:token", None),
            ("/admin", None),
            ("/api/v1/orders", None),
            ("/docs/errors/:code", None),
            ("/metrics", None),
        ] {
            assert_eq!(reserved(&path.parse().unwrap()), want, "{path}");
        }
    }
}
