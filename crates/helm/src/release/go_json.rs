//! JSON as Go's encoding/json writes it: `<`, `>` and `&` escaped, whole floats without a point.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// The text of a value.
///
/// # Errors
/// What serde says of a value that is no JSON.
pub(super) fn to_vec(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut out, Go))?;
    Ok(out)
}

struct Go;

impl Formatter for Go {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(sluice_gotemplate::json_number(value).unwrap_or_default().as_bytes())
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let special = |c: char| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
        let mut rest = fragment;
        while let Some(at) = rest.find(special) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let c = rest[at..].chars().next().unwrap_or_default();
            write!(writer, "\\u{:04x}", c as u32)?;
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn what_differs_from_serde_is_gos() {
        let value = json!({ "a": 1.0, "b": 1e21, "c": "<&>\u{2028}\u{8}", "d": 1.5, "e": 7 });
        let text = String::from_utf8(super::to_vec(&value).expect("is JSON")).expect("is UTF-8");
        assert_eq!(text, r#"{"a":1,"b":1e+21,"c":"\u003c\u0026\u003e\u2028\b","d":1.5,"e":7}"#);
    }
}
