//! Dates and times, as go-yaml recognises and Go prints them.

use std::fmt::Write as _;

/// The time that `text` denotes, in the form Go gives it in JSON (RFC 3339, fraction without trailing zeros).
///
/// The accepted forms are go-yaml's: `2001-12-14`, `2001-12-14t21:59:43.10-05:00` (also `T`, or `Z` as the zone) and
/// `2001-12-14 21:59:43.10`; month, day, hour, minute and second may have one digit.
pub(crate) fn parse(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || bytes[4] != b'-' || !bytes[..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut rest = Cursor(&text[5..]);
    let year: u32 = text[..4].parse().ok()?;
    let month = rest.number(1..=12)?;
    rest.skip('-')?;
    let day = rest.number(1..=days(year, month))?;
    let mut printed = format!("{year:04}-{month:02}-{day:02}T");
    if rest.0.is_empty() {
        printed.push_str("00:00:00Z");
        return Some(printed);
    }
    let zoned = rest.skip('T').or_else(|| rest.skip('t')).is_some();
    if !zoned {
        rest.skip(' ')?;
    }
    let hour = rest.number(0..=23)?;
    rest.skip(':')?;
    let minute = rest.number(0..=59)?;
    rest.skip(':')?;
    let second = rest.number(0..=59)?;
    write!(printed, "{hour:02}:{minute:02}:{second:02}").ok()?;
    if rest.skip('.').or_else(|| rest.skip(',')).is_some() {
        let fraction = rest.digits(usize::MAX)?;
        let kept = fraction[..fraction.len().min(9)].trim_end_matches('0');
        if !kept.is_empty() {
            printed.push('.');
            printed.push_str(kept);
        }
    }
    match rest.0 {
        "" if !zoned => printed.push('Z'),
        "Z" if zoned => printed.push('Z'),
        zone if zoned => printed.push_str(&offset(zone)?),
        _ => return None,
    }
    Some(printed)
}

/// `+hh:mm`; nothing off is `Z`. Go takes sixty minutes and carries them.
fn offset(zone: &str) -> Option<String> {
    let [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] = zone.as_bytes() else { return None };
    let digit = |b: &u8| b.is_ascii_digit().then(|| u32::from(b - b'0'));
    let (hours, minutes) = (digit(h1)? * 10 + digit(h2)?, digit(m1)? * 10 + digit(m2)?);
    if hours > 24 || minutes > 60 {
        return None;
    }
    match hours * 60 + minutes {
        0 => Some("Z".to_owned()),
        off => Some(format!("{}{:02}:{:02}", char::from(*sign), off / 60, off % 60)),
    }
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn skip(&mut self, c: char) -> Option<()> {
        self.0 = self.0.strip_prefix(c)?;
        Some(())
    }

    fn digits(&mut self, most: usize) -> Option<&'a str> {
        let length = self.0.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        (length > 0).then_some(digits)
    }

    fn number(&mut self, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let n = self.digits(2)?.parse().ok()?;
        range.contains(&n).then_some(n)
    }
}
