//! Versions: when two parts of the relay should warn that they differ.

/// The version of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A warning for people when the other side's version differs in more than its patch number.
pub fn warning(mine: &str, theirs: &str) -> Option<String> {
    let series = |v: &str| v.split(['.', '-', '+']).take(2).map(str::to_owned).collect::<Vec<_>>();
    (series(mine) != series(theirs)).then(|| {
        format!("version {mine} talks to a relay of version {theirs}; upgrade the older of the two")
    })
}

/// True when the first version came before the second; what is no version came before all.
pub fn is_older(one: &str, other: &str) -> bool {
    let numbers = |v: &str| -> Vec<u64> {
        let release = v.split(['-', '+']).next().unwrap_or_default();
        release.split('.').map(|part| part.parse().unwrap_or(0)).collect()
    };
    numbers(one) < numbers(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(
            is_older("0.9.0", "0.10.0") && is_older("0.1.9", "1.0.0") && is_older("?", "0.1.0")
        );
        assert!(!is_older("0.1.0", "0.1.0") && !is_older("2.0.0", "1.9.9"));
    }

    #[test]
    fn patch_releases_get_along() {
        assert_eq!(warning("0.1.0", "0.1.7"), None);
        assert!(warning("0.1.0", "0.2.0").unwrap().contains("0.2.0"));
        assert!(warning("1.0.0", "0.9.0").is_some());
    }
}
