//! What a source names: paths to files of its own crate, and libraries.

use std::collections::BTreeMap;

use super::tokens::{Kind, Token, tokens};

/// A path as it is meant: from the root of the crate, or from a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Path {
    Own(Vec<String>),
    Library(Vec<String>),
}

impl Path {
    fn then(mut self, more: &[&str]) -> Self {
        let (Self::Own(parts) | Self::Library(parts)) = &mut self;
        parts.extend(more.iter().map(|&part| part.to_owned()));
        self
    }
}

/// A path a source names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) path: Path,
    pub(super) line: usize,
    /// It is in code for tests only.
    pub(super) for_tests: bool,
}

/// Everything the source of `module` names.
pub(super) fn references(module: &[String], source: &str) -> Vec<Reference> {
    let tokens = tokens(source);
    let mut reader = Reader {
        tokens: &tokens,
        at: 0,
        scopes: Vec::new(),
        next_is_for_tests: false,
        module,
        names: BTreeMap::new(),
        found: Vec::new(),
    };
    // Twice, because a name may be used above its import.
    reader.read();
    reader.found.clear();
    reader.at = 0;
    reader.read();
    reader.found
}

/// What is between two braces.
struct Scope<'s> {
    /// The name of an inline module.
    module: Option<&'s str>,
    for_tests: bool,
}

struct Reader<'s, 't> {
    tokens: &'t [Token<'s>],
    at: usize,
    scopes: Vec<Scope<'s>>,
    next_is_for_tests: bool,
    module: &'t [String],
    /// What imported names and child modules mean.
    names: BTreeMap<&'s str, Path>,
    found: Vec<Reference>,
}

impl<'s> Reader<'s, '_> {
    fn kind(&self, ahead: usize) -> Option<Kind<'s>> {
        self.tokens.get(self.at + ahead).map(|token| token.kind)
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).map_or(0, |token| token.line)
    }

    fn sign(&self, ahead: usize, sign: char) -> bool {
        self.kind(ahead) == Some(Kind::Sign(sign))
    }

    fn word(&self, ahead: usize) -> Option<&'s str> {
        match self.kind(ahead) {
            Some(Kind::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn read(&mut self) {
        while let Some(kind) = self.kind(0) {
            match kind {
                Kind::Word("use") if !self.sign(1, '<') => self.import(),
                Kind::Word("mod") => self.module(),
                Kind::Word("pub") if self.sign(1, '(') => self.visibility(),
                Kind::Word(_) | Kind::PathSeparator => self.path(),
                Kind::Sign('{') => self.open(None),
                Kind::Sign('}') => {
                    self.scopes.pop();
                    self.at += 1;
                }
                Kind::Sign(';') => {
                    self.next_is_for_tests = false;
                    self.at += 1;
                }
                Kind::Sign('#') => self.attribute(),
                Kind::Sign(_) => self.at += 1,
            }
        }
    }

    fn for_tests(&self) -> bool {
        self.next_is_for_tests || self.scopes.last().is_some_and(|scope| scope.for_tests)
    }

    fn open(&mut self, module: Option<&'s str>) {
        self.scopes.push(Scope {
            module,
            for_tests: self.for_tests(),
        });
        self.next_is_for_tests = false;
        self.at += 1;
    }

    fn attribute(&mut self) {
        let test_only = [
            Kind::Sign('['),
            Kind::Word("cfg"),
            Kind::Sign('('),
            Kind::Word("test"),
            Kind::Sign(')'),
            Kind::Sign(']'),
        ];
        self.at += 1;
        if (0..)
            .zip(test_only)
            .all(|(ahead, kind)| self.kind(ahead) == Some(kind))
        {
            self.next_is_for_tests = true;
            self.at += test_only.len();
        }
    }

    /// `pub(in path)`: who may name this, not what it names.
    fn visibility(&mut self) {
        while !self.sign(0, ')') && self.kind(0).is_some() {
            self.at += 1;
        }
    }

    /// `mod name;` or `mod name {`. To declare a file is not to name it.
    fn module(&mut self) {
        let Some(name) = self.word(1) else {
            self.at += 1;
            return;
        };
        let path = Path::Own(self.here()).then(&[name]);
        self.names.insert(name, path);
        self.at += 2;
        if self.sign(0, '{') {
            self.open(Some(name));
        }
    }

    /// The module the reader is in.
    fn here(&self) -> Vec<String> {
        let inline = self.scopes.iter().filter_map(|scope| scope.module);
        let file = self.module.iter().cloned();
        file.chain(inline.map(ToOwned::to_owned)).collect()
    }

    fn import(&mut self) {
        self.at += 1;
        self.tree(&[]);
    }

    /// One tree of an import below `prefix`, up to the sign after it.
    fn tree(&mut self, prefix: &[&'s str]) {
        let mut path = prefix.to_vec();
        let line = self.line();
        let mut name = None;
        loop {
            match self.kind(0) {
                Some(Kind::Word("as")) => {
                    name = self.word(1);
                    self.at += 2;
                }
                Some(Kind::Word(word)) => {
                    path.push(word);
                    self.at += 1;
                }
                Some(Kind::PathSeparator) => {
                    if path.is_empty() {
                        path.push("");
                    }
                    self.at += 1;
                }
                Some(Kind::Sign('{')) => return self.branches(&path),
                Some(Kind::Sign('*')) => self.at += 1,
                _ => break,
            }
        }
        if path.len() > 1 && path.last() == Some(&"self") {
            path.pop();
        }
        let meant = self.meaning(&path);
        if let Some(name) = name.or_else(|| path.last().copied()) {
            self.names.insert(name, meant.clone());
        }
        self.note(meant, line);
    }

    fn branches(&mut self, prefix: &[&'s str]) {
        self.at += 1;
        while !self.sign(0, '}') && self.kind(0).is_some() {
            let before = self.at;
            self.tree(prefix);
            if self.sign(0, ',') || self.at == before {
                self.at += 1;
            }
        }
        self.at += 1;
    }

    /// A path outside of imports. One word alone names nothing new.
    fn path(&mut self) {
        let line = self.line();
        let mut path = Vec::new();
        if self.kind(0) == Some(Kind::PathSeparator) {
            self.at += 1;
            path.push("");
        }
        while let Some(word) = self.word(0) {
            path.push(word);
            self.at += 1;
            let more = self.kind(0) == Some(Kind::PathSeparator) && self.word(1).is_some();
            if !more {
                break;
            }
            self.at += 1;
        }
        if path.len() > 1 {
            let meant = self.meaning(&path);
            self.note(meant, line);
        }
    }

    fn meaning(&self, path: &[&str]) -> Path {
        let Some((first, rest)) = path.split_first() else {
            return Path::Own(self.here());
        };
        match *first {
            "crate" => Path::Own(Vec::new()).then(rest),
            "self" => Path::Own(self.here()).then(rest),
            "super" => {
                let mut module = self.here();
                let ups = path.iter().take_while(|part| **part == "super").count();
                module.truncate(module.len().saturating_sub(ups));
                Path::Own(module).then(&path[ups..])
            }
            "" => Path::Library(Vec::new()).then(rest),
            first => match self.names.get(first) {
                // An import of a library's root names it after itself.
                Some(known) if *known != Path::Library(vec![first.to_owned()]) => {
                    known.clone().then(rest)
                }
                _ => Path::Library(Vec::new()).then(path),
            },
        }
    }

    fn note(&mut self, path: Path, line: usize) {
        self.found.push(Reference {
            path,
            line,
            for_tests: self.for_tests(),
        });
    }
}
