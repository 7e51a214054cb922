use std::borrow::Cow;
use std::fmt;

use k8s_openapi::jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::lenient;

/// A point in time as the API writes it (RFC 3339), kept as read so that a malformed one breaks only its own use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Time(String);

impl Time {
    /// The current time, to the second.
    #[must_use]
    pub fn now() -> Self {
        Self::from(Timestamp::now())
    }

    /// The text as stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The point in time, or `None` when the text is not RFC 3339.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.0.parse().ok()
    }
}

impl From<Timestamp> for Time {
    /// Cuts to whole seconds, as Kubernetes does.
    fn from(time: Timestamp) -> Self {
        let seconds = Timestamp::from_second(time.as_second()).unwrap_or(time);
        Self(seconds.to_string())
    }
}

impl From<&str> for Time {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::text(deserializer).map(Self)
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_whole_seconds() {
        let time: Timestamp = "2026-11-24T06:08:14.75Z".parse().unwrap();
        assert_eq!(Time::from(time).as_str(), "2026-11-24T06:08:14Z");
    }

    #[test]
    fn junk_is_kept_and_is_no_time() {
        let time: Time = serde_json::from_str("17").unwrap();
        assert_eq!((time.as_str(), time.timestamp()), ("17", None));
    }
}
