//! Strings.

use sluice_gotemplate::{Call, Error, Functions, Value, quote, sprint};

use crate::convert::{ANY, INT, Outcome, STR, fail, int, items, ok, strslice, strval, strval_text, text};
use crate::words;

fn cut(value: &Value, from: usize, to: usize) -> Outcome {
    ok(value.bytes().unwrap_or_default()[from..to].to_vec())
}

pub(crate) fn add(f: &mut Functions) {
    f.add("trim", &[STR], None, |_, a| ok(text(&a[0]).trim_matches(go_space).to_owned()));
    f.add("upper", &[STR], None, |_, a| ok(text(&a[0]).chars().map(upper).collect::<String>()));
    f.add("lower", &[STR], None, |_, a| ok(text(&a[0]).chars().map(lower).collect::<String>()));
    f.add("title", &[STR], None, |_, a| ok(title(&text(&a[0]), char::is_whitespace)));
    f.add("untitle", &[STR], None, |_, a| ok(untitle(&text(&a[0]))));
    f.add("swapcase", &[STR], None, |_, a| ok(swapcase(&text(&a[0]))));
    f.add("trimAll", &[STR, STR], None, |_, a| {
        let set = text(&a[0]);
        ok(text(&a[1]).trim_matches(|c| set.contains(c)).to_owned())
    });
    f.add("trimall", &[STR, STR], None, |_, a| {
        let set = text(&a[0]);
        ok(text(&a[1]).trim_matches(|c| set.contains(c)).to_owned())
    });
    f.add("trimSuffix", &[STR, STR], None, |_, a| {
        let (end, whole) = (text(&a[0]), text(&a[1]));
        ok(whole.strip_suffix(&*end).unwrap_or(&whole).to_owned())
    });
    f.add("trimPrefix", &[STR, STR], None, |_, a| {
        let (start, whole) = (text(&a[0]), text(&a[1]));
        ok(whole.strip_prefix(&*start).unwrap_or(&whole).to_owned())
    });
    f.add("nospace", &[STR], None, |_, a| ok(text(&a[0]).replace(char::is_whitespace, "")));
    f.add("initials", &[STR], None, |_, a| {
        // The library takes the first byte of a word for a letter.
        ok(text(&a[0]).split_whitespace().map(|word| char::from(word.as_bytes()[0])).collect::<String>())
    });
    f.add("abbrev", &[INT, STR], None, |_, a| abbreviate(0, int(&a[0]), &a[1]));
    f.add("abbrevboth", &[INT, INT, STR], None, |_, a| abbreviate(int(&a[0]), int(&a[1]), &a[2]));
    f.add("trunc", &[INT, STR], None, |_, a| {
        let (n, bytes) = (int(&a[0]), a[1].bytes().unwrap_or_default());
        let length = bytes.len() as i64;
        if n < 0 && length + n > 0 {
            return cut(&a[1], (length + n) as usize, bytes.len());
        }
        if n >= 0 && length > n {
            return cut(&a[1], 0, n as usize);
        }
        Ok(a[1].clone())
    });
    f.add("substr", &[INT, INT, STR], None, |_, a| substr(int(&a[0]), int(&a[1]), &a[2]));
    f.add("repeat", &[INT, STR], None, |call, a| repeat(call, int(&a[0]), &a[1]));
    f.add("contains", &[STR, STR], None, |_, a| ok(text(&a[1]).contains(&*text(&a[0]))));
    f.add("hasPrefix", &[STR, STR], None, |_, a| ok(text(&a[1]).starts_with(&*text(&a[0]))));
    f.add("hasSuffix", &[STR, STR], None, |_, a| ok(text(&a[1]).ends_with(&*text(&a[0]))));
    f.add("quote", &[], Some(ANY), |call, a| {
        call.check_size(size(a))?;
        let quoted: Vec<_> = a.iter().filter(|v| !v.is_nil()).map(|v| quote_value(&strval(v))).collect();
        ok(quoted.join(" "))
    });
    f.add("squote", &[], Some(ANY), |call, a| {
        call.check_size(size(a))?;
        let quoted: Vec<_> =
            a.iter().filter(|v| !v.is_nil()).map(|v| format!("'{}'", sprint(std::slice::from_ref(v)))).collect();
        ok(quoted.join(" "))
    });
    f.add("cat", &[], Some(ANY), |call, a| {
        call.check_size(size(a))?;
        let parts: Vec<_> = a.iter().filter(|v| !v.is_nil()).map(|v| sprint(std::slice::from_ref(v))).collect();
        ok(parts.join(" "))
    });
    f.add("indent", &[INT, STR], None, |call, a| indent(call, int(&a[0]), &text(&a[1]), ""));
    f.add("nindent", &[INT, STR], None, |call, a| indent(call, int(&a[0]), &text(&a[1]), "\n"));
    f.add("replace", &[STR, STR, STR], None, |call, a| {
        let (old, new, whole) = (text(&a[0]), text(&a[1]), text(&a[2]));
        let count = whole.matches(&*old).count();
        call.check_size(whole.len().saturating_add(count.saturating_mul(new.len())))?;
        ok(whole.replace(&*old, &new))
    });
    f.add("plural", &[STR, STR, INT], None, |_, a| Ok(if int(&a[2]) == 1 { a[0].clone() } else { a[1].clone() }));
    f.add("snakecase", &[STR], None, |_, a| ok(words::snake(&text(&a[0]), '_')));
    f.add("kebabcase", &[STR], None, |_, a| ok(words::snake(&text(&a[0]), '-')));
    f.add("camelcase", &[STR], None, |_, a| ok(words::camel(&text(&a[0]))));
    f.add("wrap", &[INT, STR], None, |call, a| wrap(call, int(&a[0]), "\n", false, &text(&a[1])));
    f.add("wrapWith", &[INT, STR, STR], None, |call, a| wrap(call, int(&a[0]), &text(&a[1]), true, &text(&a[2])));
    f.add("toString", &[ANY], None, |_, a| Ok(strval(&a[0])));
    f.add("toStrings", &[ANY], None, |_, a| Ok(Value::strings(strslice(&a[0]))));
    f.add("join", &[STR, ANY], None, |call, a| {
        let (separator, parts) = (text(&a[0]), strslice(&a[1]));
        call.check_size(parts.iter().map(|part| part.len() + separator.len()).sum())?;
        ok(parts.join(&separator))
    });
    f.add("sortAlpha", &[ANY], None, |_, a| {
        if items(&a[0]).is_some() {
            let mut parts = strslice(&a[0]);
            parts.sort();
            return Ok(Value::strings(parts));
        }
        Ok(Value::strings([strval_text(&a[0])]))
    });
    f.add("splitList", &[STR, STR], None, |_, a| Ok(Value::strings(split(&text(&a[0]), &text(&a[1]), -1))));
    f.add("split", &[STR, STR], None, |_, a| Ok(numbered(split(&text(&a[0]), &text(&a[1]), -1))));
    f.add("splitn", &[STR, INT, STR], None, |_, a| Ok(numbered(split(&text(&a[0]), &text(&a[2]), int(&a[1])))));
    f.add("ellipsis", &[INT, STR], None, |_, a| abbreviate(0, int(&a[0]), &a[1]));
    f.add("hello", &[], None, |_, _| ok("Hello!"));
}

/// Bytes of all texts.
fn size(values: &[Value]) -> usize {
    values.iter().map(|value| value.bytes().map_or(0, <[u8]>::len)).sum()
}

fn go_space(c: char) -> bool {
    c.is_whitespace()
}

fn single(mut mapped: impl Iterator<Item = char>, c: char) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

pub(crate) fn upper(c: char) -> char {
    match c {
        // Go maps one letter to one; these have such a capital beside the longer one.
        '\u{1f80}'..='\u{1faf}' => char::from_u32(c as u32 | 8).unwrap_or(c),
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => char::from_u32(c as u32 + 9).unwrap_or(c),
        c => single(c.to_uppercase(), c),
    }
}

pub(crate) fn lower(c: char) -> char {
    if c == 'İ' { 'i' } else { single(c.to_lowercase(), c) }
}

fn quote_value(value: &Value) -> String {
    match value {
        Value::Raw(_) => sluice_gotemplate::sprintf("%q", std::slice::from_ref(value), usize::MAX).unwrap_or_default(),
        other => quote(&text(other)),
    }
}

fn title(value: &str, separator: fn(char) -> bool) -> String {
    let mut previous = ' ';
    let mut out = String::new();
    for c in value.chars() {
        let boundary = separator(previous) || !(previous.is_alphanumeric() || previous == '_') && previous.is_ascii();
        out.push(if boundary { titled(c) } else { c });
        previous = c;
    }
    out
}

/// The form of a letter at the start of a word: four letters have one of their own.
fn titled(c: char) -> char {
    match c {
        'Ǆ'..='ǆ' => 'ǅ',
        'Ǉ'..='ǉ' => 'ǈ',
        'Ǌ'..='ǌ' => 'ǋ',
        'Ǳ'..='ǳ' => 'ǲ',
        c => upper(c),
    }
}

fn untitle(value: &str) -> String {
    let mut start = true;
    let mut out = String::new();
    for c in value.chars() {
        out.push(if start { lower(c) } else { c });
        start = c.is_whitespace();
    }
    out
}

fn swapcase(value: &str) -> String {
    let mut out = String::new();
    for c in value.chars() {
        out.push(if c.is_numeric() {
            c
        } else if c.is_uppercase() {
            lower(c)
        } else if c.is_lowercase() {
            upper(c)
        } else {
            c
        });
    }
    out
}

fn abbreviate(left: i64, right: i64, value: &Value) -> Outcome {
    let whole = text(value);
    let length = whole.len() as i64;
    if right < 4 || left > 0 && right < 7 || length <= right {
        return Ok(value.clone());
    }
    let bytes = value.bytes().unwrap_or_default();
    let mut left = left.min(length);
    if length - left < right - 3 {
        left = length - (right - 3);
    }
    let piece = |from: i64, to: i64| bytes[from.max(0) as usize..to.clamp(0, length) as usize].to_vec();
    if left <= 4 {
        return ok([piece(0, right - 3), b"...".to_vec()].concat());
    }
    if left + right - 3 < length {
        let rest = &bytes[left as usize..];
        let end = ((right - 6) as usize).min(rest.len());
        return ok([b"...".to_vec(), rest[..end].to_vec(), b"...".to_vec()].concat());
    }
    ok([b"...".to_vec(), piece(length - (right - 3), length)].concat())
}

fn substr(start: i64, end: i64, value: &Value) -> Outcome {
    let length = value.bytes().map_or(0, <[u8]>::len) as i64;
    let slice = |from: i64, to: i64| {
        if to < 0 || to > length {
            return fail(format!(
                "runtime error: slice bounds out of range [:{to}]{}",
                if to > length { format!(" with length {length}") } else { String::new() }
            ));
        }
        if from < 0 {
            return fail(format!("runtime error: slice bounds out of range [{from}:]"));
        }
        if from > to {
            return fail(format!("runtime error: slice bounds out of range [{from}:{to}]"));
        }
        cut(value, from as usize, to as usize)
    };
    if start < 0 {
        return slice(0, end);
    }
    if end < 0 || end > length {
        return slice(start, length);
    }
    slice(start, end)
}

fn repeat(call: &mut Call<'_, '_>, count: i64, value: &Value) -> Outcome {
    let Ok(count) = usize::try_from(count) else { return fail("strings: negative Repeat count") };
    let bytes = value.bytes().unwrap_or_default();
    call.check_size(count.saturating_mul(bytes.len()))?;
    ok(bytes.repeat(if bytes.is_empty() { 0 } else { count }))
}

fn indent(call: &mut Call<'_, '_>, count: i64, value: &str, before: &str) -> Outcome {
    let Ok(count) = usize::try_from(count) else { return fail("strings: negative Repeat count") };
    let lines = value.matches('\n').count() + 1;
    call.check_size(count.saturating_mul(lines).saturating_add(value.len()))?;
    let pad = " ".repeat(count);
    ok(format!("{before}{pad}{}", value.replace('\n', &format!("\n{pad}"))))
}

/// Go's strings.SplitN; a negative count means all.
pub(crate) fn split(separator: &str, value: &str, count: i64) -> Vec<String> {
    if count == 0 {
        return Vec::new();
    }
    if separator.is_empty() {
        let mut out: Vec<String> = value.chars().map(String::from).collect();
        if count > 0 && out.len() > count as usize {
            let rest = out.split_off(count as usize - 1).concat();
            out.push(rest);
        }
        return out;
    }
    match count {
        1.. => value.splitn(count as usize, separator).map(str::to_owned).collect(),
        _ => value.split(separator).map(str::to_owned).collect(),
    }
}

fn numbered(parts: Vec<String>) -> Value {
    let entries = parts.into_iter().enumerate().map(|(index, part)| (format!("_{index}"), Value::from(part)));
    Value::Map(sluice_gotemplate::Map::new(sluice_gotemplate::MapKind::Strings, entries.collect()))
}

fn wrap(call: &mut Call<'_, '_>, width: i64, newline: &str, long: bool, value: &str) -> Result<Value, Error> {
    call.check_size(value.len().saturating_mul(newline.len().max(1) + 1))?;
    let newline = if newline.is_empty() { "\n" } else { newline };
    let width = width.max(1) as usize;
    // Go counts bytes, and cuts through letters.
    let mut rest = value.as_bytes();
    let mut out = Vec::with_capacity(value.len());
    while rest.len() > width {
        if rest[0] == b' ' {
            rest = &rest[1..];
            continue;
        }
        let (line, next) = match rest[..=width].iter().rposition(|byte| *byte == b' ') {
            Some(space) => (&rest[..space], space + 1),
            None if long => (&rest[..width], width),
            None => match rest[width..].iter().position(|byte| *byte == b' ') {
                Some(space) => (&rest[..width + space], width + space + 1),
                None => break,
            },
        };
        out.extend_from_slice(line);
        out.extend_from_slice(newline.as_bytes());
        rest = &rest[next..];
    }
    out.extend_from_slice(rest);
    ok(out)
}
