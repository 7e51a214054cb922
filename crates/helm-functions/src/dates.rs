//! Dates and durations. The local zone is UTC: a rendering must not depend on where it runs.

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use sluice_gotemplate::{DAYS, Error, Functions, MONTHS, Value};

use crate::convert::{ANY, STR, fail, ok, text, to_int64};

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

/// Go's time.Parse for the common layouts.
fn parse(layout: &str, value: &str) -> Result<Zoned, String> {
    let error = |detail: String| format!("parsing time {}{detail}", sluice_gotemplate::quote(value));
    let (mut year, mut month, mut day, mut hour, mut minute, mut second, mut nanos) =
        (0i64, 1i64, 1i64, 0i64, 0i64, 0i64, 0i64);
    let mut offset: Option<i32> = None;
    let mut pm = None;
    let (mut l, mut v) = (layout, value);
    const ELEMENTS: &[&str] = &[
        "2006", "January", "Jan", "Monday", "Mon", "MST", "01", "02", "15", "03", "04", "05", "06", "Z07:00", "Z0700",
        "-07:00", "-0700", "PM", "_2", "1", "2", "3", "4", "5",
    ];
    while !l.is_empty() {
        let Some(element) = ELEMENTS.iter().find(|element| l.starts_with(**element)) else {
            let c = l.chars().next().unwrap_or(' ');
            if !v.starts_with(c) {
                return Err(error(format!(
                    " as {}: cannot parse {} as {}",
                    sluice_gotemplate::quote(layout),
                    sluice_gotemplate::quote(v),
                    sluice_gotemplate::quote(literal(l))
                )));
            }
            l = &l[c.len_utf8()..];
            v = &v[c.len_utf8()..];
            continue;
        };
        let mismatch = |v: &str| {
            error(format!(
                " as {}: cannot parse {} as {}",
                sluice_gotemplate::quote(layout),
                sluice_gotemplate::quote(v),
                sluice_gotemplate::quote(element)
            ))
        };
        l = &l[element.len()..];
        let digits = |least: usize, most: usize| -> Option<(i64, usize)> {
            let count = v.bytes().take(most).take_while(u8::is_ascii_digit).count();
            (count >= least).then(|| (v[..count].parse().unwrap_or(0), count))
        };
        let names = |list: &[&str], short: bool| {
            list.iter().position(|name| {
                let name = if short { &name[..3] } else { name };
                v.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            })
        };
        let used;
        match *element {
            "January" | "Jan" => {
                let short = *element == "Jan";
                let at = names(&MONTHS, short).ok_or_else(|| mismatch(v))?;
                month = at as i64 + 1;
                used = if short { 3 } else { MONTHS[at].len() };
            }
            "Monday" | "Mon" => {
                let short = *element == "Mon";
                let at = names(&DAYS, short).ok_or_else(|| mismatch(v))?;
                used = if short { 3 } else { DAYS[at].len() };
            }
            "MST" => {
                used = v.bytes().take_while(u8::is_ascii_uppercase).count();
                offset = Some(0);
            }
            "PM" => {
                pm = Some(v.starts_with("PM"));
                used = 2.min(v.len());
            }
            zone if zone.contains("07") => {
                if zone.starts_with('Z') && v.starts_with('Z') {
                    offset = Some(0);
                    used = 1;
                } else {
                    used = zone.trim_start_matches(['Z', '-']).len() + 1;
                    let piece = v.get(..used).ok_or_else(|| mismatch(v))?;
                    let number = piece[1..].replace(':', "");
                    let number: i32 = number.parse().map_err(|_| mismatch(v))?;
                    let seconds = number / 100 * 3600 + number % 100 * 60;
                    offset = Some(if piece.starts_with('-') { -seconds } else { seconds });
                }
            }
            element => {
                let (least, most) = match element {
                    "2006" => (4, 4),
                    "1" | "2" | "3" | "4" | "5" | "_2" | "15" => (1, 2),
                    _ => (2, 2),
                };
                if element == "_2" {
                    v = v.trim_start_matches(' ');
                }
                let (number, length) = digits(least, most).ok_or_else(|| mismatch(v))?;
                used = length;
                let range = |name: &str| Err(error(format!(": {name} out of range")));
                match element {
                    "2006" => year = number,
                    "06" => year = if number >= 69 { 1900 + number } else { 2000 + number },
                    "01" | "1" => {
                        month = number;
                        if !(1..=12).contains(&number) {
                            return range("month");
                        }
                    }
                    "02" | "2" | "_2" => day = number,
                    "15" | "03" | "3" => {
                        hour = number;
                        if number > 23 {
                            return range("hour");
                        }
                    }
                    "04" | "4" => {
                        minute = number;
                        if number > 59 {
                            return range("minute");
                        }
                    }
                    _ => {
                        second = number;
                        if number > 59 {
                            return range("second");
                        }
                        let after = &v[used..];
                        if after.starts_with('.') && !l.starts_with('.') {
                            let count = after[1..].bytes().take_while(u8::is_ascii_digit).count();
                            nanos = format!("{:0<9.9}", &after[1..=count]).parse().unwrap_or(0);
                            v = &v[1 + count..];
                        }
                    }
                }
            }
        }
        v = v.get(used..).unwrap_or("");
    }
    if !v.is_empty() {
        return Err(error(format!(": extra text: {}", sluice_gotemplate::quote(v))));
    }
    match pm {
        Some(true) if hour < 12 => hour += 12,
        Some(false) if hour == 12 => hour = 0,
        _ => {}
    }
    let civil = jiff::civil::Date::new(year as i16, month as i8, day as i8)
        .map_err(|_| error(": day out of range".into()))?
        .at(hour as i8, minute as i8, second as i8, nanos as i32);
    let zone = match offset {
        None | Some(0) => TimeZone::UTC,
        Some(seconds) => Offset::from_seconds(seconds).map(TimeZone::fixed).unwrap_or(TimeZone::UTC),
    };
    civil.to_zoned(zone).map_err(|out| error(format!(": {out}")))
}

fn literal(layout: &str) -> &str {
    &layout[..layout.chars().next().map_or(0, char::len_utf8)]
}
