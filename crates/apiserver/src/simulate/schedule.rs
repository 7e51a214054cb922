//! Cron schedules, with the errors of the parser that kube-apiserver uses.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A parsed schedule: five sets of numbers, or a fixed distance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    fields: [u64; 5],
    every: Option<i64>,
    any_day: (bool, bool),
    zone: Option<String>,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Name in messages, least, most and names of a field.
const BOUNDS: [(u64, u64, &[&str]); 5] = [(0, 59, &[]), (0, 23, &[]), (1, 31, &[]), (1, 12, &MONTHS), (0, 6, &DAYS)];

impl Schedule {
    /// Parses `*/5 * * * *`, `@daily`, `@every 1h`; a leading `TZ=` or `CRON_TZ=` is taken.
    ///
    /// # Errors
    /// What the real parser says.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("empty spec string".into());
        }
        let mut spec = text;
        let mut zone = None;
        if let Some(rest) = spec.strip_prefix("TZ=").or_else(|| spec.strip_prefix("CRON_TZ=")) {
            let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            if TimeZone::get(name).is_err() {
                return Err(format!("provided bad location {name}: unknown time zone {name}"));
            }
            zone = Some(name.to_owned());
            spec = rest.trim();
        }
        if spec.starts_with('@') {
            return descriptor(spec, zone);
        }
        let words: Vec<&str> = spec.split_whitespace().collect();
        if words.len() != 5 {
            return Err(format!("expected exactly 5 fields, found {}: [{}]", words.len(), words.join(" ")));
        }
        let mut fields = [0; 5];
        for (at, word) in words.iter().enumerate() {
            fields[at] = field(word, at)?;
        }
        let any = |word: &str| word.starts_with('*') || word.starts_with('?');
        Ok(Self { fields, every: None, any_day: (any(words[2]), any(words[4])), zone })
    }

    /// The first time after `from`; `None` when there is none in five years.
    pub fn next(&self, from: Timestamp, zone: Option<&str>) -> Option<Timestamp> {
        if let Some(seconds) = self.every {
            return from.checked_add(seconds.seconds()).ok();
        }
        let zone = self.zone.as_deref().or(zone).and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
        let start = zone.to_datetime(from);
        let mut at = start.with().second(0).subsec_nanosecond(0).build().ok()?.checked_add(1.minute()).ok()?;
        let end = start.checked_add(5.years()).ok()?;
        while at < end {
            if !has(self.fields[3], at.month()) {
                at = at.with().day(1).hour(0).minute(0).build().ok()?.checked_add(1.month()).ok()?;
            } else if !self.on_day(at) {
                at = at.with().hour(0).minute(0).build().ok()?.checked_add(1.day()).ok()?;
            } else if !has(self.fields[1], at.hour()) {
                at = at.with().minute(0).build().ok()?.checked_add(1.hour()).ok()?;
            } else if !has(self.fields[0], at.minute()) {
                at = at.checked_add(1.minute()).ok()?;
            } else {
                return zone.to_ambiguous_timestamp(at).compatible().ok();
            }
        }
        None
    }

    fn on_day(&self, at: DateTime) -> bool {
        let of_month = has(self.fields[2], at.day());
        let of_week = has(self.fields[4], at.weekday().to_sunday_zero_offset());
        // Both named: either will do.
        if self.any_day.0 || self.any_day.1 { of_month && of_week } else { of_month || of_week }
    }
}

fn has(set: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| set & (1 << value) != 0)
}

fn descriptor(text: &str, zone: Option<String>) -> Result<Schedule, String> {
    let spec = match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => match text.strip_prefix("@every ") {
            Some(every) => {
                let bad = || format!("failed to parse duration {text}: time: invalid duration \"{every}\"");
                let duration = super::script::parse_duration(every).ok_or_else(bad)?;
                let every = Some(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX).max(1));
                return Ok(Schedule { fields: [0; 5], every, any_day: (true, true), zone });
            }
            None => return Err(format!("unrecognized descriptor: {text}")),
        },
    };
    Schedule::parse(spec).map(|schedule| Schedule { zone, ..schedule })
}

fn field(text: &str, at: usize) -> Result<u64, String> {
    let mut set = 0;
    for part in text.split(',').filter(|part| !part.is_empty()) {
        set |= range(part, at)?;
    }
    Ok(set)
}

fn range(text: &str, at: usize) -> Result<u64, String> {
    let (least, most, names) = BOUNDS[at];
    let parts: Vec<&str> = text.split('/').collect();
    let bounds: Vec<&str> = parts[0].split('-').collect();
    let (mut start, mut end);
    let mut single = bounds.len() == 1;
    if matches!(bounds[0], "*" | "?") {
        (start, end) = (least, most);
        single = false;
    } else {
        start = number(bounds[0], names)?;
        end = match bounds.as_slice() {
            [_] => start,
            [_, end] => number(end, names)?,
            _ => return Err(format!("too many hyphens: {text}")),
        };
    }
    let step = match parts.as_slice() {
        [_] => 1,
        [_, step] => {
            let step = number(step, &[])?;
            if single {
                end = most;
            }
            step
        }
        _ => return Err(format!("too many slashes: {text}")),
    };
    if at == 4 {
        // Sunday is also the seventh day.
        start = if start == 7 && end == 7 { 0 } else { start };
        end = if end == 7 && start == 0 { 0 } else { end };
    }
    if start < least {
        return Err(format!("beginning of range ({start}) below minimum ({least}): {text}"));
    }
    if end > most {
        return Err(format!("end of range ({end}) above maximum ({most}): {text}"));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {text}"));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {text}"));
    }
    let mut set = 0;
    let mut value = start;
    while value <= end {
        set |= 1 << value;
        value = value.saturating_add(step);
    }
    Ok(set)
}

fn number(text: &str, names: &[&str]) -> Result<u64, String> {
    let lower = text.to_lowercase();
    if let Some(at) = names.iter().position(|name| *name == lower) {
        return Ok(at as u64 + u64::from(names.len() == 12));
    }
    match text.parse::<i64>() {
        Ok(value) if value < 0 => Err(format!("negative number ({value}) not allowed: {text}")),
        Ok(value) => Ok(value.unsigned_abs()),
        Err(_) => Err(format!("failed to parse int from {text}: strconv.Atoi: parsing \"{text}\": invalid syntax")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schedule: &str, from: &str, want: &str) {
        let next = Schedule::parse(schedule).unwrap().next(from.parse().unwrap(), None).unwrap();
        assert_eq!(next.to_string(), want, "{schedule} after {from}");
    }

    #[test]
    fn the_next_time_is_found() {
        check("*/5 * * * *", "2026-01-01T00:02:10Z", "2026-01-01T00:05:00Z");
        check("0 0 * * *", "2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z");
        check("30 8 1 * mon", "2026-01-02T00:00:00Z", "2026-01-05T08:30:00Z");
        check("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z");
        check("@hourly", "2026-01-01T00:59:59Z", "2026-01-01T01:00:00Z");
        check("@every 90s", "2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z");
    }

    #[test]
    fn errors_are_those_of_the_real_parser() {
        for (schedule, want) in [
            ("every day", "expected exactly 5 fields, found 2: [every day]"),
            ("60 * * * *", "end of range (60) above maximum (59): 60"),
            ("x * * * *", "failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax"),
            ("@nightly", "unrecognized descriptor: @nightly"),
            ("*/0 * * * *", "step of range should be a positive number: */0"),
        ] {
            assert_eq!(Schedule::parse(schedule).unwrap_err(), want);
        }
        assert!(Schedule::parse("99999999999 * * * *").is_err());
    }
}
