//! Times and durations as Go prints them.

use jiff::Zoned;

/// `1h2m3.5s`.
pub(crate) fn duration(nanoseconds: i64) -> String {
    if nanoseconds == 0 {
        return "0s".into();
    }
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    if total < 1_000_000_000 {
        let (unit, size) = match total {
            0..=999 => ("ns", 1),
            1_000..=999_999 => ("µs", 1_000),
            _ => ("ms", 1_000_000),
        };
        return format!("{sign}{}{unit}", decimal(total, size));
    }
    let minutes = total / 60_000_000_000;
    let seconds = decimal(total % 60_000_000_000, 1_000_000_000);
    match minutes {
        0 => format!("{sign}{seconds}s"),
        1..=59 => format!("{sign}{minutes}m{seconds}s"),
        _ => format!("{sign}{}h{}m{seconds}s", minutes / 60, minutes % 60),
    }
}

fn decimal(value: u64, unit: u64) -> String {
    let digits = unit.ilog10() as usize;
    let fraction = value % unit;
    if fraction == 0 {
        return (value / unit).to_string();
    }
    let text = format!("{}.{fraction:0>digits$}", value / unit);
    text.trim_end_matches('0').to_owned()
}

/// As time.Time prints itself.
pub(crate) fn full(time: &Zoned) -> String {
    layout(time, "2006-01-02 15:04:05.999999999 -0700 MST")
}

/// The months as Go writes them.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// The days of the week as Go writes them, from Sunday.
pub const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The elements of Go's layouts, longest first where one starts another. `_2006` is a literal underscore and a year.
pub const ELEMENTS: &[&str] = &[
    "January",
    "Jan",
    "Monday",
    "Mon",
    "MST",
    "2006",
    "002",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "15",
    "-07:00:00",
    "-070000",
    "-07:00",
    "-0700",
    "-07",
    "Z07:00:00",
    "Z070000",
    "Z07:00",
    "Z0700",
    "Z07",
    "PM",
    "pm",
    "_2006",
    "__2",
    "_2",
    "1",
    "2",
    "3",
    "4",
    "5",
];

/// Formats a time by a Go layout.
pub fn layout(time: &Zoned, layout: &str) -> String {
    let mut out = String::new();
    let mut rest = layout;
    'next: while let Some(c) = rest.chars().next() {
        if let Some(length) = fraction(rest, out.ends_with(|c: char| c.is_ascii_digit())) {
            push_fraction(&mut out, time, &rest[..length]);
            rest = &rest[length..];
            continue;
        }
        for element in ELEMENTS {
            if !rest.starts_with(element) {
                continue;
            }
            if *element == "Jan" && rest[3..].starts_with(|c: char| c.is_ascii_lowercase()) {
                continue;
            }
            if *element == "Mon" && rest[3..].starts_with(|c: char| c.is_ascii_lowercase()) {
                continue;
            }
            if *element == "_2006" {
                out.push('_');
                push(&mut out, time, "2006");
            } else {
                push(&mut out, time, element);
            }
            rest = &rest[element.len()..];
            continue 'next;
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// The length of `.000` or `,999` at the start, which digits must not follow.
fn fraction(text: &str, _after_digit: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let digit = *bytes.get(1)?;
    if !matches!(bytes[0], b'.' | b',') || !matches!(digit, b'0' | b'9') {
        return None;
    }
    let run = bytes[1..].iter().take_while(|b| **b == digit).count();
    (!bytes.get(1 + run).is_some_and(u8::is_ascii_digit)).then_some(1 + run)
}

fn push_fraction(out: &mut String, time: &Zoned, element: &str) {
    let nanos = format!("{:09}", time.subsec_nanosecond());
    let mut digits = nanos[..(element.len() - 1).min(9)].to_owned();
    if element.ends_with('9') {
        digits.truncate(digits.trim_end_matches('0').len());
        if digits.is_empty() {
            return;
        }
    }
    out.push_str(&element[..1]);
    out.push_str(&digits);
}

pub(crate) fn month_name(time: &Zoned) -> &'static str {
    MONTHS[usize::from(time.month().unsigned_abs()).saturating_sub(1).min(11)]
}

pub(crate) fn day_name(time: &Zoned) -> &'static str {
    DAYS[usize::from(time.weekday().to_sunday_zero_offset().unsigned_abs()).min(6)]
}

/// Go's AddDate: what is too much for a month runs over into the next. None outside of the years that exist.
pub(crate) fn add_date(time: &Zoned, years: i64, months: i64, days: i64) -> Option<Zoned> {
    let months = i64::from(time.month()).checked_add(months)? - 1;
    let year = i64::from(time.year()).checked_add(years)?.checked_add(months.div_euclid(12))?;
    let month = i8::try_from(months.rem_euclid(12) + 1).ok()?;
    let first = jiff::civil::Date::new(i16::try_from(year).ok()?, month, 1).ok()?;
    let days = days.checked_add(i64::from(time.day()) - 1)?;
    let date = first.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
    date.to_datetime(time.time()).to_zoned(time.time_zone().clone()).ok()
}

fn push(out: &mut String, time: &Zoned, element: &str) {
    let month = month_name(time);
    let day = day_name(time);
    let hour12 = match time.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let text = match element {
        "January" => month.to_owned(),
        "Jan" => month[..3].to_owned(),
        "Monday" => day.to_owned(),
        "Mon" => day[..3].to_owned(),
        "MST" => zone_name(time),
        "2006" => format!("{:04}", time.year()),
        "06" => format!("{:02}", time.year().rem_euclid(100)),
        "002" => format!("{:03}", time.day_of_year()),
        "__2" => format!("{:3}", time.day_of_year()),
        "01" => format!("{:02}", time.month()),
        "1" => time.month().to_string(),
        "02" => format!("{:02}", time.day()),
        "_2" => format!("{:2}", time.day()),
        "2" => time.day().to_string(),
        "15" => format!("{:02}", time.hour()),
        "03" => format!("{hour12:02}"),
        "3" => hour12.to_string(),
        "04" => format!("{:02}", time.minute()),
        "4" => time.minute().to_string(),
        "05" => format!("{:02}", time.second()),
        "5" => time.second().to_string(),
        "PM" => if time.hour() >= 12 { "PM" } else { "AM" }.to_owned(),
        "pm" => if time.hour() >= 12 { "pm" } else { "am" }.to_owned(),
        zone => offset(time.offset().seconds(), zone),
    };
    out.push_str(&text);
}

fn zone_name(time: &Zoned) -> String {
    let info = time.time_zone().to_offset_info(time.timestamp());
    let name = info.abbreviation();
    if time.offset().seconds() == 0 && (name == "UTC" || name.starts_with(['+', '-'])) {
        return "UTC".into();
    }
    name.to_owned()
}

fn offset(seconds: i32, element: &str) -> String {
    if element.starts_with('Z') && seconds == 0 {
        return "Z".into();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let total = seconds.unsigned_abs();
    let (h, m, s) = (total / 3600, total / 60 % 60, total % 60);
    match &element[1..] {
        "07" => format!("{sign}{h:02}"),
        "0700" => format!("{sign}{h:02}{m:02}"),
        "07:00" => format!("{sign}{h:02}:{m:02}"),
        "070000" => format!("{sign}{h:02}{m:02}{s:02}"),
        _ => format!("{sign}{h:02}:{m:02}:{s:02}"),
    }
}
