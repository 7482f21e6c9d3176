//! Quantities in options: counts (`1_000_000`), sizes (`64k`, `16MiB`) and durations (`500ms`, `2s`).

use std::time::Duration;

/// A size in bytes: a whole number, alone or with `k`, `M` or `G` (also `KiB`, `MiB`, `GiB`), each 1024 of the one
/// before it.
pub(crate) fn parse_size(text: &str) -> Result<usize, String> {
    let (digits, unit) = split(text);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        _ => return Err(format!("`{unit}` is no unit of size; there are k, M and G (KiB, MiB, GiB)")),
    };
    let number: usize = number(digits, "64k or 16MiB")?;
    number.checked_mul(1 << shift).ok_or_else(|| "that is more than this machine can address".to_owned())
}

/// A whole number, which may be divided by `_`.
pub(crate) fn parse_count(text: &str) -> Result<u64, String> {
    number(text, "1000000 or 1_000_000")
}

/// A duration: a whole number or a decimal fraction with `ms`, `s`, `m` or `h`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let (digits, unit) = split(text);
    let seconds = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "" => return Err("the unit is missing; there are ms, s, m and h".to_owned()),
        _ => return Err(format!("`{unit}` is no unit of time; there are ms, s, m and h")),
    };
    let number: f64 = number(digits, "500ms or 2s")?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| "that is too long".to_owned())
}

/// Digits (with `_` and `.`) and what follows them.
fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_' && c != '.').unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

fn number<T: std::str::FromStr>(digits: &str, examples: &str) -> Result<T, String> {
    digits.replace('_', "").parse().map_err(|_| format!("write it like {examples}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        for (text, bytes) in [
            ("0", 0),
            ("65536", 65536),
            ("64k", 65536),
            ("64 KiB", 65536),
            ("16MiB", 16 << 20),
            ("1_0m", 10 << 20),
            ("2G", 2 << 30),
            ("12b", 12),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "k", "-1", "1.5M", "1T", "1kB", "99999999999G", "1 2"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts_are_whole() {
        assert_eq!(parse_count("1_000_000"), Ok(1_000_000));
        assert_eq!(parse_count("18446744073709551615"), Ok(u64::MAX));
        for text in ["", "1.5", "-1", "1k", "18446744073709551616"] {
            assert!(parse_count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("2s", 2000),
            ("1.5s", 1500),
            ("1m", 60_000),
            ("1 min", 60_000),
            ("0.5h", 1_800_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "5", "s", "-1s", "1d", "1e9s", "99999999999999999999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
