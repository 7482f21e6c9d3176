//! What handlers may break which rules.

use super::Finding;
use crate::repository;
use anyhow::{Context, Result};
use std::fs;

/// The list of a machine.
pub(crate) struct Allowed {
    /// Where it is, relative to the repository.
    path: &'static str,
    entries: Vec<Entry>,
}

/// A line of the list.
struct Entry {
    line: usize,
    finding: Finding,
    /// The name of an op, in which `*` stands for anything.
    pattern: String,
    is_used: bool,
}

impl Allowed {
    pub(crate) fn load(path: &'static str) -> Result<Self> {
        let text = fs::read_to_string(repository::root().join(path));
        let text = text.with_context(|| format!("cannot read {path}"))?;
        Self::parse(path, &text).with_context(|| format!("in {path}"))
    }

    /// Lines are `FINDING PATTERN...`; the reason stands above, behind `#`.
    fn parse(path: &'static str, text: &str) -> Result<Self> {
        let mut entries = Vec::new();
        for (line, text) in text.lines().enumerate() {
            let mut words = text.split('#').next().unwrap_or_default().split_whitespace();
            let Some(first) = words.next() else { continue };
            let finding = Finding::ALL.iter().find(|(_, name)| *name == first);
            let (finding, _) = finding.with_context(|| format!("line {}: no rule {first:?}", line + 1))?;
            let entry = |pattern: &str| Entry {
                line: line + 1,
                finding: *finding,
                pattern: pattern.to_owned(),
                is_used: false,
            };
            entries.extend(words.map(entry));
        }
        Ok(Self { path, entries })
    }

    /// Whether an op's handler may have this.
    pub(crate) fn covers(&mut self, finding: Finding, name: &str) -> bool {
        let fits = |entry: &&mut Entry| entry.finding == finding && matches(&entry.pattern, name);
        self.entries.iter_mut().filter(fits).map(|entry| entry.is_used = true).count() > 0
    }

    /// Entries that nothing needed.
    pub(crate) fn stale(&self) -> impl Iterator<Item = String> {
        let stale = self.entries.iter().filter(|entry| !entry.is_used);
        stale.map(|entry| format!("{}:{}: nothing needs `{}`", self.path, entry.line, entry.pattern))
    }
}

/// Whether a name fits a pattern.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            (0..=name.len()).any(|from| name.is_char_boundary(from) && matches(rest, &name[from..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names() {
        assert!(matches("i32.div_s.*", "i32.div_s.ss.a"));
        assert!(matches("*.any", "i32.load.any"));
        assert!(matches("call*+fuel", "call+fuel"));
        assert!(!matches("call", "call.import"));
        assert!(!matches("i32.div_s.*.s", "i32.div_s.ss.a"));
    }

    #[test]
    fn what_nothing_needs_is_stale() {
        let mut allowed = Allowed::parse("list", "# reason\nstack call* # more\ncall f32.ceil.*\n").unwrap();
        assert!(allowed.covers(Finding::Stack, "call+fuel"));
        assert!(!allowed.covers(Finding::Call, "call"));
        let stale: Vec<String> = allowed.stale().collect();
        assert_eq!(stale, ["list:3: nothing needs `f32.ceil.*`"]);
        assert!(Allowed::parse("list", "jump call").is_err());
    }
}
