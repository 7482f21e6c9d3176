//! Source files as text and as tokens, and the rules that need no more than that.

use super::Complaint;
use crate::repository;
use anyhow::{Context, Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::{fs, path::Path, str::FromStr};

/// A Rust file.
pub(crate) struct SourceFile {
    /// From the repository's root.
    pub(crate) path: String,
    /// Line by line; comments are only here.
    pub(crate) lines: Vec<String>,
    /// Every token in order, groups opened up: strings and comments cannot be taken for code.
    pub(crate) tokens: Vec<Token>,
}

/// A token, as far as the rules look at it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// What a token is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Word(String),
    Punctuation(char),
    Open(Delimiter),
    Close,
    Literal,
}

impl SourceFile {
    pub(crate) fn parse(path: &str, text: &str) -> Result<Self> {
        let stream = TokenStream::from_str(text).map_err(|error| anyhow!("{path}: {error}"))?;
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        Ok(Self { path: path.to_owned(), lines: text.lines().map(str::to_owned).collect(), tokens })
    }

    /// The word at `index`, if it is one.
    pub(crate) fn word(&self, index: usize) -> Option<&str> {
        match &self.tokens.get(index)?.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Whether the tokens from `index` on are `::`.
    pub(crate) fn is_path_separator(&self, index: usize) -> bool {
        let colon =
            |index: usize| self.tokens.get(index).is_some_and(|token| token.kind == Kind::Punctuation(':'));
        colon(index) && colon(index + 1)
    }

    /// The line with this number, counted from 1, without indentation.
    pub(crate) fn line(&self, number: usize) -> &str {
        self.lines.get(number - 1).map_or("", |line| line.trim())
    }
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        let kind = match tree {
            TokenTree::Group(group) => {
                tokens.push(Token { kind: Kind::Open(group.delimiter()), line });
                flatten(group.stream(), tokens);
                tokens.push(Token { kind: Kind::Close, line: group.span_close().start().line });
                continue;
            }
            TokenTree::Ident(word) => Kind::Word(word.to_string()),
            TokenTree::Punct(punctuation) => Kind::Punctuation(punctuation.as_char()),
            TokenTree::Literal(_) => Kind::Literal,
        };
        tokens.push(Token { kind, line });
    }
}

/// Reads every Rust file below the named folders of the repository; absent folders are empty.
pub(crate) fn read_all(folders: &[&str]) -> Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    for folder in folders {
        for path in repository::files(&repository::root().join(folder), "rs")? {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push(SourceFile::parse(&repository::relative(&path), &text)?);
        }
    }
    Ok(files)
}

/// Every file begins by saying what it owns. Attributes that must come first may.
pub(crate) fn check_head(file: &SourceFile, complaints: &mut Vec<Complaint>) {
    let head = file.lines.iter().find(|line| !line.starts_with("#!["));
    if !head.is_some_and(|line| line.starts_with("//! ")) {
        complaints.push(Complaint::of_file(&file.path, "begins without a `//!` comment on what it owns"));
    }
}

/// A file is named for what it owns.
pub(crate) fn check_name(file: &SourceFile, complaints: &mut Vec<Complaint>) {
    const NAMELESS: [&str; 3] = ["helpers", "misc", "utils"];
    let path = Path::new(&file.path);
    for part in path.iter().filter_map(|part| part.to_str()) {
        if NAMELESS.contains(&part.trim_end_matches(".rs")) {
            complaints.push(Complaint::of_file(&file.path, format!("`{part}` does not say what is in it")));
        }
    }
}

/// Nothing left over from writing.
pub(crate) fn check_macros(file: &SourceFile, complaints: &mut Vec<Complaint>) {
    const LEFTOVERS: [&str; 2] = ["dbg", "todo"];
    for (index, pair) in file.tokens.windows(2).enumerate() {
        let Some(word) = file.word(index) else { continue };
        if LEFTOVERS.contains(&word) && pair[1].kind == Kind::Punctuation('!') {
            complaints.push(Complaint::of_line(file, pair[0].line, format!("`{word}!` is left over")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str, check: fn(&SourceFile, &mut Vec<Complaint>)) -> Vec<String> {
        let mut complaints = Vec::new();
        check(&SourceFile::parse(path, text).unwrap(), &mut complaints);
        complaints.iter().map(Complaint::to_string).collect()
    }

    #[test]
    fn files_begin_with_a_comment() {
        assert!(complaints("a.rs", "//! Owns a.\nfn a() {}", check_head).is_empty());
        assert_eq!(complaints("a.rs", "fn a() {}", check_head).len(), 1);
        assert_eq!(complaints("a.rs", "", check_head).len(), 1);
    }

    #[test]
    fn nameless_files_are_found() {
        assert_eq!(complaints("crates/x/src/utils.rs", "", check_name).len(), 1);
        assert_eq!(complaints("crates/x/src/helpers/a.rs", "", check_name).len(), 1);
        assert!(complaints("crates/x/src/utilities_of_state.rs", "", check_name).is_empty());
    }

    #[test]
    fn leftovers_are_found_in_code_only() {
        let text = "//! todo!()\nfn f() { let s = \"dbg!\"; // dbg!(1)\n dbg!(s); }";
        assert_eq!(complaints("a.rs", text, check_macros), ["a.rs:3: `dbg!` is left over"]);
        assert!(complaints("a.rs", "fn f() { let todo = 1; todo != 2; }", check_macros).len() <= 1);
    }
}
