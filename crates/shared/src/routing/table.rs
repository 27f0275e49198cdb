//! The routes of one app as a tree of segments.

use std::borrow::Cow;
use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::method::Method;
use super::pattern::{PathPattern, Segment};

/// Path parameters of a match, decoded, in the order of the pattern.
pub type Params = Vec<(String, String)>;

/// Two routes that would answer the same requests.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{method} {first}` and `{method} {second}` match the same requests; remove one")]
pub struct Conflict {
    /// The method both name.
    pub method: Method,
    /// The route that was there.
    pub first: String,
    /// The route that came.
    pub second: String,
}

/// What a lookup found.
#[derive(Debug, PartialEq, Eq)]
pub enum Match<'a, T> {
    /// This route answers.
    Found {
        /// The route.
        route: &'a T,
        /// Its path parameters.
        params: Params,
    },
    /// The path exists with other methods, which `Allow` lists.
    MethodNotAllowed(Vec<Method>),
    /// No route has this path.
    NotFound,
}

#[derive(Clone, Debug)]
struct Leaf<T> {
    pattern: PathPattern,
    value: T,
}

#[derive(Clone, Debug)]
struct Node<T> {
    exact: BTreeMap<String, Self>,
    param: Option<Box<Self>>,
    here: BTreeMap<Method, Leaf<T>>,
    rest: BTreeMap<Method, Leaf<T>>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self {
            exact: BTreeMap::new(),
            param: None,
            here: BTreeMap::new(),
            rest: BTreeMap::new(),
        }
    }
}

/// The routes of one app.
#[derive(Clone, Debug)]
pub struct RouteTable<T> {
    root: Node<T>,
    /// Routes without parameters by their path: they come before all others, so a request for one
    /// needs no walk.
    whole: BTreeMap<String, BTreeMap<Method, Leaf<T>>>,
}

impl<T> Default for RouteTable<T> {
    fn default() -> Self {
        Self {
            root: Node::default(),
            whole: BTreeMap::new(),
        }
    }
}

/// The leaves of one end of the tree, with the parameter values collected on the way.
struct Ends<'t, 'p, T> {
    leaves: &'t BTreeMap<Method, Leaf<T>>,
    values: Vec<Cow<'p, str>>,
}

impl<T: Clone> RouteTable<T> {
    /// Adds a route, unless one with the same method and shape is there.
    pub fn insert(
        &mut self,
        method: Method,
        pattern: PathPattern,
        value: T,
    ) -> Result<(), Conflict> {
        let mut node = &mut self.root;
        let mut rest = false;
        for segment in pattern.segments() {
            match segment {
                Segment::Exact(text) => node = node.exact.entry(text.clone()).or_default(),
                Segment::Param(_) => node = node.param.get_or_insert_with(Box::default),
                Segment::Rest(_) => rest = true,
            }
        }
        let leaves = if rest { &mut node.rest } else { &mut node.here };
        if let Some(other) = leaves.get(&method) {
            return Err(Conflict {
                method,
                first: other.pattern.to_string(),
                second: pattern.to_string(),
            });
        }
        let leaf = Leaf { pattern, value };
        if let Some(path) = whole_path(&leaf.pattern) {
            let leaves = self.whole.entry(path).or_default();
            leaves.insert(method, leaf.clone());
        }
        leaves.insert(method, leaf);
        Ok(())
    }

    /// The route for a request. `path` is the raw path of the request line, without the query.
    pub fn find(&self, method: Method, path: &str) -> Match<'_, T> {
        if let Some(leaves) = self.whole.get(path)
            && let Some(leaf) = choose(leaves, method)
        {
            return Match::Found {
                route: &leaf.value,
                params: Params::new(),
            };
        }
        let Some(segments) = split(path) else {
            return Match::NotFound;
        };
        let mut allowed = Vec::new();
        let found = walk(&self.root, &segments, 0, &mut Vec::new(), &mut |ends| {
            if let Some(leaf) = choose(ends.leaves, method) {
                return Some((leaf, ends.values.clone()));
            }
            allowed.extend(ends.leaves.keys().copied());
            None
        });
        match found {
            Some((leaf, values)) => Match::Found {
                route: &leaf.value,
                params: name_params(&leaf.pattern, values),
            },
            None if allowed.is_empty() => Match::NotFound,
            None => Match::MethodNotAllowed(allow_list(&allowed)),
        }
    }

    /// The methods a path answers, for `Allow` and preflights; empty when there is no such path.
    pub fn methods(&self, path: &str) -> Vec<Method> {
        let mut all = Vec::new();
        if let Some(segments) = split(path) {
            walk(
                &self.root,
                &segments,
                0,
                &mut Vec::new(),
                &mut |ends| -> Option<()> {
                    all.extend(ends.leaves.keys().copied());
                    None
                },
            );
        }
        allow_list(&all)
    }

    /// All routes, in order of their patterns.
    pub fn iter(&self) -> impl Iterator<Item = (Method, &PathPattern, &T)> {
        let mut out = Vec::new();
        collect(&self.root, &mut out);
        out.into_iter()
    }
}

fn collect<'t, T>(node: &'t Node<T>, out: &mut Vec<(Method, &'t PathPattern, &'t T)>) {
    for (method, leaf) in node.here.iter().chain(&node.rest) {
        out.push((*method, &leaf.pattern, &leaf.value));
    }
    node.exact.values().for_each(|child| collect(child, out));
    if let Some(child) = &node.param {
        collect(child, out);
    }
}

fn choose<T>(leaves: &BTreeMap<Method, Leaf<T>>, method: Method) -> Option<&Leaf<T>> {
    if let Some(leaf) = leaves.get(&method) {
        return Some(leaf);
    }
    if method == Method::Head
        && let Some(leaf) = leaves.get(&Method::Get)
    {
        return Some(leaf);
    }
    // A preflight goes to the platform's CORS answer unless a route names OPTIONS itself.
    if method == Method::Options {
        return None;
    }
    leaves.get(&Method::Any)
}

fn allow_list(named: &[Method]) -> Vec<Method> {
    if named.is_empty() {
        return Vec::new();
    }
    Method::CONCRETE
        .into_iter()
        .filter(|m| {
            named.contains(m)
                || named.contains(&Method::Any)
                || *m == Method::Options
                || (*m == Method::Head && named.contains(&Method::Get))
        })
        .collect()
}

/// Visits the ends a path reaches, best first, until `visit` is content.
fn walk<'t, 'p, T, R>(
    node: &'t Node<T>,
    segments: &[Cow<'p, str>],
    at: usize,
    values: &mut Vec<Cow<'p, str>>,
    visit: &mut impl FnMut(Ends<'t, 'p, T>) -> Option<R>,
) -> Option<R> {
    if at == segments.len() {
        let found = visit(Ends {
            leaves: &node.here,
            values: values.clone(),
        });
        if found.is_some() {
            return found;
        }
    } else {
        let segment = &segments[at];
        if let Some(child) = node.exact.get(&**segment)
            && let Some(found) = walk(child, segments, at + 1, values, visit)
        {
            return Some(found);
        }
        if let Some(child) = &node.param
            && !segment.is_empty()
        {
            values.push(segment.clone());
            let found = walk(child, segments, at + 1, values, visit);
            values.pop();
            if found.is_some() {
                return found;
            }
        }
    }
    if node.rest.is_empty() {
        return None;
    }
    let mut all = values.clone();
    all.push(Cow::Owned(segments[at..].join("/")));
    visit(Ends {
        leaves: &node.rest,
        values: all,
    })
}

/// The only path a pattern without parameters matches as it is sent; `None` for other patterns.
/// An encoded path is never this text: in it, `%` begins an escape.
fn whole_path(pattern: &PathPattern) -> Option<String> {
    let mut path = String::new();
    for segment in pattern.segments() {
        let Segment::Exact(text) = segment else {
            return None;
        };
        path.push('/');
        path.push_str(text);
    }
    if path.is_empty() {
        path.push('/');
    }
    (!path.contains('%')).then_some(path)
}

fn name_params(pattern: &PathPattern, values: Vec<Cow<'_, str>>) -> Params {
    pattern
        .segments()
        .iter()
        .filter_map(|s| match s {
            Segment::Param(name) | Segment::Rest(name) => Some(name.clone()),
            Segment::Exact(_) => None,
        })
        .zip(values.into_iter().map(Cow::into_owned))
        .collect()
}

/// Splits and decodes a request path; `None` when it is not a path this platform serves.
fn split(path: &str) -> Option<Vec<Cow<'_, str>>> {
    let rest = path.strip_prefix('/')?;
    if rest.is_empty() {
        return Some(Vec::new());
    }
    rest.split('/').map(decode).collect()
}

fn decode(segment: &str) -> Option<Cow<'_, str>> {
    if !segment.contains('%') {
        return Some(Cow::Borrowed(segment));
    }
    let escapes = segment.split('%').skip(1).map(str::as_bytes);
    let digits = |escape: &[u8]| escape.iter().all(u8::is_ascii_hexdigit);
    for escape in escapes {
        escape.get(..2).filter(|two| digits(two))?;
    }
    percent_decode_str(segment).decode_utf8().ok()
}

#[cfg(test)]
mod tests;
