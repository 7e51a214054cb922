use std::borrow::Cow;
use std::fmt;
use std::time::Duration as StdDuration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::lenient;

/// What the schema admits as an interval.
pub(crate) const INTERVAL: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$";
/// What the schema admits as a timeout of one fetch: no hours.
pub(crate) const TIMEOUT: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$";

/// A length of time as the API writes it: Go's `1h30m`, `500ms`.
///
/// The text is kept as read and understood only where it is used, so that one bad stored value (CVE-2022-39272)
/// cannot break the list or watch of the others.
///
/// ```
/// use sluice_api::meta::Duration;
/// assert_eq!(Duration::from("1h30m").to_std().unwrap().as_secs(), 5400);
/// assert!(Duration::from("soon").to_std().is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Duration(String);

/// The text is no length of time, or a negative one, or one beyond 292 years.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration; write it like `1h30m`, `10m` or `500ms`")]
pub struct InvalidDuration(String);

impl Duration {
    /// The text as stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The length of time, by the rules of Go's `time.ParseDuration`.
    ///
    /// # Errors
    /// When the text is none, is negative, or does not fit into 2⁶³ nanoseconds.
    pub fn to_std(&self) -> Result<StdDuration, InvalidDuration> {
        nanoseconds(&self.0).map(StdDuration::from_nanos).ok_or_else(|| InvalidDuration(self.0.clone()))
    }
}

/// A sum of decimal numbers with units. Fractions of a nanosecond are cut off, as Go does.
fn nanoseconds(text: &str) -> Option<u64> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = after.strip_prefix('.').map_or(("", after), digits);
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let unit_length = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_length);
        let unit: u64 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(unit)?)?.checked_add(part_of(fraction, unit))?;
        rest = after;
    }
    i64::try_from(total).is_ok().then_some(total)
}

/// The leading decimal digits, and the rest.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// `0.fraction` of a unit. Eighteen digits are more than an hour in nanoseconds can show.
fn part_of(fraction: &str, unit: u64) -> u64 {
    let fraction = &fraction[..fraction.len().min(18)];
    let scale = 10_u128.pow(u32::try_from(fraction.len()).expect("at most eighteen digits"));
    let numerator: u128 = fraction.parse().unwrap_or(0);
    u64::try_from(numerator * u128::from(unit) / scale).expect("a part is less than its unit")
}

impl From<&str> for Duration {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<StdDuration> for Duration {
    /// As Go prints it: `1h30m0s`, `2.5s`, `15ms`.
    fn from(duration: StdDuration) -> Self {
        let nanos = duration.as_nanos();
        if nanos < 1_000_000_000 {
            return Self(match nanos {
                0 => "0s".to_owned(),
                1..1_000 => format!("{nanos}ns"),
                1_000..1_000_000 => decimal(nanos, 1_000, "µs"),
                _ => decimal(nanos, 1_000_000, "ms"),
            });
        }
        let seconds = decimal(nanos % 60_000_000_000, 1_000_000_000, "s");
        let (minutes, hours) = (nanos / 60_000_000_000 % 60, nanos / 3_600_000_000_000);
        Self(match (hours, minutes) {
            (0, 0) => seconds,
            (0, _) => format!("{minutes}m{seconds}"),
            _ => format!("{hours}h{minutes}m{seconds}"),
        })
    }
}

/// `nanos` in `unit`, with as many decimals as it needs.
fn decimal(nanos: u128, unit: u128, name: &str) -> String {
    let width = unit.ilog10() as usize;
    let fraction = format!("{:0width$}", nanos % unit);
    let text = format!("{}.{fraction}", nanos / unit);
    format!("{}{name}", text.trim_end_matches('0').trim_end_matches('.'))
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::text(deserializer).map(Self)
    }
}

impl JsonSchema for Duration {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, nanos: Option<u64>) {
        assert_eq!(Duration::from(text).to_std().ok(), nanos.map(StdDuration::from_nanos), "`{text}`");
    }

    #[test]
    fn go_durations_are_read() {
        check("0", Some(0));
        check("0s", Some(0));
        check("1ns", Some(1));
        check("500ms", Some(500_000_000));
        check("1h30m", Some(5_400_000_000_000));
        check("1h1h", Some(7_200_000_000_000));
        check("1.5h", Some(5_400_000_000_000));
        check(".5s", Some(500_000_000));
        check("1.s", Some(1_000_000_000));
        check("3us4µs", Some(7_000));
        check("2562047h47m16.854775807s", Some(9_223_372_036_854_775_807));
    }

    #[test]
    fn junk_negative_and_endless_durations_fail_at_use() {
        for text in ["", "-5m", "5", "1d", "1e9s", "9999999h", "99999999999999999999s", "m", ".", ".s", "1h 30m", "∞"]
        {
            check(text, None);
        }
        for stored in ["5", "null", "{\"a\":1}", "[true]"] {
            let duration: Duration = serde_json::from_str(stored).unwrap();
            assert!(duration.to_std().is_err(), "{stored}");
        }
    }

    #[test]
    fn durations_are_printed_as_go_does() {
        for text in ["0s", "1ns", "1.5µs", "15ms", "1.000001ms", "2.5s", "1m0s", "1h30m0s", "36h0m0.1s"] {
            assert_eq!(Duration::from(Duration::from(text).to_std().unwrap()).as_str(), text);
        }
    }
}
