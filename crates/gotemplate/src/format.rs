//! Go's fmt: `Sprint`, `Sprintln`, `Sprintf` over [`Value`]s.

mod print;
pub mod time;
mod verbs;

use crate::Value;

/// Joins values as fmt.Sprint: a space between two that are both no strings.
#[must_use]
pub fn sprint(values: &[Value]) -> String {
    lossy(sprint_bytes(values))
}

/// Joins values with spaces and ends the line, as fmt.Sprintln.
#[must_use]
pub fn sprintln(values: &[Value]) -> String {
    lossy(sprintln_bytes(values))
}

/// Formats as fmt.Sprintf, with its notes about wrong verbs and counts. None if the text exceeds `limit` bytes.
#[must_use]
pub fn sprintf(format: &str, values: &[Value], limit: usize) -> Option<String> {
    sprintf_bytes(format.as_bytes(), values, limit).map(lossy)
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// One value as `%v` prints it.
pub(crate) fn display(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    print::value(&mut out, value, &verbs::Spec::plain('v'), 0);
    out
}

pub(crate) fn sprint_bytes(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut previous_string = true;
    for (index, value) in values.iter().enumerate() {
        let string = value.text().is_some();
        if index > 0 && !string && !previous_string {
            out.push(b' ');
        }
        out.extend_from_slice(&display(value));
        previous_string = string;
    }
    out
}

pub(crate) fn sprintln_bytes(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(&display(value));
    }
    out.push(b'\n');
    out
}

pub(crate) fn sprintf_bytes(format: &[u8], values: &[Value], limit: usize) -> Option<Vec<u8>> {
    verbs::Formatter { out: Vec::new(), values, limit, next: 0, reordered: false, good_index: true }.run(format)
}
