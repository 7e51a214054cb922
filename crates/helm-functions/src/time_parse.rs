//! Go's `time.Parse`: texts read by a layout.

use jiff::Zoned;
use jiff::tz::TimeZone;
use sluice_gotemplate::{DAYS, MONTHS, TIME_ELEMENTS};

#[derive(Default)]
struct Parts {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i64,
    afternoon: Option<bool>,
    offset: Option<i64>,
    zone: Option<String>,
}

/// Why an element does not fit: the text does not have its form, or its value is out of range.
enum Misfit {
    Form,
    Range(&'static str),
}

/// Reads `value` as `layout` says. A zone's abbreviation without an offset is kept, with an offset of zero.
///
/// # Errors
/// As Go words it.
pub(crate) fn parse(layout: &str, value: &str) -> Result<Zoned, String> {
    let fail = |detail: String| format!("parsing time {}{detail}", quote(value));
    let mut parts = Parts::default();
    let (mut l, mut v) = (layout, value);
    loop {
        let (prefix, element, after) = next_element(l);
        let mismatch = |v: &str, element: &str| {
            fail(format!(" as {}: cannot parse {} as {}", quote(layout), quote(v), quote(element)))
        };
        v = skip(v, prefix).map_err(|rest| mismatch(rest, prefix))?;
        let Some(element) = element else { break };
        let next_is_fraction = fraction(after).is_some();
        let used = match parts.read(element, v, next_is_fraction) {
            Ok(used) => used,
            Err(Misfit::Form) => return Err(mismatch(v, element)),
            Err(Misfit::Range(what)) => return Err(fail(format!(": {what} out of range"))),
        };
        v = &v[used..];
        l = after;
    }
    if !v.is_empty() {
        return Err(fail(format!(": extra text: {}", quote(v))));
    }
    parts.time().map_err(|what| fail(format!(": {what} out of range")))
}

/// As the package of times quotes: what is no printable ASCII byte by byte.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=0x7f => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('"');
    out
}

/// The text before the first element, the element, and the rest.
fn next_element(layout: &str) -> (&str, Option<&str>, &str) {
    for (at, _) in layout.char_indices() {
        let here = &layout[at..];
        if let Some(length) = fraction(here) {
            return (&layout[..at], Some(&here[..length]), &here[length..]);
        }
        for &element in TIME_ELEMENTS {
            let small_follows = || here[element.len()..].starts_with(|c: char| c.is_ascii_lowercase());
            if here.starts_with(element) && !(matches!(element, "Jan" | "Mon") && small_follows()) {
                let literal = at + usize::from(element == "_2006");
                let end = at + element.len();
                return (&layout[..literal], Some(&layout[literal..end]), &layout[end..]);
            }
        }
    }
    (layout, None, "")
}

/// The length of `.000` or `,999`.
fn fraction(layout: &str) -> Option<usize> {
    let rest = layout.strip_prefix(['.', ','])?;
    let digit = rest.chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let count = rest.chars().take_while(|c| *c == digit).count();
    let ends = !rest[count..].starts_with(|c: char| c.is_ascii_digit());
    ends.then_some(count + 1)
}

/// Skips a literal text. A run of spaces there takes any run of spaces.
fn skip<'v>(mut value: &'v str, prefix: &str) -> Result<&'v str, &'v str> {
    let mut prefix = prefix;
    while let Some(c) = prefix.chars().next() {
        if c == ' ' {
            if !value.is_empty() && !value.starts_with(' ') {
                return Err(value);
            }
            prefix = prefix.trim_start_matches(' ');
            value = value.trim_start_matches(' ');
            continue;
        }
        if !value.starts_with(c) {
            return Err(value);
        }
        prefix = &prefix[c.len_utf8()..];
        value = &value[c.len_utf8()..];
    }
    Ok(value)
}

fn digits(value: &str, least: usize, most: usize) -> Result<(i64, usize), Misfit> {
    let count = value.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least {
        return Err(Misfit::Form);
    }
    Ok((value[..count].parse().unwrap_or(0), count))
}

fn name(list: &[&str], short: bool, value: &str) -> Result<(i64, usize), Misfit> {
    let cut = |name: &str| if short { 3 } else { name.len() };
    let fits = |name: &&str| value.get(..cut(name)).is_some_and(|start| start.eq_ignore_ascii_case(&name[..cut(name)]));
    let at = list.iter().position(fits).ok_or(Misfit::Form)?;
    Ok((at as i64 + 1, cut(list[at])))
}

impl Parts {
    /// Reads one element; gives how much of the text it took.
    fn read(&mut self, element: &str, value: &str, next_is_fraction: bool) -> Result<usize, Misfit> {
        let within = |(number, used): (i64, usize), low: i64, high: i64, what: &'static str| {
            if (low..=high).contains(&number) { Ok((number, used)) } else { Err(Misfit::Range(what)) }
        };
        let (number, used) = match element {
            "2006" => digits(value, 4, 4)?,
            "06" => digits(value, 2, 2)?,
            "January" | "Jan" => name(&MONTHS, element == "Jan", value)?,
            "Monday" | "Mon" => name(&DAYS, element == "Mon", value)?,
            "01" => within(digits(value, 2, 2)?, 1, 12, "month")?,
            "1" => within(digits(value, 1, 2)?, 1, 12, "month")?,
            "02" => digits(value, 2, 2)?,
            "2" => digits(value, 1, 2)?,
            "_2" => {
                let blank = usize::from(value.starts_with(' '));
                let (number, used) = digits(&value[blank..], 1, 2)?;
                (number, used + blank)
            }
            "002" => digits(value, 3, 3)?,
            "__2" => {
                let blanks = value.bytes().take(2).take_while(|b| *b == b' ').count();
                let (number, used) = digits(&value[blanks..], 1, 3 - blanks)?;
                (number, used + blanks)
            }
            "15" => within(digits(value, 1, 2)?, 0, 23, "hour")?,
            "03" => within(digits(value, 2, 2)?, 0, 12, "hour")?,
            "3" => within(digits(value, 1, 2)?, 0, 12, "hour")?,
            "04" => within(digits(value, 2, 2)?, 0, 59, "minute")?,
            "4" => within(digits(value, 1, 2)?, 0, 59, "minute")?,
            "05" | "5" => {
                let (number, used) = digits(value, if element == "05" { 2 } else { 1 }, 2)?;
                return self.seconds(within((number, used), 0, 59, "second")?, value, next_is_fraction);
            }
            "PM" | "pm" => {
                let (am, pm) = if element == "PM" { ("AM", "PM") } else { ("am", "pm") };
                let half = value.get(..2).filter(|half| *half == am || *half == pm).ok_or(Misfit::Form)?;
                self.afternoon = Some(half == pm);
                return Ok(2);
            }
            "MST" => return self.abbreviation(value),
            zone if zone.starts_with(['Z', '-']) => return self.numeric_zone(zone, value),
            fraction => return self.fraction(fraction, value),
        };
        match element {
            "2006" => self.year = number,
            "06" => self.year = if number >= 69 { 1900 + number } else { 2000 + number },
            "January" | "Jan" | "01" | "1" => self.month = Some(number),
            "02" | "2" | "_2" => self.day = Some(number),
            "002" | "__2" => self.year_day = Some(number),
            "15" | "03" | "3" => self.hour = number,
            "04" | "4" => self.minute = number,
            _ => {}
        }
        Ok(used)
    }

    /// Seconds, with a fraction behind them even where the layout has none.
    fn seconds(&mut self, found: (i64, usize), value: &str, next_is_fraction: bool) -> Result<usize, Misfit> {
        let (number, used) = found;
        self.second = number;
        let rest = &value[used..];
        let count = rest.bytes().skip(1).take_while(u8::is_ascii_digit).count();
        if next_is_fraction || count == 0 || !rest.starts_with(['.', ',']) {
            return Ok(used);
        }
        self.set_nanos(&rest[1..=count]);
        Ok(used + 1 + count)
    }

    fn set_nanos(&mut self, digits: &str) {
        self.nanos = format!("{digits:0<9.9}").parse().unwrap_or(0);
    }

    fn fraction(&mut self, element: &str, value: &str) -> Result<usize, Misfit> {
        let count = value.bytes().skip(1).take_while(u8::is_ascii_digit).count();
        if element.ends_with('9') {
            // It may be missing, and have any length.
            if !value.starts_with(['.', ',']) || count == 0 {
                return Ok(0);
            }
            self.set_nanos(&value[1..=count]);
            return Ok(1 + count);
        }
        let wanted = element.len() - 1;
        if !value.starts_with(['.', ',']) || count < wanted {
            return Err(Misfit::Form);
        }
        self.set_nanos(&value[1..=wanted]);
        Ok(1 + wanted)
    }

    fn abbreviation(&mut self, value: &str) -> Result<usize, Misfit> {
        if value.starts_with("UTC") {
            self.offset = Some(0);
            return Ok(3);
        }
        let letters = value.bytes().take(6).take_while(u8::is_ascii_uppercase).count();
        let is_zone = match letters {
            5 => value[..5].ends_with('T'),
            4 => value[..4].ends_with('T') || value.starts_with("WITA"),
            3 => true,
            _ => false,
        };
        if !is_zone {
            return Err(Misfit::Form);
        }
        self.zone = Some(value[..letters].to_owned());
        Ok(letters)
    }

    fn numeric_zone(&mut self, element: &str, value: &str) -> Result<usize, Misfit> {
        if element.starts_with('Z') && value.starts_with('Z') {
            self.offset = Some(0);
            return Ok(1);
        }
        let form = &element[1..];
        let mut sign = 1;
        let mut numbers = [0_i64; 3];
        let body = match value.bytes().next() {
            Some(b'+') => &value[1..],
            Some(b'-') => {
                sign = -1;
                &value[1..]
            }
            _ => return Err(Misfit::Form),
        };
        let text = body.get(..form.len()).ok_or(Misfit::Form)?;
        let colons_fit = text.bytes().zip(form.bytes()).all(|(a, b)| (a == b':') == (b == b':'));
        let plain: String = text.chars().filter(|c| *c != ':').collect();
        if !colons_fit || !plain.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Misfit::Form);
        }
        for (slot, pair) in numbers.iter_mut().zip(plain.as_bytes().chunks(2)) {
            *slot = pair.iter().fold(0, |all, digit| all * 10 + i64::from(digit - b'0'));
        }
        let [hours, minutes, seconds] = numbers;
        if hours > 24 {
            return Err(Misfit::Range("time zone offset hour"));
        }
        if minutes > 60 {
            return Err(Misfit::Range("time zone offset minute"));
        }
        if seconds > 60 {
            return Err(Misfit::Range("time zone offset second"));
        }
        self.offset = Some(sign * (hours * 3600 + minutes * 60 + seconds));
        Ok(1 + form.len())
    }

    fn time(self) -> Result<Zoned, &'static str> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let year = i16::try_from(self.year).map_err(|_| "year")?;
        let date = match self.year_day {
            Some(day) => {
                let first = jiff::civil::Date::new(year, 1, 1).map_err(|_| "year")?;
                if !(1..=i64::from(first.days_in_year())).contains(&day) {
                    return Err("day-of-year");
                }
                first.checked_add(jiff::Span::new().days(day - 1)).map_err(|_| "day-of-year")?
            }
            None => {
                let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
                jiff::civil::Date::new(year, month as i8, day as i8).map_err(|_| "day")?
            }
        };
        let civil = date.at(hour as i8, self.minute as i8, self.second as i8, self.nanos as i32);
        let zone = match (self.offset, self.zone) {
            (None, None) => TimeZone::UTC,
            (Some(0), None) => TimeZone::UTC,
            (offset, name) => fixed(offset.unwrap_or(0), name),
        };
        civil.to_zoned(zone).map_err(|_| "year")
    }
}

/// A zone of one offset, under its abbreviation or, as Go names it, its offset.
fn fixed(offset: i64, name: Option<String>) -> TimeZone {
    let (sign, size) = if offset < 0 { ('-', -offset) } else { ('+', offset) };
    let name = name.unwrap_or_else(|| format!("{sign}{:02}{:02}", size / 3600, size / 60 % 60));
    // POSIX counts westwards.
    let back = if offset < 0 { '+' } else { '-' };
    let (hours, minutes, seconds) = (size / 3600, size / 60 % 60, size % 60);
    TimeZone::posix(&format!("<{name}>{back}{hours}:{minutes:02}:{seconds:02}")).unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::next_element;

    #[test]
    fn an_underscore_before_a_year_is_literal() {
        assert_eq!(next_element("x_2006-01"), ("x_", Some("2006"), "-01"));
        assert_eq!(next_element("x_2-01"), ("x", Some("_2"), "-01"));
    }
}
