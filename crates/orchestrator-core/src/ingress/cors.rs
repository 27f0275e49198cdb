//! Cross-origin rules per route (the Fetch standard's CORS protocol).

use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use shared::release::Cors;
use shared::routing::{Match, Method, RouteTable};

use crate::body::Body;
use crate::catalog::LiveRoute;

/// The `Access-Control-Allow-Origin` for an origin; `None`: it may not read the answer.
fn allowed_origin(cors: &Cors, origin: &HeaderValue) -> Option<HeaderValue> {
    let named = cors
        .origins
        .iter()
        .any(|o| o.as_bytes() == origin.as_bytes());
    let any = cors.origins.iter().any(|o| o == "*");
    match (named, any, cors.credentials) {
        (true, _, _) => Some(origin.clone()),
        // With credentials, `*` would mean "every site may act as the user": never.
        (false, true, false) => Some(HeaderValue::from_static("*")),
        _ => None,
    }
}

/// Adds the headers of an actual (not preflight) answer.
pub(super) fn apply(cors: &Cors, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    // The route's rules count, not what its script says beside them.
    headers.remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    headers.remove(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
    let Some(allowed) = origin.and_then(|origin| allowed_origin(cors, origin)) else {
        return;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    if cors.credentials {
        let yes = HeaderValue::from_static("true");
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
    }
    list(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, &cors.expose);
}

/// Adds the headers of an answer that no route of a path gives, by the rules of the first that has
/// any.
pub(super) fn tell(
    routes: &RouteTable<Arc<LiveRoute>>,
    path: &str,
    allow: &[Method],
    origin: Option<&HeaderValue>,
    headers: &mut HeaderMap,
) {
    let rules = allow
        .iter()
        .find_map(|method| match routes.find(*method, path) {
            Match::Found { route, .. } => route.cors.as_ref(),
            _ => None,
        });
    if let Some(cors) = rules {
        apply(cors, origin, headers);
    }
}

fn list(headers: &mut HeaderMap, name: HeaderName, values: &[String]) {
    if !values.is_empty()
        && let Ok(value) = HeaderValue::from_str(&values.join(", "))
    {
        headers.insert(name, value);
    }
}

/// Answers `OPTIONS` for a path whose routes do not handle it themselves.
pub(super) fn preflight(
    routes: &RouteTable<Arc<LiveRoute>>,
    path: &str,
    allow: &[Method],
    request: &HeaderMap,
) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let names: Vec<String> = allow.iter().map(ToString::to_string).collect();
    list(headers, header::ALLOW, &names);
    let Some(origin) = request.get(header::ORIGIN) else {
        return response;
    };
    headers.append(
        header::VARY,
        HeaderValue::from_static(
            "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        ),
    );
    let Some(wanted) = request.get(header::ACCESS_CONTROL_REQUEST_METHOD) else {
        // No preflight; its sender may still read the answer.
        tell(routes, path, allow, Some(origin), headers);
        return response;
    };
    let wanted = wanted
        .to_str()
        .ok()
        .and_then(|it| it.parse::<Method>().ok());
    let Some(wanted) = wanted else {
        return response;
    };
    let Match::Found { route, .. } = routes.find(wanted, path) else {
        return response;
    };
    let Some(cors) = &route.cors else {
        return response;
    };
    let Some(allowed) = allowed_origin(cors, origin) else {
        return response;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    list(
        headers,
        header::ACCESS_CONTROL_ALLOW_METHODS,
        &[wanted.to_string()],
    );
    if cors.credentials {
        let yes = HeaderValue::from_static("true");
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
    }
    if cors.headers.iter().any(|h| h == "*") {
        if let Some(asked) = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
    } else {
        list(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, &cors.headers);
    }
    if let Some(age) = cors.max_age {
        list(
            headers,
            header::ACCESS_CONTROL_MAX_AGE,
            &[age.as_secs().to_string()],
        );
    }
    response
}
