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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patch_releases_get_along() {
        assert_eq!(warning("0.1.0", "0.1.7"), None);
        assert!(warning("0.1.0", "0.2.0").unwrap().contains("0.2.0"));
        assert!(warning("1.0.0", "0.9.0").is_some());
    }
}
