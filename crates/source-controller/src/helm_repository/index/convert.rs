//! From an index as a repository serves it to the JSON that is stored.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use serde_json::{Map, Value};
use sluice_helm::Metadata;
use sluice_version::Version;
use sluice_yaml::Dialect;

use super::json::{self, Head};
use super::split::{Cut, split};

/// The fields of an entry that are kept.
const FIELDS: [&str; 21] = [
    "name",
    "home",
    "sources",
    "version",
    "description",
    "keywords",
    "maintainers",
    "icon",
    "apiVersion",
    "condition",
    "tags",
    "appVersion",
    "deprecated",
    "annotations",
    "kubeVersion",
    "dependencies",
    "type",
    "urls",
    "created",
    "removed",
    "digest",
];
/// How deep an entry lies in the stored index.
const INDENT: &str = "      ";

/// Why there is no index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It is none.
    #[error("failed to load index: {0}")]
    Invalid(String),
    /// The disk refuses.
    #[error("failed to store index: {0}")]
    Io(#[from] io::Error),
}

/// What was converted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Converted {
    /// Entries in the index.
    pub entries: usize,
    /// The first entries that were left out, and why.
    pub skipped: Vec<String>,
    /// How many were left out.
    pub left_out: usize,
}

/// Writes the index in `raw` to `out` as JSON: entries that Helm takes, newest first.
///
/// # Errors
/// When it is no index, or the disk refuses.
pub fn convert(raw: &mut File, out: impl Write) -> Result<Converted, IndexError> {
    let mut spool = Spool::new()?;
    raw.rewind()?;
    let head = if begins_as_json(raw)? {
        let taken = json::read(BufReader::new(&mut *raw), &mut |chart, entry| {
            spool.take(chart, entry).map_err(|error| error.to_string())
        });
        taken.map_err(|error| IndexError::Invalid(error.to_string()))?
    } else {
        match by_pieces(raw, &mut spool) {
            Ok(head) => head,
            Err(Cut::Failed(error)) => return Err(error.into()),
            Err(Cut::Otherwise) => {
                spool = Spool::new()?;
                whole(raw, &mut spool)?
            }
        }
    };
    if head.api_version.is_empty() {
        return Err(IndexError::Invalid("no API version specified".into()));
    }
    spool.write(&head, out)
}

fn begins_as_json(raw: &mut File) -> io::Result<bool> {
    let mut start = [0; 512];
    let read = raw.read(&mut start)?;
    raw.rewind()?;
    Ok(start[..read].iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{'))
}

fn by_pieces(raw: &mut File, spool: &mut Spool) -> Result<Head, Cut> {
    let parse = |text: &str| sluice_yaml::parse(text, Dialect::V2).map_err(|_| Cut::Otherwise);
    let mut last = (String::new(), String::new());
    let head = split(BufReader::with_capacity(256 << 10, raw), |line, item| {
        if last.0 != line {
            let Value::Object(map) = parse(line)? else { return Err(Cut::Otherwise) };
            let Some((name, Value::Null)) = map.into_iter().next() else { return Err(Cut::Otherwise) };
            last = (line.to_owned(), name);
        }
        let Value::Array(items) = parse(item)? else { return Err(Cut::Otherwise) };
        for entry in items {
            spool.take(&last.1, entry)?;
        }
        Ok(())
    })?;
    let head = parse(&head)?;
    match head.get("entries") {
        None | Some(Value::Null) => {}
        Some(Value::Object(map)) if map.is_empty() => {}
        Some(_) => return Err(Cut::Otherwise),
    }
    Ok(outside(&head))
}

fn outside(index: &Value) -> Head {
    let text = |key: &str| index[key].as_str().unwrap_or_default().to_owned();
    Head { api_version: text("apiVersion"), generated: text("generated") }
}

/// An index in a layout of its own. It is in memory as a whole, within the limits of YAML documents.
fn whole(raw: &mut File, spool: &mut Spool) -> Result<Head, IndexError> {
    let invalid = |why: String| IndexError::Invalid(why);
    raw.rewind()?;
    let mut text = String::new();
    raw.read_to_string(&mut text).map_err(|_| invalid("it is no text".into()))?;
    let index = sluice_yaml::parse(&text, Dialect::V2).map_err(|error| invalid(error.to_string()))?;
    drop(text);
    if !index.is_object() {
        return Err(invalid("it is no map; is this a chart repository?".into()));
    }
    match &index["entries"] {
        Value::Null => {}
        Value::Object(charts) => {
            for (chart, entries) in charts {
                match entries {
                    Value::Null => {}
                    Value::Array(items) => {
                        for entry in items {
                            spool.take(chart, entry.clone())?;
                        }
                    }
                    _ => return Err(invalid("an entry of `entries` is no list".into())),
                }
            }
        }
        _ => return Err(invalid("`entries` is no map".into())),
    }
    Ok(outside(&index))
}

/// Entries on disk, each as it will stand in the index, with version and place in memory.
struct Spool {
    file: BufWriter<File>,
    at: u64,
    charts: BTreeMap<String, Vec<(Version, u64, u64)>>,
    converted: Converted,
}

impl Spool {
    fn new() -> io::Result<Self> {
        let file = BufWriter::with_capacity(256 << 10, tempfile::tempfile()?);
        Ok(Spool { file, at: 0, charts: BTreeMap::new(), converted: Converted::default() })
    }

    /// Takes an entry, or leaves it out and remembers why.
    fn take(&mut self, chart: &str, entry: Value) -> io::Result<()> {
        let (version, entry) = match checked(entry) {
            Ok(checked) => checked,
            Err(why) => {
                self.converted.left_out += 1;
                if self.converted.skipped.len() < 5 {
                    let shown = sluice_http::peer_text(format!("{chart}: {why}").as_bytes());
                    self.converted.skipped.push(shown);
                }
                return Ok(());
            }
        };
        let text = serde_json::to_string_pretty(&entry)?;
        let mut size = 0;
        for (number, line) in text.lines().enumerate() {
            if number > 0 {
                self.file.write_all(b"\n")?;
                size += 1;
            }
            self.file.write_all(INDENT.as_bytes())?;
            self.file.write_all(line.as_bytes())?;
            size += (INDENT.len() + line.len()) as u64;
        }
        if !self.charts.contains_key(chart) {
            self.charts.insert(chart.to_owned(), Vec::new());
        }
        if let Some(entries) = self.charts.get_mut(chart) {
            entries.push((version, self.at, size));
        }
        self.at += size;
        self.converted.entries += 1;
        Ok(())
    }

    fn write(self, head: &Head, out: impl Write) -> Result<Converted, IndexError> {
        let Spool { file, mut charts, converted, .. } = self;
        let mut file = file.into_inner().map_err(|error| error.into_error())?;
        let mut out = BufWriter::with_capacity(256 << 10, out);
        let quoted = |text: &str| Value::from(text).to_string();
        write!(out, "{{\n  \"apiVersion\": {},\n  \"entries\": {{", quoted(&head.api_version))?;
        let mut piece = Vec::new();
        for (number, (chart, entries)) in charts.iter_mut().enumerate() {
            // Stable: of equal versions the first stays first.
            entries.sort_by(|a, b| b.0.cmp(&a.0));
            write!(out, "{}\n    {}: [", if number == 0 { "" } else { "," }, quoted(chart))?;
            for (number, (_, at, size)) in entries.iter().enumerate() {
                out.write_all(if number == 0 { b"\n" } else { b",\n" })?;
                piece.resize(usize::try_from(*size).unwrap_or(usize::MAX), 0);
                file.seek(SeekFrom::Start(*at))?;
                file.read_exact(&mut piece)?;
                out.write_all(&piece)?;
            }
            out.write_all(b"\n    ]")?;
        }
        out.write_all(if charts.is_empty() { b"}" } else { b"\n  }" })?;
        if !head.generated.is_empty() {
            write!(out, ",\n  \"generated\": {}", quoted(&head.generated))?;
        }
        out.write_all(b"\n}\n")?;
        out.flush()?;
        Ok(converted)
    }
}

/// An entry as Helm takes it, and its version.
fn checked(entry: Value) -> Result<(Version, Map<String, Value>), String> {
    let Value::Object(mut entry) = entry else { return Err("empty entry".into()) };
    let missing = entry.get("apiVersion").is_none_or(|it| it.is_null() || it == "");
    if missing {
        entry.insert("apiVersion".into(), "v1".into());
    }
    entry.retain(|key, value| FIELDS.contains(&key.as_str()) && !value.is_null());
    let mut metadata = Metadata::default();
    metadata.read_over(&Value::Object(entry.clone()))?;
    metadata.validate().map_err(|error| error.to_string())?;
    let urls = entry.get("urls").and_then(Value::as_array);
    if urls.is_none_or(|urls| urls.is_empty() || !urls.iter().all(Value::is_string)) {
        return Err("it has no urls".into());
    }
    // A number such as 1.0 is read as the text that stood there.
    entry.insert("version".into(), metadata.version.clone().into());
    entry.insert("name".into(), metadata.name.into());
    Version::parse(&metadata.version).map(|version| (version, entry)).map_err(|error| error.to_string())
}

/// Reads a line as bytes, its end included, at most `limit` of them.
pub(super) fn line(input: &mut impl BufRead, line: &mut Vec<u8>, limit: u64) -> io::Result<usize> {
    line.clear();
    let read = input.take(limit).read_until(b'\n', line)?;
    if read as u64 == limit && line.last() != Some(&b'\n') {
        return Err(io::Error::other(format!("a line of the index is longer than {limit} bytes")));
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn stored(text: &str) -> Result<(String, Converted), String> {
        let mut raw = tempfile::tempfile().unwrap();
        raw.write_all(text.as_bytes()).unwrap();
        let mut out = Vec::new();
        let converted = convert(&mut raw, &mut out).map_err(|error| error.to_string())?;
        Ok((String::from_utf8(out).unwrap(), converted))
    }

    const ENTRIES: &str = "entries:\n  b:\n  - name: b\n    version: 1.0.0\n    urls: [b-1.tgz]\n  - name: b\n    version: 1.10.0\n    \
                           urls: [b-10.tgz]\n    unknown: x\n  a:\n  - name: a\n    version: 0.1.0\n    urls: [a.tgz]\n";

    #[test]
    fn entries_are_stored_newest_first() {
        let (text, converted) = stored(&format!("apiVersion: v1\n{ENTRIES}generated: \"now\"\n")).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(converted.entries, 3);
        assert_eq!(value["entries"]["b"][0]["version"], "1.10.0");
        assert_eq!(value["generated"], "now");
        assert!(text.starts_with(
            "{\n  \"apiVersion\": \"v1\",\n  \"entries\": {\n    \"a\": [\n      {\n        \"apiVersion\": \"v1\""
        ));
        // The same in other layouts.
        let yaml = sluice_yaml::parse(&format!("apiVersion: v1\ngenerated: now\n{ENTRIES}"), Dialect::V2).unwrap();
        assert_eq!(stored(&yaml.to_string()).unwrap().0, text);
        assert_eq!(
            stored(&format!("? apiVersion\n: v1\n? generated\n: now\n? entries\n: {}\n", yaml["entries"])).unwrap().0,
            text
        );
    }

    #[test]
    fn bad_entries_are_left_out_and_told() {
        let text = "apiVersion: v1\nentries:\n  a:\n  - null\n  - name: a\n    version: x\n    urls: [u]\n  - name: a\n    version: \
                    1.0.0\n  - name: ../a\n    version: 1.0.0\n    urls: [u]\n  - name: a\n    version: 2.0.0\n    urls: [u]\n";
        let (text, converted) = stored(text).unwrap();
        assert_eq!((converted.entries, converted.left_out), (1, 4), "{converted:?}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["entries"]["a"][0]["version"], "2.0.0");
    }

    #[test]
    fn what_is_no_index_is_refused() {
        let refused = |text: &str| stored(text).unwrap_err();
        assert!(refused("entries: {}\n").contains("no API version"));
        assert!(refused("").contains("no API version") || refused("").contains("no map"));
        assert!(refused("<html>\n<body>\n").contains("failed to load index"));
        assert!(refused("{\"apiVersion\": \"v1\", \"entries\": []}").contains("charts with their versions"));
        assert!(refused("apiVersion: v1\nentries:\n  a: x\n").contains("failed to load index"));
        assert!(refused(&format!("apiVersion: v1\nentries: {}", "[".repeat(100_000))).contains("failed to load index"));
        assert_eq!(stored("apiVersion: v1\nentries: {}\n").unwrap().1, Converted::default());
    }
}
