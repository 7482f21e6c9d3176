//! When and where a measurement is made, for captions.

use std::{fs, thread};
use time::OffsetDateTime;

/// Today in UTC, as 2026-11-28.
pub fn today() -> String {
    OffsetDateTime::now_utc().date().to_string()
}

/// Processor, cores, system.
pub fn describe() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.split('-').next().unwrap_or_default().trim();
    format!("{}, {cores} cores, Linux {release}", processor(&cpuinfo))
}

/// The first processor's name.
fn processor(cpuinfo: &str) -> &str {
    let name = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.trim().strip_prefix(':'));
    name.map_or("unknown processor", str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_found() {
        let text = "processor\t: 0\nmodel name\t: AMD EPYC 9B14\nprocessor\t: 1\nmodel name\t: other\n";
        assert_eq!(processor(text), "AMD EPYC 9B14");
        assert_eq!(processor(""), "unknown processor");
    }

    #[test]
    fn days_are_written_as_in_iso_8601() {
        let date = time::Date::from_ordinal_date(2026, 5).unwrap();
        assert_eq!(date.to_string(), "2026-01-05");
    }
}
