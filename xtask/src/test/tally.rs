//! The sum of cargo's many `test result:` lines, so that the last lines of a run say it all.

/// What the test binaries of one run counted, together.
#[derive(Default)]
pub struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
    failures: Vec<String>,
}

impl Tally {
    /// Reads one line of a test binary's output.
    pub fn read(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.passed += count(counts, "passed");
            self.failed += count(counts, "failed");
            self.ignored += count(counts, "ignored");
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|l| l.strip_suffix(" ... FAILED"))
        {
            self.failures.push(name.to_owned());
        }
    }

    /// The failed tests by name, then one line as a test binary would print it.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.failures.iter().map(|name| format!("test {name} ... FAILED")).collect();
        let verdict = if self.failed == 0 { "ok" } else { "FAILED" };
        lines.push(format!(
            "test result: {verdict}. {} passed; {} failed; {} ignored",
            self.passed, self.failed, self.ignored
        ));
        lines
    }
}

/// The number before `word` in `ok. 5 passed; 0 failed; …`.
fn count(counts: &str, word: &str) -> u64 {
    counts
        .split([';', '.'])
        .filter_map(|part| part.trim().strip_suffix(word))
        .filter_map(|number| number.trim().parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_over_binaries() {
        let mut tally = Tally::default();
        for line in [
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.31s",
            "test id::parses ... ok",
            "test id::prints ... FAILED",
            "test result: FAILED. 7 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s",
        ] {
            tally.read(line);
        }
        assert_eq!(
            tally.lines(),
            ["test id::prints ... FAILED", "test result: FAILED. 12 passed; 1 failed; 1 ignored"]
        );
    }
}
