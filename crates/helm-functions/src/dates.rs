//! Dates and durations. The local zone is UTC: a rendering must not depend on where it runs.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use sluice_gotemplate::{Error, Functions, Value};

use crate::convert::{ANY, STR, fail, ok, text, to_int64};
use crate::time_parse::parse;

pub(crate) fn rfc3339(time: &Zoned) -> String {
    format(time, "2006-01-02T15:04:05.999999999Z07:00")
}

fn format(time: &Zoned, layout: &str) -> String {
    sluice_gotemplate::format_time(time, layout)
}

fn now() -> Zoned {
    Timestamp::now().to_zoned(TimeZone::UTC)
}

fn unix(seconds: i64) -> Zoned {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC)
}

/// sprig's idea of a time: a time, or seconds since 1970, or now.
fn when(value: &Value) -> Zoned {
    match value {
        Value::Time(time) => (**time).clone(),
        Value::Int(seconds) | Value::Int64(seconds) => unix(*seconds),
        Value::Int32(seconds) => unix(i64::from(*seconds)),
        _ => now(),
    }
}

fn zone(name: &str) -> TimeZone {
    match name {
        "" | "UTC" | "Local" => TimeZone::UTC,
        name => TimeZone::get(name).unwrap_or(TimeZone::UTC),
    }
}

fn zero() -> Value {
    let civil = jiff::civil::date(1, 1, 1).at(0, 0, 0, 0);
    Value::Time(Box::new(civil.to_zoned(TimeZone::UTC).unwrap_or_default()))
}

pub(crate) fn add(f: &mut Functions) {
    add_conversions(f);
    f.add("now", &[], None, |_, _| Ok(Value::Time(Box::new(now()))));
    f.add("date", &[STR, ANY], None, |_, a| ok(format(&when(&a[1]).with_time_zone(TimeZone::UTC), &text(&a[0]))));
    for name in ["dateInZone", "date_in_zone"] {
        f.add(name, &[STR, ANY, STR], None, |_, a| {
            ok(format(&when(&a[1]).with_time_zone(zone(&text(&a[2]))), &text(&a[0])))
        });
    }
    f.add("htmlDate", &[ANY], None, |_, a| ok(format(&when(&a[0]), "2006-01-02")));
    f.add("htmlDateInZone", &[ANY, STR], None, |_, a| {
        ok(format(&when(&a[0]).with_time_zone(zone(&text(&a[1]))), "2006-01-02"))
    });
    f.add("unixEpoch", &[sluice_gotemplate::Param::Time], None, |_, a| {
        ok(when(&a[0]).timestamp().as_second().to_string())
    });
    f.add("ago", &[ANY], None, |_, a| {
        let seconds = now().timestamp().as_second() - when(&a[0]).timestamp().as_second();
        Ok(Value::from(sluice_gotemplate::sprint(&[Value::Duration(seconds.saturating_mul(1_000_000_000))])))
    });
    for (name, must) in
        [("dateModify", false), ("date_modify", false), ("mustDateModify", true), ("must_date_modify", true)]
    {
        f.add(name, &[STR, sluice_gotemplate::Param::Time], None, move |_, a| match parse_duration(&text(&a[0])) {
            Ok(nanos) => {
                let moved = when(&a[1]).checked_add(jiff::SignedDuration::from_nanos(nanos));
                Ok(moved.map_or(a[1].clone(), |time| Value::Time(Box::new(time))))
            }
            Err(message) if must => fail(message),
            Err(_) => Ok(a[1].clone()),
        });
    }
    f.add("toDate", &[STR, STR], None, |_, a| {
        Ok(parse(&text(&a[0]), &text(&a[1])).map_or_else(|_| zero(), |time| Value::Time(Box::new(time))))
    });
    f.add("mustToDate", &[STR, STR], None, |_, a| {
        parse(&text(&a[0]), &text(&a[1])).map(|time| Value::Time(Box::new(time))).map_err(Error::new)
    });
    f.add("duration", &[ANY], None, |_, a| {
        let seconds = match &a[0] {
            Value::String(_) | Value::Int64(_) => to_int64(&a[0]),
            _ => 0,
        };
        ok(sluice_gotemplate::sprint(&[Value::Duration(seconds.wrapping_mul(1_000_000_000))]))
    });
    f.add("durationRound", &[ANY], None, |_, a| ok(rounded(&a[0])));
}

/// A duration of a duration, a text, or a number of seconds.
fn to_duration(value: &Value) -> Result<i64, String> {
    match value {
        Value::Duration(nanos) => Ok(*nanos),
        Value::String(_) => {
            let whole = text(value);
            let body = whole.trim();
            if body.is_empty() {
                return Err("empty duration".into());
            }
            let seconds = crate::convert::parse_float(body).map(|seconds| (seconds * 1e9) as i64);
            parse_duration(body).or_else(|_| {
                seconds.ok_or_else(|| format!("could not parse duration {}", sluice_gotemplate::quote(&whole)))
            })
        }
        Value::Float(seconds) => Ok((seconds * 1e9) as i64),
        Value::Nil => Err("invalid duration".into()),
        Value::Bool(_) | Value::Map(_) | Value::List(_) | Value::Time(_) | Value::Object(_) => {
            Err(format!("unsupported duration type {}", value.type_name()))
        }
        seconds => seconds
            .as_int()
            .and_then(|seconds| seconds.checked_mul(1_000_000_000))
            .ok_or_else(|| format!("duration seconds overflow: {}", seconds.as_int().unwrap_or(0))),
    }
}

fn add_conversions(f: &mut Functions) {
    f.add("mustToDuration", &[ANY], None, |_, a| to_duration(&a[0]).map(Value::Duration).map_err(Error::new));
    for (name, unit) in [
        ("durationSeconds", 1e9),
        ("durationMinutes", 6e10),
        ("durationHours", 3.6e12),
        ("durationDays", 8.64e13),
        ("durationWeeks", 6.048e14),
    ] {
        f.add(name, &[ANY], None, move |_, a| ok(to_duration(&a[0]).unwrap_or(0) as f64 / unit));
    }
    for (name, unit) in
        [("durationMilliseconds", 1_000_000), ("durationMicroseconds", 1_000), ("durationNanoseconds", 1)]
    {
        f.add(name, &[ANY], None, move |_, a| Ok(Value::Int64(to_duration(&a[0]).unwrap_or(0) / unit)));
    }
    for (name, nearest) in [("durationRoundTo", true), ("durationTruncateTo", false)] {
        f.add(name, &[ANY, ANY], None, move |_, a| {
            let (value, unit) = (to_duration(&a[0]).unwrap_or(0), to_duration(&a[1]).unwrap_or(0));
            if unit <= 0 {
                return Ok(Value::Duration(value));
            }
            let rest = value % unit;
            let up = nearest && rest.unsigned_abs() >= (unit - rest.abs()).unsigned_abs();
            let whole = value - rest;
            Ok(Value::Duration(if up { whole.saturating_add(unit * rest.signum()) } else { whole }))
        });
    }
}

fn rounded(value: &Value) -> String {
    let nanos = match value {
        Value::String(_) => parse_duration(&text(value)).unwrap_or(0),
        Value::Int64(nanos) => *nanos,
        Value::Time(time) => now().timestamp().as_nanosecond().saturating_sub(time.timestamp().as_nanosecond()) as i64,
        _ => 0,
    };
    let total = nanos.unsigned_abs() / 1_000_000_000;
    const UNITS: [(u64, &str); 6] =
        [(31_536_000, "y"), (2_592_000, "mo"), (86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    for (size, unit) in UNITS {
        if total > size || (total == size && size == 1) {
            return format!("{}{unit}", total / size);
        }
    }
    "0s".into()
}

/// Go's ParseDuration, in nanoseconds.
pub(crate) fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", sluice_gotemplate::quote(text));
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let unit_end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = &rest[..unit_end];
        let size = match unit {
            "" => return Err(format!("time: missing unit in duration {}", sluice_gotemplate::quote(text))),
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 6e10,
            "h" => 3.6e12,
            unit => {
                let (unit, text) = (sluice_gotemplate::quote(unit), sluice_gotemplate::quote(text));
                return Err(format!("time: unknown unit {unit} in duration {text}"));
            }
        };
        total += number * size;
        if total > 9.3e18 {
            return Err(invalid());
        }
        rest = &rest[unit_end..];
    }
    Ok(if negative { -(total as i64) } else { total as i64 })
}
