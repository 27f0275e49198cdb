//! Files that name each other in a circle: none can be understood without all others.

use std::collections::{BTreeMap, VecDeque};

use crate::Finding;

/// One file names another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge<'r> {
    pub(super) from: &'r str,
    pub(super) line: usize,
    pub(super) to: &'r str,
}

type Graph<'r> = BTreeMap<&'r str, Vec<Edge<'r>>>;

/// Circles, the shortest first, until none is left that has no step in common with those before.
pub(super) fn circles(mut edges: Vec<Edge<'_>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    loop {
        let mut graph = Graph::new();
        for edge in &edges {
            graph.entry(edge.from).or_default().push(*edge);
        }
        let all = graph.keys().filter_map(|file| shortest(&graph, file));
        let Some(circle) = all.min_by_key(Vec::len) else {
            return findings;
        };
        findings.push(finding(&circle));
        edges.retain(|edge| {
            let step = |known: &Edge<'_>| (known.from, known.to) == (edge.from, edge.to);
            !circle.iter().any(step)
        });
    }
}

fn finding(circle: &[Edge<'_>]) -> Finding {
    let steps: Vec<String> = circle
        .iter()
        .map(|edge| format!("{}:{} names {}", edge.from, edge.line, edge.to))
        .collect();
    let at = circle
        .first()
        .map_or(String::new(), |edge| format!("{}:{}", edge.from, edge.line));
    Finding::new(at, format!("a circle of files: {}", steps.join(", ")))
}

/// The way from `file` back to itself.
fn shortest<'r>(graph: &Graph<'r>, file: &str) -> Option<Vec<Edge<'r>>> {
    let mut came_by: BTreeMap<&str, Edge<'r>> = BTreeMap::new();
    let mut next = VecDeque::from([file]);
    while let Some(at) = next.pop_front() {
        for edge in graph.get(at).into_iter().flatten() {
            if came_by.contains_key(edge.to) {
                continue;
            }
            came_by.insert(edge.to, *edge);
            next.push_back(edge.to);
        }
    }
    let mut way = vec![*came_by.get(file)?];
    while let Some(first) = way.last().filter(|edge| edge.from != file) {
        way.push(*came_by.get(first.from)?);
    }
    way.reverse();
    Some(way)
}
