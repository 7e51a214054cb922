//! The audit log: one `audit.k8s.io/v1` Event a line, at level Metadata, as kube-apiserver writes it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::auth::Identity;
use crate::request::Request;

/// An open audit log.
#[derive(Debug)]
pub struct Audit {
    file: Mutex<File>,
}

/// What an event tells.
pub struct Entry<'a> {
    /// The request.
    pub request: &'a Request,
    /// Path and query as sent.
    pub uri: &'a str,
    /// Who asked.
    pub user: &'a Identity,
    /// Whom it asked as.
    pub impersonated: Option<&'a Identity>,
    /// Where it came from.
    pub source: &'a str,
    /// `User-Agent`.
    pub agent: &'a str,
    /// The answer's code.
    pub code: u16,
    /// The stage: `ResponseComplete`, or `ResponseStarted` of a watch.
    pub stage: &'static str,
    /// When the request came.
    pub received: Timestamp,
    /// The request's id.
    pub id: &'a str,
    /// Whether it was allowed.
    pub allowed: bool,
}

impl Audit {
    /// Opens the log to append.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { file: Mutex::new(file) })
    }

    /// Writes one event. A full disk loses events, not requests.
    pub fn write(&self, entry: &Entry<'_>) {
        let mut line = event(entry).to_string();
        line.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(line.as_bytes()) {
            tracing::warn!(%error, "audit log");
        }
    }
}

fn user(identity: &Identity) -> Value {
    let mut out = Map::new();
    out.insert("username".into(), identity.name.as_str().into());
    if !identity.uid.is_empty() {
        out.insert("uid".into(), identity.uid.as_str().into());
    }
    if !identity.groups.is_empty() {
        out.insert("groups".into(), identity.groups.clone().into());
    }
    if !identity.extra.is_empty() {
        out.insert("extra".into(), json!(identity.extra));
    }
    Value::Object(out)
}

fn event(entry: &Entry<'_>) -> Value {
    let request = entry.request;
    let mut out = json!({
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": entry.id,
        "stage": entry.stage,
        "requestURI": entry.uri,
        "verb": request.verb,
        "user": user(entry.user),
        "sourceIPs": [entry.source],
        "userAgent": entry.agent,
        "responseStatus": {"metadata": {}, "code": entry.code},
        "requestReceivedTimestamp": micro_time(entry.received),
        "stageTimestamp": micro_time(Timestamp::now()),
        "annotations": {
            "authorization.k8s.io/decision": if entry.allowed { "allow" } else { "forbid" },
            "authorization.k8s.io/reason": "",
        },
    });
    if let Some(impersonated) = entry.impersonated {
        out["impersonatedUser"] = user(impersonated);
    }
    if request.is_resource {
        let mut object = Map::new();
        for (key, text) in [
            ("resource", &request.resource),
            ("namespace", &request.namespace),
            ("name", &request.name),
            ("apiGroup", &request.group),
            ("apiVersion", &request.version),
            ("subresource", &request.subresource),
        ] {
            if !text.is_empty() {
                object.insert(key.into(), text.as_str().into());
            }
        }
        out["objectRef"] = Value::Object(object);
    }
    out
}

/// RFC 3339 with six digits, as `MicroTime` prints.
pub fn micro_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}
