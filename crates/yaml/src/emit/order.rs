//! The order of keys that go-yaml calls natural: digits by value, before letters, punctuation before both.

use std::cmp::Ordering;

use serde_json::{Map, Value};

/// Whether the map's own order (of bytes) is the natural one already.
pub(super) fn is_natural(map: &Map<String, Value>) -> bool {
    let mut keys = map.keys();
    let Some(mut last) = keys.next() else { return true };
    keys.all(|key| {
        let sorted = compare(last, key) != Ordering::Greater;
        last = key;
        sorted
    })
}

/// The entries in natural order.
pub(super) fn natural(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    merge_sort(map.iter().collect())
}

/// Sorts without trusting the comparison to be a total order: with numbers that overflow it is none, and the standard
/// sort may then panic.
fn merge_sort<'a>(mut entries: Vec<(&'a String, &'a Value)>) -> Vec<(&'a String, &'a Value)> {
    if entries.len() < 2 {
        return entries;
    }
    let right = merge_sort(entries.split_off(entries.len() / 2));
    let left = merge_sort(entries);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(l), Some(r)) = (left.peek(), right.peek()) {
        let next = if compare(l.0, r.0) == Ordering::Greater { right.next() } else { left.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

fn compare(a: &str, b: &str) -> Ordering {
    let common = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    // The first character that differs may share its first bytes.
    let common = a.floor_char_boundary(common);
    let (before, a_rest, b_rest) = (&a[..common], &a[common..], &b[common..]);
    let (Some(x), Some(y)) = (a_rest.chars().next(), b_rest.chars().next()) else {
        return a.len().cmp(&b.len());
    };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(&y),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // `10` and `2` differ at their first digit, `100` and `12` at a zero whose number has begun before.
    let begun = (x == '0' || y == '0') && before.chars().rev().take_while(|c| is_digit(*c)).any(|c| c != '0');
    let start = i64::from(begun);
    let (x_number, x_digits) = number(a_rest, start);
    let (y_number, y_digits) = number(b_rest, start);
    x_number.cmp(&y_number).then(x_digits.cmp(&y_digits)).then(x.cmp(&y))
}

fn number(text: &str, start: i64) -> (i64, usize) {
    text.chars().take_while(|c| is_digit(*c)).fold((start, 0), |(n, digits), c| {
        (n.wrapping_mul(10).wrapping_add(i64::from(u32::from(c)) - i64::from(b'0')), digits + 1)
    })
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || (!c.is_ascii() && c.is_numeric() && !c.is_alphabetic())
}
