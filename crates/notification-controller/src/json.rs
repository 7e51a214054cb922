//! JSON as Go writes it: the characters that HTML and JavaScript trip over are escaped. Signatures and ids are made
//! over these bytes, so they have to be the same.

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

struct Go;

impl Formatter for Go {
    fn write_string_fragment<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, text: &str) -> std::io::Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (before, from) = rest.split_at(at);
            CompactFormatter.write_string_fragment(writer, before)?;
            let found = from.chars().next().unwrap_or('&');
            write!(writer, "\\u{:04x}", u32::from(found))?;
            rest = &from[found.len_utf8()..];
        }
        CompactFormatter.write_string_fragment(writer, rest)
    }
}

/// The JSON text of a value.
#[must_use]
pub fn to_vec<T: Serialize>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut out, Go)).expect("our payloads have string keys and no I/O");
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn html_is_escaped() {
        assert_eq!(super::to_vec(&"a<b>&\u{2028}\"c\n"), br#""a\u003cb\u003e\u0026\u2028\"c\n""#);
    }
}
