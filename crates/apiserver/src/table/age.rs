//! Ages as `kubectl get` shows them.

use jiff::Timestamp;
use serde_json::Value;

use crate::rest::meta;

/// The age of an object.
pub fn of(object: &Value) -> String {
    since(meta::text(object, "creationTimestamp"))
}

/// The time since a timestamp; `<unknown>` when there is none.
pub fn since(time: &str) -> String {
    match time.parse::<Timestamp>() {
        Ok(at) => human(Timestamp::now().as_second() - at.as_second()),
        Err(_) => "<unknown>".into(),
    }
}

/// Seconds in two units at most, fewer the longer it is.
pub fn human(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let two = |big: i64, unit: &str, small: i64, part: &str| match small {
        0 => format!("{big}{unit}"),
        small => format!("{big}{unit}{small}{part}"),
    };
    match seconds {
        i64::MIN..=-2 => "<invalid>".into(),
        -1..=0 => "0s".into(),
        1..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(hours / 24, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{}d", hours / 24),
        63_072_000..252_288_000 => two(hours / 8760, "y", hours / 24 % 365, "d"),
        _ => format!("{}y", hours / 8760),
    }
}
