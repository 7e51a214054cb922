//! Regular expressions, as RE2 reads them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use regex::Regex;
use sluice_gotemplate::{Call, Elem, Error, Functions, List, Value};

use crate::convert::{INT, Outcome, STR, int, ok, text};
use crate::re2;

/// Memory that one compiled expression may take.
const PROGRAM_BYTES: usize = 4 << 20;

/// How many compiled expressions a thread keeps.
const KEPT: usize = 64;

thread_local! {
    static COMPILED: RefCell<HashMap<String, Rc<Regex>>> = RefCell::default();
}

/// An expression, compiled; charts use the same few again and again.
fn compile(pattern: &str, must: bool) -> Result<Rc<Regex>, Error> {
    if let Some(regex) = COMPILED.with_borrow(|known| known.get(pattern).cloned()) {
        return Ok(regex);
    }
    let built = re2::translate(pattern).and_then(|translated| {
        regex::RegexBuilder::new(&translated)
            .size_limit(PROGRAM_BYTES)
            .build()
            .map_err(|_| format!("expression too large (limit: {PROGRAM_BYTES} bytes): {}", re2::shown(pattern)))
    });
    let regex = Rc::new(built.map_err(|why| {
        let message = format!("error parsing regexp: {why}");
        Error::new(if must { message } else { format!("regexp: Compile({}): {message}", re2::shown(pattern)) })
    })?);
    COMPILED.with_borrow_mut(|known| {
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(pattern.to_owned(), regex.clone());
    });
    Ok(regex)
}

fn limited(count: i64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn each<F>(f: &mut Functions, names: [&'static str; 2], fixed: &'static [sluice_gotemplate::Param], body: F)
where
    F: Fn(&mut Call<'_, '_>, &Regex, &[Value]) -> Outcome + Send + Sync + Copy + 'static,
{
    for (name, must) in [(names[0], false), (names[1], true)] {
        f.add(name, fixed, None, move |call, a| {
            call.spend(a.iter().map(|arg| arg.bytes().map_or(0, <[u8]>::len) as u64 / 8).sum())?;
            let regex = compile(&text(&a[0]), must)?;
            body(call, &regex, a)
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
        Ok(Value::List(if found.is_empty() { List::nil(Elem::String) } else { List::new(Elem::String, found) }))
    });
    each(f, ["regexReplaceAll", "mustRegexReplaceAll"], &[STR, STR, STR], |call, regex, a| {
        let (whole, replacement) = (text(&a[1]), text(&a[2]));
        replace(call, regex, &whole, |captures, out| expand(&replacement, captures, out))
    });
    each(f, ["regexReplaceAllLiteral", "mustRegexReplaceAllLiteral"], &[STR, STR, STR], |call, regex, a| {
        let (whole, replacement) = (text(&a[1]), text(&a[2]));
        replace(call, regex, &whole, |_, out| out.push_str(&replacement))
    });
    each(f, ["regexSplit", "mustRegexSplit"], &[STR, STR, INT], |_, regex, a| {
        let parts = split(regex, &text(&a[1]), int(&a[2]));
        Ok(if parts.is_empty() { Value::nil_list(Elem::String) } else { Value::strings(parts) })
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
fn expand(template: &str, captures: &regex::Captures<'_>, out: &mut String) {
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
