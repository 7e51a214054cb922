//! The status of a commit: which commit, under which name, in which words.

use serde_json::json;
use sluice_expr::{Env, Program, Type};

use crate::event::Event;
use crate::exchange::Failure;
use crate::provider::Skip;
use crate::provider::target::Target;

/// Whether an event is about a commit: it updates a status, names a commit, or says that something failed.
///
/// # Errors
/// [`Skip::NoCommit`] when it is not.
pub fn dispatch_filter(event: &Event, update: bool) -> Result<(), Skip> {
    let names_one = event.metadata.contains_key("event.toolkit.fluxcd.io/commit");
    if update || names_one || event.is_error() { Ok(()) } else { Err(Skip::NoCommit) }
}

/// The hash of the commit that a notification is about.
///
/// # Errors
/// When it names none.
pub fn commit(event: &Event) -> Result<&str, Failure> {
    let revision = ["commit", "originRevision", "revision"].iter().find_map(|key| event.metadata.get(*key));
    let revision =
        revision.ok_or_else(|| Failure::send("the event has no revision that a commit could be found in"))?;
    let wrong = || {
        let shown = sluice_http::peer_text(revision.as_bytes());
        Failure::send(format!("failed to extract commit hash from '{shown}' revision"))
    };
    hash(revision).ok_or_else(wrong)
}

/// The hash of the commit in a revision.
#[must_use]
pub fn hash(revision: &str) -> Option<&str> {
    let hash = revision.rsplit(['/', ':', '@']).next().unwrap_or_default();
    (hash.len() == 40 && hash.bytes().all(|b| b.is_ascii_hexdigit())).then_some(hash)
}

/// The name of the status: `kind/name/<first part of the provider's uid>`, or what `spec.commitStatusExpr` says.
///
/// # Errors
/// When the expression does not compile, or has no text as its value.
pub fn status_id(target: &Target, event: &Event) -> Result<String, Failure> {
    let expression = target.commit_status_expr.as_str();
    if expression.is_empty() {
        let uid = target.about.provider_meta("uid");
        let first = uid.split('-').next().unwrap_or_default();
        let object = &event.involved_object;
        return Ok(format!("{}/{}/{first}", object.kind, object.name).to_lowercase());
    }
    let wrong = |why: String| Failure::setup(format!("spec.commitStatusExpr: {why}"));
    let env = Env::flux_checked(&["event", "alert", "provider"]).result(Some(Type::String));
    let program = Program::compile(expression, &env).map_err(|why| wrong(why.to_string()))?;
    let variables = [("event", &json!(event)), ("alert", &target.about.alert), ("provider", &target.about.provider)];
    let value = program.eval(&variables).map_err(|why| wrong(why.to_string()))?;
    value.as_str().map(str::to_owned).ok_or_else(|| wrong("its value is no text".to_owned()))
}

/// `kustomization/apps`.
#[must_use]
pub fn name(event: &Event) -> String {
    format!("{}/{}", event.involved_object.kind, event.involved_object.name).to_lowercase()
}

/// The words of a reason: `HealthCheckFailed` is `health check failed`.
#[must_use]
pub fn words(reason: &str) -> String {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Class {
        Lower,
        Upper,
        Digit,
        Other,
    }
    let class = |c: char| match c {
        c if c.is_lowercase() => Class::Lower,
        c if c.is_uppercase() => Class::Upper,
        c if c.is_ascii_digit() => Class::Digit,
        _ => Class::Other,
    };
    let mut runs: Vec<(Class, String)> = Vec::new();
    for c in reason.chars() {
        match runs.last_mut() {
            Some((last, run)) if *last == class(c) => run.push(c),
            _ => runs.push((class(c), c.to_string())),
        }
    }
    // The last capital of several begins the word that follows.
    for at in 1..runs.len() {
        if runs[at - 1].0 == Class::Upper
            && runs[at].0 == Class::Lower
            && let Some(capital) = runs[at - 1].1.pop()
        {
            runs[at].1.insert(0, capital);
        }
    }
    let words: Vec<String> = runs.into_iter().map(|(_, run)| run).filter(|it| !it.is_empty()).collect();
    words.join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_words() {
        for (reason, want) in [
            ("ReconciliationSucceeded", "reconciliation succeeded"),
            ("OCIArtifactPullFailed", "oci artifact pull failed"),
            ("HTTP404Error", "http 404 error"),
            ("", ""),
            ("lower", "lower"),
        ] {
            assert_eq!(words(reason), want);
        }
    }

    #[test]
    fn a_commit_is_forty_hex_digits() {
        let hash = "5394cb7f48332b2de7c17dd8b8384bbc84b7e738";
        let event = |revision: &str| Event {
            metadata: [("revision".to_owned(), revision.to_owned())].into(),
            ..Event::default()
        };
        for good in [hash.to_owned(), format!("main@sha1:{hash}"), format!("main/{hash}"), format!("sha1:{hash}")] {
            assert_eq!(commit(&event(&good)).unwrap(), hash, "{good}");
        }
        for bad in ["", "6.5.0", "main@sha1:5394", "main@sha1:zz94cb7f48332b2de7c17dd8b8384bbc84b7e738"] {
            assert!(commit(&event(bad)).is_err(), "{bad}");
        }
        assert!(commit(&Event::default()).is_err());
    }
}
