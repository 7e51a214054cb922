//! Regular expressions, as RE2 reads them.

use regex::Regex;
use sluice_gotemplate::{Call, Error, Functions, Value};

use crate::convert::{INT, Outcome, STR, int, ok, text};

/// Memory that one compiled expression may take.
const PROGRAM_BYTES: usize = 4 << 20;

fn compile(pattern: &str, must: bool) -> Result<Regex, Error> {
    let result = regex::RegexBuilder::new(&ascii_classes(pattern)).size_limit(PROGRAM_BYTES).build();
    result.map_err(|error| {
        let message = format!("error parsing regexp: {}", reason(pattern, &error));
        Error::new(if must { message } else { format!("regexp: Compile({}): {message}", raw_quote(pattern)) })
    })
}

fn raw_quote(pattern: &str) -> String {
    if pattern.contains('`') { sluice_gotemplate::quote(pattern) } else { format!("`{pattern}`") }
}

/// Go's classes are ASCII.
fn ascii_classes(pattern: &str) -> String {
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('d') => out.push_str(if in_class { "0-9" } else { "[0-9]" }),
                Some('w') => out.push_str(if in_class { "0-9A-Za-z_" } else { "[0-9A-Za-z_]" }),
                Some('s') => out.push_str(if in_class { "\\t\\n\\f\\r " } else { "[\\t\\n\\f\\r ]" }),
                Some('D') => out.push_str("[^0-9]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some('S') => out.push_str("[^\\t\\n\\f\\r ]"),
                Some('b') if !in_class => out.push_str("(?-u:\\b)"),
                Some('Q') => {
                    let rest: String = chars.by_ref().collect();
                    let (literal, after) = rest.split_once("\\E").unwrap_or((&rest, ""));
                    out.push_str(&regex::escape(literal));
                    out.push_str(&ascii_classes(after));
                    return out;
                }
                Some(c) => {
                    out.push('\\');
                    out.push(c);
                }
                None => out.push('\\'),
            },
            '[' if in_class && chars.peek() != Some(&':') => out.push_str("\\["),
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    chars.next();
                    out.push('^');
                }
                if chars.peek() == Some(&']') {
                    chars.next();
                    out.push_str("\\]");
                }
            }
            '[' => {
                out.push('[');
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(c);
            }
            '-' if in_class && chars.peek() == Some(&'-') => out.push_str("\\-"),
            c => out.push(c),
        }
    }
    out
}

fn reason(pattern: &str, error: &regex::Error) -> String {
    let shown = error.to_string();
    let whole = raw_quote(pattern);
    if shown.contains("unclosed group") {
        format!("missing closing ): {whole}")
    } else if shown.contains("unopened group") {
        format!("unexpected ): {whole}")
    } else if shown.contains("unclosed character class") {
        format!("missing closing ]: {}", raw_quote(&pattern[pattern.rfind('[').unwrap_or(0)..]))
    } else if shown.contains("repetition operator missing") {
        let operator = pattern.find(['*', '+', '?']).map_or("*", |at| &pattern[at..=at]);
        format!("missing argument to repetition operator: `{operator}`")
    } else if shown.contains("look-around") {
        let at = pattern.find("(?").unwrap_or(0);
        let end = (at + 3).min(pattern.len());
        format!("invalid or unsupported Perl syntax: {}", raw_quote(&pattern[at..end]))
    } else if shown.contains("backreferences") || shown.contains("unrecognized escape") {
        let at = pattern.find('\\').unwrap_or(0);
        let piece: String = pattern[at..].chars().take(2).collect();
        format!("invalid escape sequence: {}", raw_quote(&piece))
    } else if shown.contains("incomplete escape") {
        "trailing backslash at end of expression: ``".to_owned()
    } else if shown.contains("invalid character class range") {
        let at = pattern.find('-').unwrap_or(1);
        format!("invalid character class range: {}", raw_quote(pattern.get(at - 1..at + 2).unwrap_or(pattern)))
    } else if shown.contains("size limit") {
        format!("expression too large (limit: {PROGRAM_BYTES} bytes): {whole}")
    } else {
        format!("invalid or unsupported Perl syntax: {whole}")
    }
}

fn limited(count: i64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn each<F>(f: &mut Functions, names: [&'static str; 2], fixed: &'static [sluice_gotemplate::Param], body: F)
where
    F: Fn(&mut Call<'_, '_>, Regex, &[Value]) -> Outcome + Send + Sync + Copy + 'static,
{
    for (name, must) in [(names[0], false), (names[1], true)] {
        f.add(name, fixed, None, move |call, a| {
            call.spend(a.iter().map(|arg| arg.bytes().map_or(0, <[u8]>::len) as u64 / 8).sum())?;
            let regex = compile(&text(&a[0]), must)?;
            body(call, regex, a)
        });
    }
}

pub(crate) fn add(f: &mut Functions) {
    f.add("regexMatch", &[STR, STR], None, |_, a| match compile(&text(&a[0]), true) {
        Ok(regex) => ok(regex.is_match(&text(&a[1]))),
        Err(_) => ok(false),
    });
    f.add("mustRegexMatch", &[STR, STR], None, |_, a| ok(compile(&text(&a[0]), true)?.is_match(&text(&a[1]))));
    each(f, ["regexFind", "mustRegexFind"], &[STR, STR], |_, regex, a| {
        ok(regex.find(&text(&a[1])).map_or("", |found| found.as_str()).to_owned())
    });
    each(f, ["regexFindAll", "mustRegexFindAll"], &[STR, STR, INT], |_, regex, a| {
        let whole = text(&a[1]);
        let found: Vec<_> =
            regex.find_iter(&whole).take(limited(int(&a[2]))).map(|m| Value::from(m.as_str())).collect();
        Ok(Value::strings(found))
    });
    each(f, ["regexReplaceAll", "mustRegexReplaceAll"], &[STR, STR, STR], |call, regex, a| {
        let (whole, replacement) = (text(&a[1]), text(&a[2]));
        replace(call, &regex, &whole, |captures, out| expand(&replacement, &regex, captures, out))
    });
    each(f, ["regexReplaceAllLiteral", "mustRegexReplaceAllLiteral"], &[STR, STR, STR], |call, regex, a| {
        let (whole, replacement) = (text(&a[1]), text(&a[2]));
        replace(call, &regex, &whole, |_, out| out.push_str(&replacement))
    });
    each(f, ["regexSplit", "mustRegexSplit"], &[STR, STR, INT], |_, regex, a| {
        Ok(Value::strings(split(&regex, &text(&a[1]), int(&a[2]))))
    });
    f.add("regexQuoteMeta", &[STR], None, |_, a| {
        let mut out = String::new();
        for c in text(&a[0]).chars() {
            if "\\.+*?()|[]{}^$".contains(c) {
                out.push('\\');
            }
            out.push(c);
        }
        ok(out)
    });
}

fn replace(
    call: &mut Call<'_, '_>,
    regex: &Regex,
    whole: &str,
    write: impl Fn(&regex::Captures<'_>, &mut String),
) -> Outcome {
    let mut out = String::new();
    let mut last = 0;
    for captures in regex.captures_iter(whole) {
        let Some(found) = captures.get(0) else { continue };
        out.push_str(&whole[last..found.start()]);
        write(&captures, &mut out);
        last = found.end();
        call.check_size(out.len())?;
    }
    out.push_str(&whole[last..]);
    ok(out)
}

/// `$1`, `${name}`, `$$`: the longest name counts.
fn expand(template: &str, regex: &Regex, captures: &regex::Captures<'_>, out: &mut String) {
    let _ = regex;
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let (name, after) = match rest.strip_prefix('{') {
            Some(inner) => match inner.split_once('}') {
                Some((name, after)) => (name, after),
                None => ("", rest),
            },
            None => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                rest.split_at(end)
            }
        };
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            out.push('$');
            continue;
        }
        rest = after;
        let found = match name.parse::<usize>() {
            Ok(index) => captures.get(index),
            Err(_) => captures.name(name),
        };
        out.push_str(found.map_or("", |found| found.as_str()));
    }
    out.push_str(rest);
}

fn split(regex: &Regex, whole: &str, count: i64) -> Vec<String> {
    if count == 0 {
        return Vec::new();
    }
    if !regex.as_str().is_empty() && whole.is_empty() {
        return vec![String::new()];
    }
    let mut out = Vec::new();
    let (mut start, mut end) = (0, 0);
    for found in regex.find_iter(whole).take(limited(count)) {
        if count > 0 && out.len() as i64 == count - 1 {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            out.push(whole[start..end].to_owned());
        }
        start = found.end();
    }
    if end != whole.len() {
        out.push(whole[start..].to_owned());
    }
    out
}
