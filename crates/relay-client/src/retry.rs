//! When a call is made again, and how long to wait before.

use std::time::Duration;

use relay_core::api::route::Route;

use crate::error::{ClientError, Refusal};

/// How often a call is made again before its error is returned.
pub(crate) const RETRIES: u32 = 3;
/// A relay that wants to be left alone for longer is not waited for: the caller decides.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Delays that double from attempt to attempt up to a cap, each shortened by chance to between half
/// and all of it, so that many clients do not come back at once.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// Delays from `first` up to `most`.
    pub(crate) fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, failures: 0 }
    }

    /// The delay before the next attempt.
    pub(crate) fn next(&mut self) -> Duration {
        let delay = self.first.saturating_mul(1 << self.failures.min(16)).min(self.most);
        self.failures += 1;
        jittered(delay)
    }

    /// Begins again with the first delay.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Between half and all of a span.
pub(crate) fn jittered(span: Duration) -> Duration {
    let chance = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    span.mul_f64(0.5 + chance / 2.0)
}

/// How long to wait before making the call again; `None` where it must not be made again.
pub(crate) fn wait(
    error: &ClientError,
    repeatable: bool,
    backoff: &mut Backoff,
) -> Option<Duration> {
    match error {
        ClientError::Unreachable { sent, .. } if !sent || repeatable => Some(backoff.next()),
        ClientError::Refused(refusal) if refusal.status == 503 => {
            pause(refusal, repeatable, backoff)
        }
        _ => None,
    }
}

fn pause(refusal: &Refusal, repeatable: bool, backoff: &mut Backoff) -> Option<Duration> {
    let unknown = refusal.is(relay_core::error::Code::OutcomeUnknown);
    let after = refusal.retry_after.unwrap_or_default();
    ((!unknown || repeatable) && after <= LONGEST_WAIT).then(|| backoff.next().max(after))
}

/// True when making the call twice does what making it once does. Sends carry a key that makes
/// them so; what answers with a new secret never is, nor what is counted or written down each time,
/// nor an invitation, which would find itself in the way.
pub(crate) fn is_repeatable(route: &Route) -> bool {
    !matches!(
        route,
        Route::RegisterAgent
            | Route::CreateToken
            | Route::CreateTask
            | Route::PostEvent
            | Route::UpdateTask(_)
            | Route::InvitePair
            | Route::SayInPair(_)
    )
}

#[cfg(test)]
mod tests {
    use relay_core::error::{Code, Refused};

    use super::*;

    fn refusal(code: Code, retry_after: Option<u64>) -> ClientError {
        let body = Refused::new(code, "no").to_body();
        Refusal::new(503, body.error, retry_after.map(Duration::from_secs)).into_error()
    }

    fn backoff() -> Backoff {
        Backoff::new(Duration::from_millis(200), Duration::from_secs(5))
    }

    #[test]
    fn delays_double_up_to_the_cap() {
        let mut backoff = backoff();
        for most in [200, 400, 800, 1_600, 3_200, 5_000, 5_000] {
            let delay = backoff.next().as_millis();
            assert!((most / 2..=most).contains(&delay), "{delay} of {most}");
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(200));
    }

    #[test]
    fn what_may_have_happened_is_repeated_only_where_that_does_no_harm() {
        let lost = |sent| ClientError::Unreachable { url: String::new(), source: "x".into(), sent };
        assert!(wait(&lost(false), false, &mut backoff()).is_some(), "it never arrived");
        assert!(wait(&lost(true), false, &mut backoff()).is_none());
        assert!(wait(&lost(true), true, &mut backoff()).is_some());
        assert!(wait(&refusal(Code::OutcomeUnknown, None), false, &mut backoff()).is_none());
        assert!(wait(&refusal(Code::OutcomeUnknown, None), true, &mut backoff()).is_some());
        assert!(!is_repeatable(&Route::RegisterAgent));
        assert!(is_repeatable(&Route::SendMessage));
    }

    #[test]
    fn retry_after_is_honoured_unless_it_is_long() {
        let wait = |seconds| wait(&refusal(Code::Overloaded, Some(seconds)), false, &mut backoff());
        assert!(wait(2).unwrap() >= Duration::from_secs(2));
        assert_eq!(wait(60), None);
    }
}
