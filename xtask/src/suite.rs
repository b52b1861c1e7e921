//! A run of several suites: each one has run, failed or been skipped, and the end says which.

use std::time::Duration;

use crate::shell::{self, Failure};

/// A program that a suite needs, and how to get it.
pub struct Tool {
    pub program: &'static str,
    pub install: &'static str,
}

impl Tool {
    /// Why a suite cannot run, if the tool is not here.
    pub fn missing(&self) -> Option<String> {
        let Self { program, install } = self;
        shell::which(program).is_none().then(|| format!("`{program}` is not installed ({install})"))
    }
}

/// What became of one suite.
enum Outcome {
    Ran(Duration),
    Skipped(String),
    Failed(Duration, String),
}

/// The suites so far, in order. `complete` means that nothing may be skipped.
pub struct Suites {
    complete: bool,
    rows: Vec<(String, Outcome)>,
}

impl Suites {
    pub fn new(complete: bool) -> Self {
        Self { complete, rows: Vec::new() }
    }

    /// Runs one suite; a failure is kept, and the next suite still runs.
    pub fn run(&mut self, name: &str, suite: impl FnOnce() -> Result<(), Failure>) {
        eprintln!("\n== {name}");
        let started = clock();
        let outcome = match suite() {
            Ok(()) => Outcome::Ran(started.elapsed()),
            Err(Failure(why)) => {
                eprintln!("== {name} FAILED: {why}");
                Outcome::Failed(started.elapsed(), why)
            }
        };
        self.rows.push((name.to_owned(), outcome));
    }

    /// Runs one suite if its tools are here; else it is skipped aloud, or failed where nothing may be.
    pub fn run_with(
        &mut self,
        name: &str,
        tools: &[Tool],
        suite: impl FnOnce() -> Result<(), Failure>,
    ) {
        match tools.iter().find_map(Tool::missing) {
            None => self.run(name, suite),
            Some(why) => self.skip(name, &why),
        }
    }

    /// Leaves a suite out, and says so; a failure where nothing may be left out.
    pub fn skip(&mut self, name: &str, why: &str) {
        let outcome = if self.complete {
            eprintln!("\n== {name} FAILED: {why}");
            Outcome::Failed(Duration::ZERO, why.to_owned())
        } else {
            eprintln!("\n== {name} SKIPPED: {why}");
            Outcome::Skipped(why.to_owned())
        };
        self.rows.push((name.to_owned(), outcome));
    }

    /// Prints what ran and what did not, ending with `last` and one line of counts.
    pub fn finish(self, last: &[String]) -> Result<(), Failure> {
        println!("\n== summary");
        let (mut ran, mut skipped, mut failed) = (0, 0, 0);
        for (name, outcome) in &self.rows {
            match outcome {
                Outcome::Ran(took) => {
                    ran += 1;
                    println!("ran      {name} ({:.0} s)", took.as_secs_f64());
                }
                Outcome::Skipped(why) => {
                    skipped += 1;
                    println!("skipped  {name}: {why}");
                }
                Outcome::Failed(took, why) => {
                    failed += 1;
                    println!("FAILED   {name} ({:.0} s): {why}", took.as_secs_f64());
                }
            }
        }
        for line in last {
            println!("{line}");
        }
        println!("xtask: {ran} suites ran, {skipped} skipped, {failed} failed");
        if failed == 0 {
            Ok(())
        } else {
            Err(Failure(format!("{failed} of {} suites failed", self.rows.len())))
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a suite took is real time")]
fn clock() -> std::time::Instant {
    std::time::Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABSENT: Tool =
        Tool { program: "no-such-program-anywhere", install: "`apt-get install it`" };

    #[test]
    fn a_missing_tool_is_skipped_or_where_nothing_may_be_a_failure() {
        let run = |complete| {
            let mut suites = Suites::new(complete);
            suites.run_with("a suite", &[ABSENT], || unreachable!("its tool is missing"));
            suites.finish(&[])
        };
        assert!(run(false).is_ok());
        assert_eq!(run(true).unwrap_err().0, "1 of 1 suites failed");
    }

    #[test]
    fn a_failure_does_not_keep_the_next_suite_from_running() {
        let mut suites = Suites::new(false);
        let mut ran = false;
        suites.run("breaks", || Err(Failure("because".into())));
        suites.run("runs", || {
            ran = true;
            Ok(())
        });
        assert!(suites.finish(&[]).is_err());
        assert!(ran);
    }
}
