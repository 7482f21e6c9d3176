//! The option `--features`: which proposals modules may use.

use clap::builder::PossibleValue;
pub(crate) use rotifer::Features;
use std::sync::LazyLock;

/// How `--features` is written.
pub(crate) const HELP: &str = "\
Proposals that modules may use, from left to right: `mvp`, `default` or `all` to start from, then names to switch \
on and names with a `-` in front to switch off, as in `mvp,multi-value` or `default,-tail-call`";

/// The names of all proposals.
pub(crate) static NAMES: LazyLock<Vec<String>> =
    LazyLock::new(|| Features::all().iter().map(|(name, _)| name.replace('_', "-")).collect());

/// Parses the option.
pub(crate) fn parse(list: &str) -> Result<Features, String> {
    let mut features = Features::default();
    for (place, item) in list.split(',').map(str::trim).enumerate() {
        match item {
            "mvp" | "default" | "all" if place > 0 => {
                return Err(format!("`{item}` is something to start from: it must come first"));
            }
            "mvp" => features = Features::MVP,
            "default" => {}
            "all" => features = Features::all(),
            _ => {
                let (name, enable) = match item.strip_prefix('-') {
                    Some(name) => (name, false),
                    None => (item, true),
                };
                features.set(name, enable).ok_or_else(|| unknown(name))?;
            }
        }
    }
    Ok(features)
}

/// The same proposals but for one, by its name.
pub(crate) fn without(mut features: Features, name: &str) -> Features {
    features.set(name, false);
    features
}

fn unknown(name: &str) -> String {
    format!("no proposal is called `{name}`; there are {}", NAMES.join(", "))
}

/// The dispatchers of this build.
pub(crate) fn dispatchers() -> Vec<PossibleValue> {
    rotifer::Dispatch::available().iter().map(|dispatch| PossibleValue::new(dispatch.name())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_apply_from_left_to_right() {
        let features = parse("mvp,multi-value,-floats").unwrap();
        assert_eq!(features, Features { multi_value: true, floats: false, ..Features::MVP });
        assert_eq!(parse("-tail-call").unwrap(), Features { tail_call: false, ..Features::default() });
        assert_eq!(parse("all"), Ok(Features::all()));
        assert!(parse("multi-value,mvp").unwrap_err().contains("must come first"));
        assert!(parse("default,gc").unwrap_err().contains("`gc`"));
    }
}
