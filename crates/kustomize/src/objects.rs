//! Reads resource files: objects, lists taken apart, bad ones refused.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sluice_yaml::{Dialect, Limits, Value, parse_all};

use crate::cache::Parsed;
use crate::errors::Error;
use crate::id::kind;
use crate::layout;
use crate::loader::{File, NoFile};
use crate::options::Threads;
use crate::session::Session;

/// What parsing a file gave.
pub(crate) type Parsing = Result<Vec<Parsed>, Error>;

/// Whatever the caller allows.
const MOST_THREADS: usize = 16;

/// The objects of a file; `ahead` is what parsing it gave, if that is done. What is read a second time is kept, for this build and for those that share its cache; most
/// files are read once, and keeping their objects would only hold them in memory twice.
pub(crate) fn of_file(session: &Session<'_>, file: &File, ahead: Option<Parsing>) -> Result<Arc<Vec<Parsed>>, Error> {
    if let Some(Some(parsed)) = session.parsed.borrow().get(&file.digest) {
        return Ok(parsed.clone());
    }
    let shared = session.options.cache.as_ref();
    if let Some(parsed) = shared.and_then(|cache| cache.get(&file.digest)) {
        session.parsed.borrow_mut().insert(file.digest, Some(parsed.clone()));
        return Ok(parsed);
    }
    let parsed = Arc::new(ahead.unwrap_or_else(|| parse(file, &session.options.limits.yaml))?);
    match session.parsed.borrow_mut().entry(file.digest) {
        Entry::Vacant(entry) => {
            entry.insert(None);
        }
        Entry::Occupied(mut entry) => {
            entry.insert(Some(parsed.clone()));
        }
    }
    if let Some(cache) = shared {
        cache.put(file.digest, &parsed, file.bytes.len());
    }
    Ok(parsed)
}

fn parse(file: &File, limits: &Limits) -> Parsing {
    let text = std::str::from_utf8(&file.bytes)
        .map_err(|error| Error::in_file(&file.path, None, format!("not UTF-8 after {} bytes", error.valid_up_to())))?;
    let mut parsed = of_text(text, limits).map_err(|error| Error { file: file.path.clone(), ..error })?;
    if !text.contains("\r\n") {
        for object in parsed.iter_mut().filter(|object| !object.span.is_empty()) {
            object.source = Some(file.bytes.slice(object.span.clone()));
        }
    }
    Ok(parsed)
}

/// Parses the files on as many threads as the caller allows; by position, where that was worth while.
pub(crate) fn parse_ahead(session: &Session<'_>, files: &[Result<File, NoFile>]) -> HashMap<usize, Parsing> {
    /// Less is done before a thread has started.
    const WORTH_WHILE: usize = 64 << 10;
    let known = session.parsed.borrow();
    let shared = session.options.cache.as_ref();
    let new =
        |file: &File| !known.contains_key(&file.digest) && shared.is_none_or(|cache| cache.get(&file.digest).is_none());
    let bytes = files.iter().flatten().map(|file| file.bytes.len()).sum::<usize>();
    if session.options.threads == Threads::Own || bytes < WORTH_WHILE {
        return HashMap::new();
    }
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(MOST_THREADS);
    let mut seen = HashSet::new();
    let found = files.iter().enumerate().filter_map(|(index, file)| file.as_ref().ok().map(|file| (index, file)));
    let todo: Vec<(usize, &File)> = found.filter(|(_, file)| new(file) && seen.insert(file.digest)).collect();
    if threads == 1 || todo.iter().map(|(_, file)| file.bytes.len()).sum::<usize>() < WORTH_WHILE {
        return HashMap::new();
    }
    let (limits, next) = (&session.options.limits.yaml, AtomicUsize::new(0));
    let work = || {
        let mut done = Vec::new();
        while let Some((index, file)) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((*index, parse(file, limits)));
        }
        done
    };
    std::thread::scope(|scope| {
        // A thread that does not start leaves its share to the others.
        let others: Vec<_> =
            (1..threads).filter_map(|_| std::thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let mut done: HashMap<usize, Parsing> = work().into_iter().collect();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    })
}

/// The objects as one's own, without a copy where nobody keeps them.
pub(crate) fn owned(parsed: Arc<Vec<Parsed>>) -> Vec<Parsed> {
    Arc::try_unwrap(parsed).unwrap_or_else(|shared| shared.to_vec())
}

/// The objects of a text.
pub(crate) fn of_text(text: &str, limits: &Limits) -> Result<Vec<Parsed>, Error> {
    let text = if text.contains("\r\n") { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) };
    let chunks = split(&text)?;
    if chunks.len() > limits.documents {
        return Err(Error::new(format!("more than {} documents (limit `documents`)", limits.documents)));
    }
    let mut objects = Vec::with_capacity(chunks.len());
    // Each piece is read by itself, so what aliases make of all of them together is counted here.
    let mut nodes = limits.nodes;
    for (start, chunk, first_line) in &chunks {
        let documents = parse_all(chunk, Dialect::V3, &Limits { nodes, ..*limits }).map_err(|error| Error {
            line: Some(first_line + error.line.saturating_sub(1)),
            ..Error::new(format!("malformed YAML: {}", error.message))
        })?;
        let Some(document) = documents.into_iter().next().filter(|document| !document.value.is_null()) else {
            continue;
        };
        let line = first_line + document.line.saturating_sub(1);
        let mut value = document.value;
        if chunk.contains('&') && chunk.contains('*') {
            nodes = nodes.saturating_sub(count(&value));
        }
        if chunks.len() == 1 && matches!(kind(&value), "List" | "ResourceList") && value.get("items").is_some() {
            let items = items(value)?;
            objects.extend(items.into_iter().map(|value| element(value, line)));
        } else {
            let layout = layout::of(chunk, &mut value);
            objects.push(Parsed { value, line, layout, span: *start..start + chunk.len(), source: None });
        }
    }
    take_apart(objects)
}

/// Cuts a stream at its `---` lines, as kustomize does, with the place and the line that each piece starts at.
fn split(text: &str) -> Result<Vec<(usize, &str, u32)>, Error> {
    let (mut chunks, mut start, mut first_line) = (Vec::new(), 0, 1);
    let (mut at, mut line) = (0, 1);
    while let Some(length) = text[at..].find('\n') {
        let next = at + length + 1;
        let rest = &text[next..];
        line += 1;
        at = next;
        // A separator has a line end of its own; the last line of a text without one is none.
        if let (true, Some(end)) = (rest.starts_with("---"), rest.find('\n')) {
            let after = rest[3..end].trim();
            if !after.is_empty() && !after.starts_with('#') {
                return Err(Error {
                    line: Some(line),
                    ..Error::new(format!("invalid document separator: {}", &rest[..end]))
                });
            }
            chunks.push((start, &text[start..next], first_line));
            line += 1;
            (start, at, first_line) = (next + end + 1, next + end + 1, line);
        }
    }
    if !text.is_empty() {
        chunks.push((start, &text[start..], first_line));
    }
    Ok(chunks)
}

/// Takes lists apart; what is in them goes to the end.
fn take_apart(objects: Vec<Parsed>) -> Result<Vec<Parsed>, Error> {
    let mut todo = VecDeque::with_capacity(objects.len());
    for object in objects {
        push_valid(&mut todo, object)?;
    }
    let mut done = Vec::with_capacity(todo.len());
    while let Some(object) = todo.pop_front() {
        if !kind(&object.value).ends_with("List") || object.value.get("items").is_none() {
            done.push(object);
            continue;
        }
        let line = object.line;
        let elements = items(object.value).map_err(|error| Error { line: Some(line), ..error })?;
        for value in elements {
            push_valid(&mut todo, element(value, line))?;
        }
    }
    Ok(done)
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(map) => map.values().map(count).sum::<usize>() + map.len(),
        Value::Array(list) => list.iter().map(count).sum(),
        _ => 0,
    }
}

/// An element of a list: nothing is known of how it is written.
fn element(value: Value, line: u32) -> Parsed {
    Parsed { value, line, layout: None, span: 0..0, source: None }
}

fn items(mut list: Value) -> Result<Vec<Value>, Error> {
    match list.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => Ok(items),
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(_) => Err(Error::new(format!("`items` of a {} is not a list", kind(&list)))),
    }
}

/// Leaves empty objects out, refuses those without kind or name.
fn push_valid(todo: &mut VecDeque<Parsed>, object: Parsed) -> Result<(), Error> {
    let fail = |message: &str| Err(Error { line: Some(object.line), ..Error::new(message) });
    let map = match &object.value {
        Value::Null => return Ok(()),
        Value::Array(list) if list.is_empty() => return Ok(()),
        Value::Object(map) if map.is_empty() => return Ok(()),
        Value::Object(map) => map,
        Value::Array(_) => {
            return fail("a list is no object; write its elements as documents, or as `items` of a List");
        }
        _ => return fail("text is no object; an object has `apiVersion`, `kind` and `metadata.name`"),
    };
    let set = |key: &str| map.get(key).is_some_and(|value| !value.is_null() && value.as_str() != Some(""));
    let name = object.value.pointer("/metadata/name").and_then(crate::scalar::text);
    if !set("kind") {
        return fail("an object without `kind`");
    }
    if !kind(&object.value).ends_with("List") && name.is_none_or(|name| name.is_empty()) {
        return fail("an object without `metadata.name` (`generateName` does not count)");
    }
    todo.push_back(object);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn names(text: &str, want: &[(&str, u32)]) {
        let objects = of_text(text, &Limits::default()).unwrap();
        let got: Vec<_> = objects.iter().map(|o| (o.value["metadata"]["name"].as_str().unwrap(), o.line)).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn a_stream_is_cut_at_its_separators() {
        names("kind: A\nmetadata: {name: a}\n--- # x\n\nkind: B\nmetadata: {name: b}\n---\n", &[("a", 1), ("b", 5)]);
        names("---\nkind: A\nmetadata: {name: a}\n---", &[("a", 2)]);
        assert!(split("a: b\n--- c\nd: e\n").is_err());
    }

    #[test]
    fn a_list_is_taken_apart() {
        let item = |name: &str| format!("{{kind: A, metadata: {{name: {name}}}}}");
        names(&format!("kind: AList\nitems: [{}, {}]\n", item("a"), item("b")), &[("a", 1), ("b", 1)]);
        let two = format!("kind: List\nitems: [{}]\n---\n{}\n", item("a"), item("b"));
        names(&two, &[("b", 4), ("a", 1)]);
        names("kind: List\nitems:\n", &[]);
    }

    #[test]
    fn an_object_needs_kind_and_name() {
        for text in ["metadata: {name: a}\n", "kind: A\nmetadata: {generateName: a}\n", "just text\n", "- a\n"] {
            assert!(of_text(text, &Limits::default()).is_err(), "{text}");
        }
    }
}
