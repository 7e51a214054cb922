//! Faults on purpose: what a busy, broken or far away API server does to its clients.
//!
//! In: [`Rule`]s, each with what it does and to which requests. Out: requests that are late, refused or cut off, and
//! watches that end badly. Whether a rule strikes is a function of the seed, the rule and how many requests it has
//! matched, so that a run with the same requests in the same order meets the same faults.
//!
//! Only what comes over the network is struck; [`crate::Local`], the simulator and the controllers inside are not.

mod rule;
mod stream;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use rule::{Fault, Rule, RuleError, WatchEnd};
pub use stream::strike as strike_watch;

use crate::error::{ApiError, Details, Plural};
use crate::request::Request;

/// The faults of a server: a handle that can be kept, to change the rules while the server runs and to see what has
/// struck. All clones are one.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    seed: u64,
    rules: Vec<Counted>,
}

#[derive(Debug)]
struct Counted {
    rule: Rule,
    matched: u64,
    struck: u64,
}

impl Faults {
    /// No rules yet; chances are drawn from this seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State { seed, rules: Vec::new() })))
    }

    /// Adds a rule; the answer is its index, for [`Faults::struck`].
    pub fn add(&self, rule: Rule) -> usize {
        let mut state = self.lock();
        state.rules.push(Counted { rule, matched: 0, struck: 0 });
        state.rules.len() - 1
    }

    /// Takes all rules away; the server is well again. Watches that were struck by `stall` stay silent.
    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    /// How often a rule has struck. 0 for one that is no more.
    pub fn struck(&self, index: usize) -> u64 {
        self.lock().rules.get(index).map_or(0, |it| it.struck)
    }

    /// What becomes of a request. Delays add up; of the rest, the first rule that strikes decides.
    pub(crate) fn plan(&self, request: &Request, user: &str, agent: &str) -> Plan {
        let mut state = self.lock();
        let seed = state.seed;
        let mut plan = Plan::default();
        for (index, it) in state.rules.iter_mut().enumerate() {
            if !it.rule.matches(request, user, agent) {
                continue;
            }
            let draw = noise(seed, index as u64, it.matched);
            it.matched += 1;
            let spent = it.rule.times.is_some_and(|times| it.struck >= times);
            if spent || it.matched <= it.rule.skip || unit(draw) >= it.rule.rate {
                continue;
            }
            it.struck += 1;
            match &it.rule.fault {
                Fault::Delay { least, most } => {
                    let spread = most.saturating_sub(*least).mul_f64(unit(noise(seed, draw, 0)));
                    plan.delay += *least + spread;
                }
                decisive => {
                    plan.fault = Some(decisive.clone());
                    break;
                }
            }
        }
        plan
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes of one request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// Waits first.
    pub delay: Duration,
    /// Then this, which is no delay.
    pub fault: Option<Fault>,
}

/// The request is cut off: its connection (with HTTP/2, its stream) closes without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut off on purpose")]
pub struct Cut;

/// The refusal with a code, as the real server words it.
pub(crate) fn refusal(request: &Request, code: u16, retry_after: Option<u32>) -> ApiError {
    let what = Plural { group: &request.group, name: &request.resource };
    let plain =
        |reason, message: &str| ApiError { code, reason, message: message.into(), details: Some(Box::default()) };
    let mut error = match code {
        401 => ApiError::unauthorized(),
        403 => ApiError::forbidden(what, &request.name, "refused on purpose"),
        404 => ApiError::not_found(what, &request.name),
        409 => ApiError::stale(what, &request.name),
        410 => ApiError::expired("The resourceVersion for the provided list is too old."),
        429 => plain("TooManyRequests", "Too many requests, please try again later."),
        500 => ApiError::internal("a fault on purpose"),
        503 => plain("ServiceUnavailable", "the server is currently unable to handle the request"),
        504 => plain("Timeout", "Timeout: request did not complete within the allotted timeout"),
        _ => ApiError::new(code, "", format!("a fault on purpose: {code}")),
    };
    // The real server asks to be left alone for a second when it is overloaded.
    let wait = retry_after.unwrap_or(if code == 429 { 1 } else { 0 });
    if wait > 0 {
        error.details.get_or_insert_with(|| Box::new(Details::default())).retry_after = wait;
    }
    error
}

/// Bits that look random and depend on all three (splitmix64).
fn noise(seed: u64, rule: u64, count: u64) -> u64 {
    [rule, count].into_iter().fold(seed, |state, part| {
        let mut z = state.wrapping_add(part.wrapping_mul(0xbf58_476d_1ce4_e5b9)).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// From 0 to below 1.
fn unit(noise: u64) -> f64 {
    (noise >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(path: &str) -> Request {
        Request::parse(&http::Method::PATCH, path, &crate::request::Query::parse(""))
    }

    fn strikes(seed: u64, rule: &str) -> Vec<bool> {
        let faults = Faults::seeded(seed);
        faults.add(rule.parse().unwrap());
        let request = patch("/api/v1/namespaces/a/configmaps/x");
        (0..200).map(|_| faults.plan(&request, "u", "a").fault.is_some()).collect()
    }

    #[test]
    fn a_seed_says_which_requests_are_struck() {
        let first = strikes(7, "code=409 rate=0.25");
        assert_eq!(first, strikes(7, "code=409 rate=0.25"));
        assert_ne!(first, strikes(8, "code=409 rate=0.25"));
        let count = first.iter().filter(|it| **it).count();
        assert!((25..75).contains(&count), "{count}");
    }

    #[test]
    fn some_are_let_through_first_and_then_so_many_are_struck() {
        let got = strikes(1, "code=500 skip=2 times=3");
        assert_eq!(&got[..7], &[false, false, true, true, true, false, false]);
    }

    #[test]
    fn delays_add_up_and_the_first_refusal_decides() {
        let faults = Faults::default();
        for rule in ["delay=10ms", "delay=5ms..6ms", "code=429", "code=500"] {
            faults.add(rule.parse().unwrap());
        }
        let plan = faults.plan(&patch("/api/v1/namespaces/a/configmaps/x"), "u", "a");
        assert!(plan.delay >= Duration::from_millis(15) && plan.delay <= Duration::from_millis(16), "{plan:?}");
        assert_eq!(plan.fault, Some(Fault::Code { code: 429, retry_after: None }));
        assert_eq!((faults.struck(2), faults.struck(3)), (1, 0));
    }
}
