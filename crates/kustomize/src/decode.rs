//! Takes typed fields out of a map as Go's JSON decoder does: names in any case, null as absent, and, where asked,
//! unknown names refused. All that is wrong is collected.

use std::collections::BTreeMap;

use sluice_yaml::{Map, Value};

use crate::errors::{Error, dotted};

/// The fields of one map.
pub(crate) struct Fields<'v, 'e> {
    map: Option<&'v Map<String, Value>>,
    strict: bool,
    path: Vec<String>,
    used: Vec<&'static str>,
    errors: &'e mut Vec<Error>,
}

fn what(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

impl<'v, 'e> Fields<'v, 'e> {
    /// The fields of the document `value`.
    pub(crate) fn root(value: &'v Value, strict: bool, errors: &'e mut Vec<Error>) -> Self {
        Self::of(value, strict, Vec::new(), errors)
    }

    fn of(value: &'v Value, strict: bool, path: Vec<String>, errors: &'e mut Vec<Error>) -> Self {
        let map = match value {
            Value::Object(map) => Some(map),
            Value::Null => None,
            other => {
                complain(errors, &path, format!("expected a map, found {}", what(other)));
                None
            }
        };
        Self { map, strict, path, used: Vec::new(), errors }
    }

    /// The value of `name`, the last one if it is there in several spellings; null counts as absent.
    pub(crate) fn get(&mut self, name: &'static str) -> Option<&'v Value> {
        self.used.push(name);
        let same = |key: &str| key.eq_ignore_ascii_case(name);
        self.map?.iter().rfind(|(key, _)| same(key)).map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// Whether `name` is there and not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.map.is_some_and(|map| map.iter().any(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_null()))
    }

    fn wrong(&mut self, name: &str, want: &str, found: &Value) {
        let mut path = self.path.clone();
        path.push(name.to_owned());
        complain(self.errors, &path, format!("expected {want}, found {}{}", what(found), quote_hint(want, found)));
    }

    pub(crate) fn optional_string(&mut self, name: &'static str) -> Option<String> {
        match self.get(name)? {
            Value::String(text) => Some(text.clone()),
            other => {
                self.wrong(name, "a string", other);
                None
            }
        }
    }

    pub(crate) fn string(&mut self, name: &'static str) -> String {
        self.optional_string(name).unwrap_or_default()
    }

    pub(crate) fn bool(&mut self, name: &'static str) -> bool {
        match self.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                self.wrong(name, "a boolean", other);
                false
            }
            None => false,
        }
    }

    pub(crate) fn integer(&mut self, name: &'static str) -> i64 {
        match self.get(name) {
            Some(Value::Number(number)) => number.as_i64().unwrap_or_else(|| {
                self.wrong(name, "an integer", &Value::Number(number.clone()));
                0
            }),
            Some(other) => {
                self.wrong(name, "an integer", other);
                0
            }
            None => 0,
        }
    }

    pub(crate) fn strings(&mut self, name: &'static str) -> Vec<String> {
        let Some(value) = self.get(name) else { return Vec::new() };
        let Value::Array(list) = value else {
            self.wrong(name, "a list of strings", value);
            return Vec::new();
        };
        let mut strings = Vec::with_capacity(list.len());
        for (index, element) in list.iter().enumerate() {
            match element {
                Value::String(text) => strings.push(text.clone()),
                Value::Null => strings.push(String::new()),
                other => {
                    let mut path = self.path.clone();
                    path.extend([name.to_owned(), index.to_string()]);
                    complain(
                        self.errors,
                        &path,
                        format!("expected a string, found {}{}", what(other), quote_hint("a string", other)),
                    );
                }
            }
        }
        strings
    }

    pub(crate) fn string_map(&mut self, name: &'static str) -> Option<BTreeMap<String, String>> {
        let value = self.get(name)?;
        let Value::Object(map) = value else {
            self.wrong(name, "a map of strings", value);
            return None;
        };
        let mut strings = BTreeMap::new();
        for (key, value) in map {
            match value {
                Value::String(text) => {
                    strings.insert(key.clone(), text.clone());
                }
                Value::Null => {
                    strings.insert(key.clone(), String::new());
                }
                other => {
                    let mut path = self.path.clone();
                    path.extend([name.to_owned(), key.clone()]);
                    complain(
                        self.errors,
                        &path,
                        format!("expected a string, found {}{}", what(other), quote_hint("a string", other)),
                    );
                }
            }
        }
        Some(strings)
    }

    /// The elements of a list of maps, each read by `read`.
    pub(crate) fn each<T>(&mut self, name: &'static str, mut read: impl FnMut(&mut Fields<'v, '_>) -> T) -> Vec<T> {
        let Some(value) = self.get(name) else { return Vec::new() };
        let Value::Array(list) = value else {
            self.wrong(name, "a list", value);
            return Vec::new();
        };
        list.iter()
            .enumerate()
            .map(|(index, element)| {
                let mut path = self.path.clone();
                path.extend([name.to_owned(), index.to_string()]);
                let mut fields = Fields::of(element, self.strict, path, self.errors);
                let item = read(&mut fields);
                fields.finish();
                item
            })
            .collect()
    }

    /// A map, read by `read`.
    pub(crate) fn object<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Fields<'v, '_>) -> T) -> Option<T> {
        let value = self.get(name)?;
        let mut path = self.path.clone();
        path.push(name.to_owned());
        let mut fields = Fields::of(value, self.strict, path, self.errors);
        let item = read(&mut fields);
        fields.finish();
        Some(item)
    }

    /// Refuses the fields that nobody asked for, where that is wanted.
    pub(crate) fn finish(&mut self) {
        let (true, Some(map)) = (self.strict, self.map) else { return };
        for key in map.keys() {
            if !self.used.iter().any(|name| key.eq_ignore_ascii_case(name)) {
                let hint = match similar(key, &self.used) {
                    Some(name) => format!("; did you mean `{name}`?"),
                    None => String::new(),
                };
                let mut path = self.path.clone();
                path.push(key.clone());
                complain(self.errors, &path, format!("unknown field `{key}`{hint}"));
            }
        }
    }
}

fn quote_hint(want: &str, found: &Value) -> &'static str {
    let quotable = matches!(found, Value::Bool(_) | Value::Number(_));
    if want.contains("string") && quotable { "; put it in quotes" } else { "" }
}

fn complain(errors: &mut Vec<Error>, path: &[String], message: String) {
    errors.push(Error { field: dotted(path), steps: path.to_vec(), ..Error::new(message) });
}

/// The known name that differs by a letter or two.
fn similar(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    if name.len() > 64 {
        return None;
    }
    let distance = |other: &str| {
        let other = other.to_ascii_lowercase();
        let mut row: Vec<usize> = (0..=other.len()).collect();
        for (i, a) in name.bytes().enumerate() {
            let mut diagonal = row[0];
            row[0] = i + 1;
            for (j, b) in other.bytes().enumerate() {
                let cost = diagonal + usize::from(a != b);
                diagonal = row[j + 1];
                row[j + 1] = cost.min(row[j] + 1).min(row[j + 1] + 1);
            }
        }
        row[other.len()]
    };
    known.iter().copied().filter(|other| distance(other) <= 2).min_by_key(|other| distance(other))
}
