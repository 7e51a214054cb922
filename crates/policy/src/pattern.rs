//! Go's regular expressions, which differ from ours in letters: `\d`, `\w`, `\s` and `\b` are ASCII there, a `[` within
//! brackets is a `[`, and `\Q…\E` quotes.

use regex::{Regex, RegexBuilder};

/// A compiled pattern may take this many bytes.
const PATTERN_BYTES: usize = 1 << 20;

/// Compiles a pattern as Go reads it.
///
/// # Errors
/// In Go's words as far as they are known.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(&translated(pattern)).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).build();
    built.map_err(|error| explain(pattern, &error.to_string()))
}

fn explain(pattern: &str, message: &str) -> String {
    if message.contains("unclosed character class") {
        let at = pattern.rfind('[').unwrap_or(0);
        return format!("missing closing ]: `{}`", &pattern[at..]);
    }
    if message.contains("unclosed group") {
        return format!("missing closing ): `{pattern}`");
    }
    if message.contains("unopened group") {
        return format!("unexpected ): `{pattern}`");
    }
    if message.contains("look-around") {
        let at = pattern.find("(?").unwrap_or(0);
        let shown: String = pattern[at..].chars().take(if pattern[at..].starts_with("(?<") { 4 } else { 3 }).collect();
        return format!("invalid or unsupported Perl syntax: `{shown}`");
    }
    if message.contains("repetition operator missing expression") {
        let at = pattern.find(['*', '+', '?']).unwrap_or(0);
        return format!("missing argument to repetition operator: `{}`", &pattern[at..=at]);
    }
    if message.contains("size limit") {
        return format!("the compiled pattern is larger than {PATTERN_BYTES} bytes");
    }
    message.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut characters = pattern.chars().peekable();
    let mut class = Class::Outside;
    while let Some(c) = characters.next() {
        match (c, class) {
            ('\\', _) => {
                let Some(escaped) = characters.next() else {
                    out.push('\\');
                    break;
                };
                match escaped {
                    'd' => out.push_str("[0-9]"),
                    'D' => out.push_str("[^0-9]"),
                    'w' => out.push_str("[0-9A-Za-z_]"),
                    'W' => out.push_str("[^0-9A-Za-z_]"),
                    's' => out.push_str("[\\t\\n\\f\\r ]"),
                    'S' => out.push_str("[^\\t\\n\\f\\r ]"),
                    'b' | 'B' => out.push_str(&format!("(?-u:\\{escaped})")),
                    'Q' => quote(&mut characters, &mut out),
                    '<' | '>' => out.push(escaped),
                    _ => out.extend(['\\', escaped]),
                }
            }
            ('[', Class::Outside) => {
                out.push('[');
                if characters.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                // A bracket that closes at once is one of the characters.
                if characters.next_if_eq(&']').is_some() {
                    out.push_str("\\]");
                }
                class = Class::Inside;
            }
            ('[', Class::Inside) if characters.peek() == Some(&':') => {
                out.push('[');
                for c in characters.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            ('[' | '&' | '~', Class::Inside) => out.extend(['\\', c]),
            (']', Class::Inside) => {
                out.push(']');
                class = Class::Outside;
            }
            (c, _) => out.push(c),
        }
    }
    out
}

fn quote(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    while let Some(c) = characters.next() {
        if c == '\\' && characters.next_if_eq(&'E').is_some() {
            return;
        }
        out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    }
}

/// Whether a character stands within brackets.
#[derive(Clone, Copy)]
enum Class {
    Outside,
    Inside,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_patterns_mean_what_they_mean_in_go() {
        let cases = [
            (r"^\d+$", "12", true),
            (r"^\d+$", "\u{0661}", false),
            (r"^[\d.]+$", "1.2", true),
            (r"^[^\d]$", "1", false),
            (r"^[a[]+$", "a[", true),
            (r"^[]a]+$", "]a", true),
            (r"^\Qa.b\E$", "a.b", true),
            (r"^\Qa.b\E$", "axb", false),
            (r"^[[:alpha:]]+$", "ab", true),
            (r"\bx\b", "a-x-b", true),
            (r"^a&&b$", "a&&b", true),
        ];
        for (pattern, text, matches) in cases {
            assert_eq!(compile(pattern).unwrap().is_match(text), matches, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_pattern_that_is_none_is_named() {
        for pattern in ["[", "(?P<n>x", "(?=x)", "*", "a)", "\\", "(a{1000}){1000}"] {
            assert!(!compile(pattern).unwrap_err().is_empty(), "{pattern}");
        }
    }
}
