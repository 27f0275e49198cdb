//! A Rust source as the few kinds of tokens that paths are made of.

use std::iter::Peekable;
use std::str::CharIndices;

/// A token that matters for paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'s> {
    /// A name or keyword.
    Word(&'s str),
    /// `::`
    PathSeparator,
    /// Any other character outside of texts and comments.
    Sign(char),
}

/// A token and the line it is in, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'s> {
    pub(super) kind: Kind<'s>,
    pub(super) line: usize,
}

/// The tokens of a source without its comments, texts and numbers.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut reader = Reader {
        source,
        rest: source.char_indices().peekable(),
        line: 1,
    };
    let mut found = Vec::new();
    while let Some((at, letter)) = reader.next() {
        let line = reader.line;
        if let Some(kind) = reader.token(at, letter) {
            found.push(Token { kind, line });
        }
    }
    found
}

struct Reader<'s> {
    source: &'s str,
    rest: Peekable<CharIndices<'s>>,
    line: usize,
}

impl<'s> Reader<'s> {
    fn next(&mut self) -> Option<(usize, char)> {
        let next = self.rest.next()?;
        self.line += usize::from(next.1 == '\n');
        Some(next)
    }

    fn follows(&mut self, text: &str) -> bool {
        let at = self.rest.peek().map_or(self.source.len(), |(at, _)| *at);
        self.source[at..].starts_with(text)
    }

    fn skip(&mut self, letters: usize) {
        for _ in 0..letters {
            self.next();
        }
    }

    fn token(&mut self, at: usize, letter: char) -> Option<Kind<'s>> {
        match letter {
            '/' if self.follows("/") => self.skip_line(),
            '/' if self.follows("*") => self.skip_comment(),
            '"' => self.skip_text(),
            '\'' => self.skip_letter(),
            ':' if self.follows(":") => {
                self.next();
                return Some(Kind::PathSeparator);
            }
            _ if letter.is_ascii_digit() => self.skip_word(),
            _ if is_of_word(letter) => return self.word(at),
            _ if letter.is_whitespace() => {}
            _ => return Some(Kind::Sign(letter)),
        }
        None
    }

    /// A word, unless it is the start of a text: `r"…"`, `b'…'`, `br#"…"#`.
    fn word(&mut self, at: usize) -> Option<Kind<'s>> {
        self.skip_word();
        let end = self.rest.peek().map_or(self.source.len(), |(at, _)| *at);
        let word = &self.source[at..end];
        match word {
            "b" | "c" if self.follows("\"") => {
                self.next();
                self.skip_text();
                None
            }
            "b" if self.follows("'") => {
                self.next();
                self.skip_letter();
                None
            }
            "r" | "br" | "cr" if self.follows("\"") || self.follows("#") => self.raw(),
            _ => Some(Kind::Word(word)),
        }
    }

    /// After `r`: a raw text, or a name that is a keyword.
    fn raw(&mut self) -> Option<Kind<'s>> {
        let mut hashes = 0;
        while self.follows("#") {
            self.next();
            hashes += 1;
        }
        if !self.follows("\"") {
            let (at, _) = self.next()?;
            return self.word(at);
        }
        self.next();
        let end = format!("\"{}", "#".repeat(hashes));
        while !self.follows(&end) && self.next().is_some() {}
        self.skip(end.len());
        None
    }

    fn skip_word(&mut self) {
        while self
            .rest
            .next_if(|(_, letter)| is_of_word(*letter))
            .is_some()
        {}
    }

    fn skip_line(&mut self) {
        while self.rest.next_if(|(_, letter)| *letter != '\n').is_some() {}
    }

    fn skip_comment(&mut self) {
        self.next();
        let mut depth = 1;
        while depth > 0 {
            if self.follows("*/") {
                self.skip(2);
                depth -= 1;
            } else if self.follows("/*") {
                self.skip(2);
                depth += 1;
            } else if self.next().is_none() {
                return;
            }
        }
    }

    fn skip_text(&mut self) {
        while let Some((_, letter)) = self.next() {
            match letter {
                '\\' => self.skip(1),
                '"' => return,
                _ => {}
            }
        }
    }

    /// After `'`: a letter like `'x'` or `'\n'`, or a lifetime.
    fn skip_letter(&mut self) {
        let Some((_, first)) = self.next() else {
            return;
        };
        if first == '\\' {
            self.skip(1);
            while !self.follows("'") && self.next().is_some() {}
            self.next();
        } else if self.follows("'") {
            self.next();
        } else {
            self.skip_word();
        }
    }
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<(&str, usize)> {
        let words = tokens(source).into_iter();
        words
            .filter_map(|token| match token.kind {
                Kind::Word(word) => Some((word, token.line)),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn texts_and_comments_are_no_code() {
        let source = "a // b\n/* c /* d */ e\n*/ f \"g \\\" h\" i '\"' j '\\'' k b\"l\" m r#\"n \" o\"# p\n\
                      'static q b'r' s r#type 1u8 \"\n\" t";
        let expected = [
            ("a", 1),
            ("f", 3),
            ("i", 3),
            ("j", 3),
            ("k", 3),
            ("m", 3),
            ("p", 3),
            ("q", 4),
            ("s", 4),
            ("type", 4),
            ("t", 5),
        ];
        assert_eq!(words(source), expected);
    }

    #[test]
    fn separators_of_paths_are_one_token() {
        let kinds: Vec<_> = tokens("a::b:c").iter().map(|token| token.kind).collect();
        let expected = [
            Kind::Word("a"),
            Kind::PathSeparator,
            Kind::Word("b"),
            Kind::Sign(':'),
            Kind::Word("c"),
        ];
        assert_eq!(kinds, expected);
    }
}
