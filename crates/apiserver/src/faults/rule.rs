//! A rule: which requests, how often, and what becomes of them; and how it is written.

use std::str::FromStr;
use std::time::Duration;

use crate::request::Request;

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// It waits, between these two, and is then answered.
    Delay {
        /// At least so long.
        least: Duration,
        /// At most.
        most: Duration,
    },
    /// It is refused and nothing is done.
    Code {
        /// The HTTP code.
        code: u16,
        /// Seconds that the client is asked to wait; 1 with a 429 that says none.
        retry_after: Option<u32>,
    },
    /// The connection closes; nothing is done.
    Cut,
    /// The request is done, and the connection closes in place of an answer.
    Lose,
    /// A watch begins well and ends badly.
    Watch {
        /// How.
        end: WatchEnd,
        /// After so many events.
        events: Option<u64>,
        /// After so long.
        open: Option<Duration>,
    },
}

/// How a watch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchEnd {
    /// The stream ends, as after its time-out.
    Close,
    /// The stream ends in the middle of an event.
    Tear,
    /// An ERROR event says that the version is too old (410), and the stream ends.
    Gone,
    /// The stream stays open and says nothing more, as over a connection that died unnoticed.
    Stall,
}

/// A fault, and the requests that it strikes. All conditions must hold; an empty one holds always.
///
/// Written as words `key=value` with spaces between, such as `code=409 verb=patch,update path=/apis/apps/** rate=0.2`:
///
/// | word | meaning |
/// | --- | --- |
/// | `code=429`, `retry-after=2` | refuse; seconds in `Retry-After` |
/// | `delay=50ms`, `delay=10ms..2s` | answer late |
/// | `cut` | close the connection, do nothing |
/// | `lose` | do it, and close the connection in place of an answer |
/// | `watch=close`, `tear`, `gone`, `stall` | how a watch ends, after `events=3` or `open=5s`; one event when neither is said |
/// | `verb=patch,update` | verbs as in RBAC |
/// | `path=/api/*/namespaces/**` | `*` is one segment, `**` any number; without it, every path of a resource |
/// | `user=NAME`, `agent=PREFIX` | who asks; how its User-Agent begins |
/// | `rate=0.25` | the chance of each |
/// | `skip=10`, `times=3` | let so many matching ones through first; strike so often at most |
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What is done.
    pub fault: Fault,
    /// Verbs, as in RBAC.
    pub verbs: Vec<String>,
    /// Pattern of the path.
    pub path: Option<String>,
    /// Name of the user.
    pub user: Option<String>,
    /// Beginning of the User-Agent.
    pub agent: Option<String>,
    /// The chance of each matching request, 0 to 1.
    pub rate: f64,
    /// Matching requests that are let through first.
    pub skip: u64,
    /// How often it strikes at most.
    pub times: Option<u64>,
}

impl Rule {
    /// A rule that strikes every request for a resource.
    pub fn new(fault: Fault) -> Self {
        Self { fault, verbs: Vec::new(), path: None, user: None, agent: None, rate: 1.0, skip: 0, times: None }
    }

    pub(crate) fn matches(&self, request: &Request, user: &str, agent: &str) -> bool {
        let watches = matches!(self.fault, Fault::Watch { .. });
        (!watches || request.verb == "watch")
            && (self.verbs.is_empty() || self.verbs.iter().any(|verb| verb == request.verb))
            && self.user.as_ref().is_none_or(|wanted| wanted == user)
            && self.agent.as_ref().is_none_or(|wanted| agent.starts_with(wanted.as_str()))
            && match &self.path {
                None => request.is_resource,
                Some(pattern) => glob(pattern, &request.path),
            }
    }
}

/// Whether a path is of a pattern: `*` is any one segment, `**` any number of them.
fn glob(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.trim_matches('/').split('/').collect();
    let path: Vec<&str> = path.trim_matches('/').split('/').collect();
    // Where to go on when a segment differs: behind the last `**`, one segment later each time.
    let (mut p, mut s, mut again) = (0, 0, None);
    while s < path.len() {
        match pattern.get(p) {
            Some(&"**") => {
                again = Some((p, s));
                p += 1;
            }
            Some(want) if *want == "*" || *want == path[s] => (p, s) = (p + 1, s + 1),
            _ => {
                let Some((star, from)) = again else { return false };
                again = Some((star, from + 1));
                (p, s) = (star + 1, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|rest| *rest == "**")
}

/// Why a written rule is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It says nothing to do.
    #[error("no fault; write one of code=, delay=, cut, lose, watch=")]
    NoFault,
    /// It says two things to do.
    #[error("`{0}` is a second fault; write a rule for each")]
    TwoFaults(String),
    /// An unknown word.
    #[error(
        "`{0}` is no word of a rule; there are code, retry-after, delay, cut, lose, watch, events, open, verb, path, user, agent, rate, skip, times"
    )]
    Unknown(String),
    /// A value that cannot be.
    #[error("`{0}`: {1}")]
    Value(String, &'static str),
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let mut rule = Self::new(Fault::Cut);
        let (mut fault, mut retry_after, mut events, mut open) = (None, None, None, None);
        for word in text.split_whitespace() {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let wrong = |why| RuleError::Value(word.to_owned(), why);
            let number = || value.parse::<u64>().map_err(|_| wrong("a whole number is wanted"));
            let time = |text: &str| duration(text).ok_or_else(|| wrong("a time is wanted, such as 50ms or 2s"));
            let found = match key {
                "code" => match value.parse() {
                    Ok(code @ 400..=599) => Fault::Code { code, retry_after: None },
                    _ => return Err(wrong("a code from 400 to 599 is wanted")),
                },
                "delay" => {
                    let (least, most) = value.split_once("..").unwrap_or((value, value));
                    let (least, most) = (time(least)?, time(most)?);
                    if most < least {
                        return Err(wrong("the shorter time comes first"));
                    }
                    Fault::Delay { least, most }
                }
                "cut" => Fault::Cut,
                "lose" => Fault::Lose,
                "watch" => {
                    let end = match value {
                        "close" => WatchEnd::Close,
                        "tear" => WatchEnd::Tear,
                        "gone" => WatchEnd::Gone,
                        "stall" => WatchEnd::Stall,
                        _ => return Err(wrong("close, tear, gone or stall is wanted")),
                    };
                    Fault::Watch { end, events: None, open: None }
                }
                other => {
                    match other {
                        "retry-after" => {
                            let seconds = u32::try_from(number()?).map_err(|_| wrong("too many seconds"))?;
                            retry_after = Some(seconds);
                        }
                        "events" => events = Some(number()?),
                        "open" => open = Some(time(value)?),
                        "verb" => rule.verbs = value.split(',').map(str::to_owned).collect(),
                        "path" => rule.path = Some(value.to_owned()),
                        "user" => rule.user = Some(value.to_owned()),
                        "agent" => rule.agent = Some(value.to_owned()),
                        "rate" => match value.parse::<f64>() {
                            Ok(rate) if (0.0..=1.0).contains(&rate) => rule.rate = rate,
                            _ => return Err(wrong("a chance from 0 to 1 is wanted")),
                        },
                        "skip" => rule.skip = number()?,
                        "times" => rule.times = Some(number()?),
                        _ => return Err(RuleError::Unknown(key.to_owned())),
                    }
                    continue;
                }
            };
            if fault.replace(found).is_some() {
                return Err(RuleError::TwoFaults(word.to_owned()));
            }
        }
        rule.fault = match fault.ok_or(RuleError::NoFault)? {
            Fault::Code { code, .. } => Fault::Code { code, retry_after },
            Fault::Watch { end, .. } => Fault::Watch { end, events: events.or(open.is_none().then_some(1)), open },
            other => other,
        };
        Ok(rule)
    }
}

/// `1.5s`, `20ms`, `2m`.
fn duration(text: &str) -> Option<Duration> {
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text[..at].parse().ok()?;
    let seconds = match &text[at..] {
        "ms" => number / 1000.0,
        "s" => number,
        "m" => number * 60.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_segments() {
        for (pattern, path, want) in [
            ("/api/v1/namespaces/*/configmaps/**", "/api/v1/namespaces/a/configmaps/x", true),
            ("/api/v1/namespaces/*/configmaps/**", "/api/v1/namespaces/a/configmaps", true),
            ("/api/v1/namespaces/*/configmaps/**", "/api/v1/namespaces/a/secrets/x", false),
            ("/**/x", "/api/v1/x/y/x", true),
            ("/**/x/**/y", "/a/x/b/x/y", true),
            ("/apis/*", "/apis/apps/v1", false),
            ("/**", "/", true),
        ] {
            assert_eq!(glob(pattern, path), want, "{pattern} {path}");
        }
    }

    #[test]
    fn a_rule_is_read_as_written() {
        let rule: Rule = "code=429 retry-after=2 verb=patch,update rate=0.5 times=3 agent=kubectl".parse().unwrap();
        assert_eq!(rule.fault, Fault::Code { code: 429, retry_after: Some(2) });
        assert_eq!((rule.verbs.len(), rule.rate, rule.times), (2, 0.5, Some(3)));
        let rule: Rule = "watch=gone".parse().unwrap();
        assert_eq!(rule.fault, Fault::Watch { end: WatchEnd::Gone, events: Some(1), open: None });
        for (text, why) in [
            ("verb=get", "no fault"),
            ("cut lose", "`lose` is a second fault"),
            ("code=200", "400 to 599"),
            ("delay=2s..1s", "shorter"),
            ("cut rate=2", "from 0 to 1"),
            ("cut when=ever", "`when` is no word"),
        ] {
            let error = text.parse::<Rule>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
