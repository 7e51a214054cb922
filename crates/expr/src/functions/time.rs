//! Timestamps and durations. Zones are UTC or an offset like `+02:00`; names of zones are not known.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::error::EvalError;
use crate::eval::Evaluated;
use crate::value::Val;

/// RFC 3339 with a time zone, year 1 to 9999.
pub(crate) fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let shaped = text.len() >= 20 && matches!(text.as_bytes().get(10), Some(b'T' | b't'));
    shaped.then(|| text.parse().ok()).flatten().filter(in_range)
}

fn in_range(at: &Timestamp) -> bool {
    (-62_135_596_800..=253_402_300_799).contains(&at.as_second())
}

pub(super) fn timestamp_of<'a>(seconds: i64) -> Evaluated<'a> {
    let at = Timestamp::from_second(seconds).ok().filter(in_range);
    at.map(Val::Timestamp).ok_or(EvalError::Overflow("timestamp"))
}

pub(crate) fn timestamp_text(at: Timestamp) -> String {
    at.to_string()
}

/// Go's notation: `1h30m`, `1.5s`, `-2ms`.
pub(crate) fn parse_duration(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let unit_len = rest[number..].bytes().take_while(|b| !b.is_ascii_digit() && *b != b'.').count();
        let (digits, unit) = (&rest[..number], rest.get(number..number + unit_len)?);
        rest = rest.get(number + unit_len..)?;
        let unit: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() || whole.len() > 19 {
            return None;
        }
        total += whole.parse::<i128>().or_else(|e| if whole.is_empty() { Ok(0) } else { Err(e) }).ok()? * unit;
        let mut scale = unit;
        for digit in fraction.chars() {
            scale /= 10;
            total += i128::from(digit.to_digit(10)?) * scale;
        }
        if total > i128::from(i64::MAX) {
            return None;
        }
    }
    let nanos = i64::try_from(total).ok()?;
    Some(SignedDuration::from_nanos(if negative { -nanos } else { nanos }))
}

/// Seconds with a fraction, as CEL prints a duration.
pub(crate) fn duration_text(span: SignedDuration) -> String {
    let (sign, span) = if span.is_negative() { ("-", span.abs()) } else { ("", span) };
    let nanos = span.subsec_nanos();
    if nanos == 0 {
        return format!("{sign}{}s", span.as_secs());
    }
    let fraction = format!("{nanos:09}");
    format!("{sign}{}.{}s", span.as_secs(), fraction.trim_end_matches('0'))
}

pub(super) fn arithmetic<'a>(operator: &str, left: &Val<'a>, right: &Val<'a>) -> Evaluated<'a> {
    let moved = |at: &Timestamp, by: Option<SignedDuration>| {
        by.and_then(|by| at.checked_add(by).ok())
            .filter(in_range)
            .map(Val::Timestamp)
            .ok_or(EvalError::Overflow("timestamp"))
    };
    let span = |sum: Option<SignedDuration>| {
        sum.filter(|s| i64::try_from(s.as_nanos()).is_ok()).map(Val::Duration).ok_or(EvalError::Overflow("duration"))
    };
    match (operator, left, right) {
        ("+", Val::Timestamp(at), Val::Duration(by)) | ("+", Val::Duration(by), Val::Timestamp(at)) => {
            moved(at, Some(*by))
        }
        ("-", Val::Timestamp(at), Val::Duration(by)) => moved(at, by.checked_neg()),
        ("-", Val::Timestamp(a), Val::Timestamp(b)) => span(Some(a.duration_since(*b))),
        ("+", Val::Duration(a), Val::Duration(b)) => span(a.checked_add(*b)),
        ("-", Val::Duration(a), Val::Duration(b)) => span(a.checked_sub(*b)),
        _ => Err(EvalError::no_overload()),
    }
}

pub(super) fn method<'a>(name: &str, args: &[Val<'a>]) -> Evaluated<'a> {
    let part = match args {
        [Val::Duration(span)] => of_duration(name, *span),
        [Val::Timestamp(at)] => of_timestamp(name, *at, TimeZone::UTC),
        [Val::Timestamp(at), zone] => {
            let zone = zone.text().ok_or_else(EvalError::no_overload)?;
            let zone = offset(zone).ok_or_else(|| EvalError::Invalid(format!("unknown time zone {zone}")))?;
            of_timestamp(name, *at, zone.to_time_zone())
        }
        _ => None,
    };
    part.map(Val::Int).ok_or_else(EvalError::no_overload)
}

fn of_duration(name: &str, span: SignedDuration) -> Option<i64> {
    Some(match name {
        "getHours" => span.as_secs() / 3600,
        "getMinutes" => span.as_secs() / 60,
        "getSeconds" => span.as_secs(),
        "getMilliseconds" => i64::from(span.subsec_millis()),
        _ => return None,
    })
}

fn of_timestamp(name: &str, at: Timestamp, zone: TimeZone) -> Option<i64> {
    let at: DateTime = zone.to_datetime(at);
    Some(match name {
        "getFullYear" => i64::from(at.year()),
        "getMonth" => i64::from(at.month()) - 1,
        "getDate" => i64::from(at.day()),
        "getDayOfMonth" => i64::from(at.day()) - 1,
        "getDayOfWeek" => i64::from(at.weekday().to_sunday_zero_offset()),
        "getDayOfYear" => i64::from(at.day_of_year()) - 1,
        "getHours" => i64::from(at.hour()),
        "getMinutes" => i64::from(at.minute()),
        "getSeconds" => i64::from(at.second()),
        "getMilliseconds" => i64::from(at.millisecond()),
        _ => return None,
    })
}

fn offset(zone: &str) -> Option<Offset> {
    if matches!(zone, "" | "UTC" | "Z") {
        return Some(Offset::UTC);
    }
    let (sign, rest) = match zone.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, zone.strip_prefix('+').unwrap_or(zone)),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?).ok()
}
