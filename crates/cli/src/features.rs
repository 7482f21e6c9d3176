//! The option `--features`: which proposals modules may use.

use clap::builder::PossibleValue;
pub(crate) use rotifer::Features;

/// How `--features` is written.
pub(crate) const HELP: &str = "\
Proposals that modules may use, from left to right: `mvp`, `default` or `all` to start from, then names to switch \
on and names with a `-` in front to switch off, as in `mvp,multi-value` or `default,-tail-call`";

/// Every proposal, by its name here and where its switch is.
macro_rules! switches {
    ($( $name:literal => $field:ident ),* $(,)?) => {
        /// The names of all proposals.
        pub(crate) const NAMES: &[&str] = &[$( $name ),*];

        fn switch<'features>(features: &'features mut Features, name: &str) -> Option<&'features mut bool> {
            match name {
                $( $name => Some(&mut features.$field), )*
                _ => None,
            }
        }
    };
}

switches! {
    "floats" => floats,
    "mutable-global" => mutable_global,
    "sign-extension" => sign_extension,
    "saturating-float-to-int" => saturating_float_to_int,
    "multi-value" => multi_value,
    "bulk-memory" => bulk_memory,
    "reference-types" => reference_types,
    "tail-call" => tail_call,
    "extended-const" => extended_const,
    "multi-memory" => multi_memory,
    "memory64" => memory64,
    "custom-page-sizes" => custom_page_sizes,
    "wide-arithmetic" => wide_arithmetic,
}

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
            "all" => features = everything(),
            _ => {
                let (name, enable) = match item.strip_prefix('-') {
                    Some(name) => (name, false),
                    None => (item, true),
                };
                *switch(&mut features, name).ok_or_else(|| unknown(name))? = enable;
            }
        }
    }
    Ok(features)
}

/// All proposals.
pub(crate) fn everything() -> Features {
    let mut features = Features::default();
    for name in NAMES {
        if let Some(switch) = switch(&mut features, name) {
            *switch = true;
        }
    }
    features
}

/// The same proposals but for one, by its name.
pub(crate) fn without(mut features: Features, name: &str) -> Features {
    if let Some(switch) = switch(&mut features, name) {
        *switch = false;
    }
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
    fn every_proposal_has_a_name() {
        let names: Vec<String> = Features::MVP.iter().map(|(name, _)| name.replace('_', "-")).collect();
        assert_eq!(names, NAMES);
        let all = parse("all").unwrap();
        assert!(all.iter().all(|(_, enabled)| enabled));
    }

    #[test]
    fn items_apply_from_left_to_right() {
        let features = parse("mvp,multi-value,-floats").unwrap();
        assert_eq!(features, Features { multi_value: true, floats: false, ..Features::MVP });
        assert_eq!(parse("-tail-call").unwrap(), Features { tail_call: false, ..Features::default() });
        assert!(parse("multi-value,mvp").unwrap_err().contains("must come first"));
        assert!(parse("default,gc").unwrap_err().contains("`gc`"));
    }
}
