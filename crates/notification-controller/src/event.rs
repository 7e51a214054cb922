//! An event as controllers POST it, and what is kept of it (spec/flux/notification.md §3).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// The group of keys that any controller, or an annotation of the object, may add.
pub const EVENT_GROUP: &str = "event.toolkit.fluxcd.io";

/// An event is an update of a commit status and nothing that a person has to read.
pub const COMMIT_STATUS: &str = "commit_status";

/// The object that an event is about. Fields stand in the order in which Go writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InvolvedObject {
    /// Kind.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "text")]
    pub kind: String,
    /// Namespace.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "text")]
    pub namespace: String,
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "text")]
    pub name: String,
    /// Uid.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "text")]
    pub uid: String,
    /// API version.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "text")]
    pub api_version: String,
    /// Version of the object that the event was made from.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "text")]
    pub resource_version: String,
    /// Part of the object.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "text")]
    pub field_path: String,
}

/// An event.
///
/// ```
/// use sluice_notification_controller::event::Event;
/// let event = Event::parse(br#"{"involvedObject": {"kind": "Kustomization", "name": "apps", "namespace": "flux-system",
///     "apiVersion": "kustomize.toolkit.fluxcd.io/v1"}, "severity": "error", "reason": "BuildFailed", "message": "no"}"#)?;
/// assert_eq!(event.object_name(), "kustomization/apps.flux-system");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// What it is about.
    #[serde(deserialize_with = "or_default")]
    pub involved_object: InvolvedObject,
    /// `trace`, `info` or `error`.
    #[serde(deserialize_with = "text")]
    pub severity: String,
    /// When it happened.
    pub timestamp: Time,
    /// What happened, for people.
    #[serde(deserialize_with = "text")]
    pub message: String,
    /// What happened, in one word.
    #[serde(deserialize_with = "text")]
    pub reason: String,
    /// Facts; empty is not written.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "or_default")]
    pub metadata: BTreeMap<String, String>,
    /// The controller that says so.
    #[serde(deserialize_with = "text")]
    pub reporting_controller: String,
    /// Its pod.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "text")]
    pub reporting_instance: String,
}

/// A time in whole seconds, as Kubernetes writes it; absent is `null`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time(pub Option<Timestamp>);

impl Time {
    /// Seconds since 1970; Go's zero time where there is none.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.map_or(-62_135_596_800, Timestamp::as_second)
    }

    /// `2026-11-20T10:15:30Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        match self.0.and_then(|it| Timestamp::from_second(it.as_second()).ok()) {
            Some(whole) => whole.to_string(),
            None => "0001-01-01T00:00:00Z".to_owned(),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(_) => serializer.serialize_str(&self.rfc3339()),
            None => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        if text.is_empty() {
            return Ok(Time(None));
        }
        text.parse().map(|it| Time(Some(it))).map_err(serde::de::Error::custom)
    }
}

/// A null is as good as nothing, as in Go.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    or_default(deserializer)
}

fn or_default<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Event {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is no JSON, or a field has another type than an event's.
    pub fn parse(body: &[u8]) -> Result<Event, serde_json::Error> {
        // Serde would take a list for a structure, field by field.
        if body.trim_ascii_start().first().is_some_and(|it| *it != b'{') {
            return Err(serde::de::Error::custom("an event is an object"));
        }
        serde_json::from_slice(body)
    }

    /// The API group of the object; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.involved_object.api_version.rsplit_once('/').map_or("", |(group, _)| group)
    }

    /// Keeps of the metadata what belongs to the event group or the object's own, without checksums.
    pub fn clean(&mut self) {
        let own = format!("{}/", self.group());
        let event = format!("{EVENT_GROUP}/");
        let noise = [format!("{own}checksum"), format!("{own}digest")];
        self.metadata.retain(|key, _| {
            (key.starts_with(&event) || key.starts_with(&own)) && !noise.iter().any(|it| it.eq_ignore_ascii_case(key))
        });
    }

    /// A key of the object's own group.
    #[must_use]
    pub fn own(&self, key: &str) -> Option<&str> {
        self.metadata.get(&format!("{}/{key}", self.group())).map(String::as_str)
    }

    /// What makes two events the same for rate limiting: object, message and revision, whatever the time.
    #[must_use]
    pub fn key(&self) -> String {
        hex::encode(self.key_digest())
    }

    /// The digest behind [`Event::key`].
    #[must_use]
    pub fn key_digest(&self) -> [u8; 32] {
        let InvolvedObject { kind, namespace, name, .. } = &self.involved_object;
        let mut text = format!("event/name={name}/namespace={namespace}/kind={kind}/message={}", self.message);
        for key in ["originRevision", "revision", "token"] {
            if let Some(value) = self.own(key) {
                // Writing to a string cannot fail.
                let _ = write!(text, "/{key}={value}");
            }
        }
        Sha256::digest(text).into()
    }

    /// Drops the key that only rate limiting needs.
    pub fn forget_token(&mut self) {
        let key = format!("{}/token", self.group());
        self.metadata.remove(&key);
    }

    /// `kustomization/apps.flux-system`.
    #[must_use]
    pub fn object_name(&self) -> String {
        let InvolvedObject { kind, namespace, name, .. } = &self.involved_object;
        format!("{}/{name}.{namespace}", kind.to_lowercase())
    }

    /// Whether something failed.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == "error"
    }

    /// Whether the pass is still under way.
    #[must_use]
    pub fn is_progressing(&self) -> bool {
        self.reason == "Progressing"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_would_refuse_is_refused() {
        for bad in ["", "[]", "{\"message\": 1}", "{\"timestamp\": \"soon\"}", "{\"metadata\": {\"a\": 1}}"] {
            assert!(Event::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(Event::parse(b"{\"message\": null, \"metadata\": null}").unwrap(), Event::default());
    }

    #[test]
    fn a_deep_body_is_an_error_and_no_crash() {
        let deep = "[".repeat(200_000);
        assert!(Event::parse(deep.as_bytes()).is_err());
        assert!(Event::parse(format!("{{\"metadata\": {deep}").as_bytes()).is_err());
    }
}
