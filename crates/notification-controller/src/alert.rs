//! Which alerts an event concerns, and the event as they hand it on (spec/flux/notification.md §3). Pure, but for the
//! labels of the live object, which the caller looks up.

use std::collections::BTreeMap;

use regex::Regex;
use sluice_api::notification::{AlertSpec, CrossNamespaceObjectReference};

use crate::event::{EVENT_GROUP, Event};

/// Compiled expressions are bounded; a larger one is invalid.
const REGEX_SIZE: usize = 1 << 20;

/// What an alert says to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is to be sent.
    Send,
    /// It is none of the alert's business.
    Ignore,
    /// It would be, but sources of other namespaces are refused.
    CrossNamespace,
}

/// Whether the kind, namespace, name and severity of an event are those that a source of the alert names. The source's
/// `matchLabels` are for the caller to look at.
#[must_use]
pub fn source_matches(source: &CrossNamespaceObjectReference, alert_namespace: &str, event: &Event) -> bool {
    let object = &event.involved_object;
    let namespace = if source.namespace.is_empty() { alert_namespace } else { &source.namespace };
    namespace == object.namespace
        && source.kind.as_str() == object.kind
        && (source.name == "*" || source.name == object.name)
}

/// Whether an alert of this severity takes the event: `info` takes all.
#[must_use]
pub fn severity_matches(spec: &AlertSpec, event: &Event) -> bool {
    let wanted = spec.event_severity.as_str();
    wanted == "info" || wanted == event.severity
}

/// Whether an object with `labels` has all that a source asks for.
#[must_use]
pub fn labels_match(wanted: &BTreeMap<String, String>, labels: Option<&BTreeMap<String, String>>) -> bool {
    wanted.iter().all(|(key, value)| labels.and_then(|it| it.get(key)) == Some(value))
}

/// Whether the message passes the alert's lists. Expressions that do not compile match nothing and are returned.
#[must_use]
pub fn message_passes(spec: &AlertSpec, message: &str) -> (bool, Vec<String>) {
    let mut invalid = Vec::new();
    let mut any = |expressions: &[String]| {
        let mut found = false;
        for expression in expressions {
            match compile(expression) {
                Ok(regex) => found |= regex.is_match(message),
                Err(why) => invalid.push(why),
            }
        }
        found
    };
    let included = spec.inclusion_list.is_empty() || any(&spec.inclusion_list);
    let passes = included && !any(&spec.exclusion_list);
    (passes, invalid)
}

fn compile(expression: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(expression)
        .size_limit(REGEX_SIZE)
        .build()
        .map_err(|_| format!("`{expression}` is no regular expression of RE2"))
}

/// The event as a provider gets it: prefixes cut, and the facts of the alert merged in. Conflicts are returned.
#[must_use]
pub fn notification(spec: &AlertSpec, event: &Event) -> (Event, Vec<String>) {
    let own = format!("{}/", event.group());
    let general = format!("{EVENT_GROUP}/");
    let stripped = |prefix: &str| -> BTreeMap<String, String> {
        let of = event.metadata.iter();
        of.filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone()))).collect()
    };
    let summary = (!spec.summary.is_empty()).then(|| ("summary".to_owned(), spec.summary.clone()));
    // From the weakest to the strongest.
    let layers = [
        ("annotations of the object", stripped(&general)),
        ("spec.eventMetadata", spec.event_metadata.clone()),
        ("spec.summary", summary.into_iter().collect()),
        ("the controller", stripped(&own)),
    ];
    let mut merged: BTreeMap<String, (String, &str)> = BTreeMap::new();
    let mut conflicts = Vec::new();
    for (layer, facts) in layers {
        for (key, value) in facts {
            if let Some((_, earlier)) = merged.insert(key.clone(), (value, layer)) {
                conflicts.push(format!("`{key}` of {earlier} is overridden by {layer}"));
            }
        }
    }
    let metadata = merged.into_iter().map(|(key, (value, _))| (key, value)).collect();
    (Event { metadata, ..event.clone() }, conflicts)
}
