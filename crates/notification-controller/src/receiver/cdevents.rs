//! CDEvents 0.4: known types, and what each must have (cdevents.dev/docs/spec).

use serde_json::Value;

use super::Refused;

/// Subject, predicates, version, and what the content must have.
const TYPES: &[(&str, &[&str], &str, &[&str])] = &[
    ("artifact", &["packaged"], "0.2.0", &["change"]),
    ("artifact", &["signed"], "0.2.0", &["signature"]),
    ("artifact", &["published"], "0.2.0", &[]),
    ("artifact", &["downloaded", "deleted"], "0.1.0", &[]),
    ("branch", &["created", "deleted"], "0.2.0", &[]),
    ("build", &["queued", "started", "finished"], "0.2.0", &[]),
    ("change", &["created"], "0.3.0", &[]),
    ("change", &["reviewed", "merged", "abandoned", "updated"], "0.2.0", &[]),
    ("environment", &["created", "modified", "deleted"], "0.2.0", &[]),
    ("incident", &["detected"], "0.2.0", &["environment"]),
    ("incident", &["reported"], "0.2.0", &["environment", "ticketURI"]),
    ("incident", &["resolved"], "0.2.0", &["environment"]),
    ("pipelineRun", &["queued", "started", "finished"], "0.2.0", &[]),
    ("repository", &["created", "modified", "deleted"], "0.2.0", &[]),
    ("service", &["deployed", "upgraded", "rolledback"], "0.2.0", &["environment", "artifactId"]),
    ("service", &["removed", "published"], "0.2.0", &["environment"]),
    ("taskRun", &["started", "finished"], "0.2.0", &[]),
    ("testCaseRun", &["queued", "started", "finished"], "0.2.0", &["environment"]),
    ("testCaseRun", &["skipped"], "0.1.0", &["environment"]),
    ("testOutput", &["published"], "0.2.0", &["outputType", "format"]),
    ("testSuiteRun", &["queued", "started", "finished"], "0.2.0", &["environment"]),
    ("ticket", &["created"], "0.1.0", &["summary", "creator", "uri"]),
    ("ticket", &["updated", "closed"], "0.1.0", &["uri"]),
];

/// Checks a body.
///
/// # Errors
/// What is missing or unknown.
pub fn check(body: &[u8]) -> Result<(), Refused> {
    let refuse = |why: String| Refused::new(format!("unable to validate CDEvent event: {why}"));
    if !super::payload::is_json(body) {
        return Err(refuse("it is no JSON".to_owned()));
    }
    let event: Value = serde_json::from_slice(body).map_err(|_| refuse("it is no JSON".to_owned()))?;
    let (context, subject) = (&event["context"], &event["subject"]);
    let needs = |part: &Value, path: &str, field: &str| match part[field].as_str() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(refuse(format!("`{path}.{field}` is missing or empty"))),
    };
    let kind = context["type"].as_str().unwrap_or_default();
    let known =
        find(kind).ok_or_else(|| refuse(format!("unknown event type {}", sluice_http::peer_text(kind.as_bytes()))))?;
    for field in ["version", "id", "source"] {
        needs(context, "context", field)?;
    }
    needs(context, "context", "timestamp")?
        .parse::<jiff::Timestamp>()
        .map_err(|_| refuse("`context.timestamp` is no time".to_owned()))?;
    needs(subject, "subject", "id")?;
    if needs(subject, "subject", "type")? != known.0 {
        return Err(refuse(format!("`subject.type` is not `{}`", known.0)));
    }
    let content = &subject["content"];
    if !content.is_object() {
        return Err(refuse("`subject.content` is missing".to_owned()));
    }
    match known.1.iter().find(|field| content[**field].is_null()) {
        None => Ok(()),
        Some(field) => Err(refuse(format!("`subject.content.{field}` is missing"))),
    }
}

/// The subject of a type, and what its content must have.
fn find(kind: &str) -> Option<(&'static str, &'static [&'static str])> {
    let mut parts = kind.strip_prefix("dev.cdevents.")?.splitn(3, '.');
    let (subject, predicate, version) = (parts.next()?, parts.next()?, parts.next()?);
    let fits = |it: &&(&'static str, &[&str], &str, &'static [&'static str])| {
        it.0.eq_ignore_ascii_case(subject) && it.1.contains(&predicate) && it.2 == version
    };
    TYPES.iter().find(fits).map(|it| (it.0, it.3))
}
