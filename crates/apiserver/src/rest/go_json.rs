//! The words in which Go's JSON decoder complains, for messages that clients and people know.

/// The syntax error that Go finds first; `None` when it finds none.
pub fn syntax_error(bytes: &[u8]) -> Option<String> {
    let mut scanner = Scanner { bytes, at: 0 };
    match scanner.value(0).and_then(|()| scanner.end()) {
        Ok(()) => None,
        Err(Stop::End) => Some("unexpected end of JSON input".into()),
        Err(Stop::At(c, context)) => Some(format!("invalid character {} {context}", quote(c))),
        Err(Stop::Deep) => Some("exceeded max depth".into()),
    }
}

enum Stop {
    End,
    At(u8, String),
    Deep,
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn blank(&mut self) {
        while self.bytes.get(self.at).is_some_and(|c| matches!(c, b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn peek(&mut self) -> Result<u8, Stop> {
        self.blank();
        self.bytes.get(self.at).copied().ok_or(Stop::End)
    }

    fn end(&mut self) -> Result<(), Stop> {
        self.blank();
        match self.bytes.get(self.at) {
            None => Ok(()),
            Some(c) => Err(Stop::At(*c, "after top-level value".into())),
        }
    }

    fn value(&mut self, depth: usize) -> Result<(), Stop> {
        // Go's own bound is 10,000; a smaller one keeps this recursion off the stack's end.
        if depth > 500 {
            return Err(Stop::Deep);
        }
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string(),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            b'-' | b'0'..=b'9' => self.number(),
            c => Err(Stop::At(c, "looking for beginning of value".into())),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), Stop> {
        self.at += 1;
        if self.peek()? == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            match self.peek()? {
                b'"' => self.string()?,
                c => return Err(Stop::At(c, "looking for beginning of object key string".into())),
            }
            match self.peek()? {
                b':' => self.at += 1,
                c => return Err(Stop::At(c, "after object key".into())),
            }
            self.value(depth + 1)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                c => return Err(Stop::At(c, "after object key:value pair".into())),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), Stop> {
        self.at += 1;
        if self.peek()? == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(());
                }
                c => return Err(Stop::At(c, "after array element".into())),
            }
        }
    }

    fn string(&mut self) -> Result<(), Stop> {
        self.at += 1;
        loop {
            let c = *self.bytes.get(self.at).ok_or(Stop::End)?;
            self.at += 1;
            match c {
                b'"' => return Ok(()),
                b'\\' => {
                    let escaped = *self.bytes.get(self.at).ok_or(Stop::End)?;
                    if !matches!(escaped, b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' | b'u') {
                        return Err(Stop::At(escaped, "in string escape code".into()));
                    }
                    self.at += 1;
                    for _ in 0..if escaped == b'u' { 4 } else { 0 } {
                        let digit = *self.bytes.get(self.at).ok_or(Stop::End)?;
                        if !digit.is_ascii_hexdigit() {
                            return Err(Stop::At(digit, "in \\u hexadecimal character escape".into()));
                        }
                        self.at += 1;
                    }
                }
                c if c < 0x20 => return Err(Stop::At(c, "in string literal".into())),
                _ => {}
            }
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), Stop> {
        for (index, expected) in word.bytes().enumerate() {
            let c = *self.bytes.get(self.at).ok_or(Stop::End)?;
            if c != expected && index > 0 {
                let context = format!("in literal {word} (expecting {})", quote(expected));
                return Err(Stop::At(c, context));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Stop> {
        let digits = |scanner: &mut Self, context: &str| -> Result<(), Stop> {
            let first = *scanner.bytes.get(scanner.at).ok_or(Stop::End)?;
            if !first.is_ascii_digit() {
                return Err(Stop::At(first, context.into()));
            }
            while scanner.bytes.get(scanner.at).is_some_and(u8::is_ascii_digit) {
                scanner.at += 1;
            }
            Ok(())
        };
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            digits(self, "in numeric literal")?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            digits(self, "after decimal point in numeric literal")?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            digits(self, "in exponent of numeric literal")?;
        }
        Ok(())
    }
}

fn quote(c: u8) -> String {
    match c {
        b'\'' => "'\\''".into(),
        b'"' => "'\"'".into(),
        b'\n' => "'\\n'".into(),
        b'\t' => "'\\t'".into(),
        b'\r' => "'\\r'".into(),
        0x20..=0x7e => format!("'{}'", c as char),
        c if c < 0x80 => format!("'\\x{c:02x}'"),
        // Go prints the byte as a rune.
        c if c < 0xa0 => format!("'\\u{c:04x}'"),
        c => format!("'{}'", c as char),
    }
}

/// An object as Go prints it: `metadata` in the order of its struct's fields, all else by name.
pub fn object_text(object: &serde_json::Value) -> String {
    const ORDER: &[&str] = &[
        "name",
        "generateName",
        "namespace",
        "selfLink",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "labels",
        "annotations",
        "ownerReferences",
        "finalizers",
        "managedFields",
    ];
    const MANAGED: &[&str] = &["manager", "operation", "apiVersion", "time", "fieldsType", "fieldsV1", "subresource"];
    let Some(map) = object.as_object() else { return object.to_string() };
    let parts: Vec<String> = map
        .iter()
        .map(|(key, value)| {
            let text = match (key.as_str(), value) {
                ("metadata", serde_json::Value::Object(metadata)) => {
                    in_order(metadata, ORDER, |field, value| match (field, value) {
                        ("managedFields", serde_json::Value::Array(entries)) => {
                            let entries: Vec<String> = entries
                                .iter()
                                .map(|e| match e.as_object() {
                                    Some(entry) => in_order(entry, MANAGED, |_, v| v.to_string()),
                                    None => e.to_string(),
                                })
                                .collect();
                            format!("[{}]", entries.join(","))
                        }
                        _ => value.to_string(),
                    })
                }
                _ => value.to_string(),
            };
            format!("{}:{text}", serde_json::Value::from(key.as_str()))
        })
        .collect();
    format!("{{{}}}", parts.join(","))
}

fn in_order(
    map: &serde_json::Map<String, serde_json::Value>,
    order: &[&str],
    print: impl Fn(&str, &serde_json::Value) -> String,
) -> String {
    let known = order.iter().filter_map(|key| Some((*key, map.get(*key)?)));
    let unknown = map.iter().filter(|(key, _)| !order.contains(&key.as_str())).map(|(k, v)| (k.as_str(), v));
    let parts: Vec<String> = known
        .chain(unknown)
        .map(|(key, value)| format!("{}:{}", serde_json::Value::from(key), print(key, value)))
        .collect();
    format!("{{{}}}", parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &[u8], want: Option<&str>) {
        assert_eq!(syntax_error(text).as_deref(), want);
    }

    #[test]
    fn complaints_are_gos() {
        check(b"{\"a\": [1, true, null, -0.5e3, \"x\\n\"]}", None);
        check(b"{not json", Some("invalid character 'n' looking for beginning of object key string"));
        check(b"{", Some("unexpected end of JSON input"));
        check(b"nope", Some("invalid character 'o' in literal null (expecting 'u')"));
        check(b"{} x", Some("invalid character 'x' after top-level value"));
        check(b"\x9e", Some("invalid character '\\u009e' looking for beginning of value"));
    }
}
