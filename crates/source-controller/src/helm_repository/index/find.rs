//! From the stored index to one entry. The file is read line by line: our layout, and Flux's, has one key a line.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::convert::line;

/// Longest line of an index.
const LINE: u64 = 16 << 20;

/// A version of a chart, and where its entry lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its version.
    pub version: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    at: u64,
    size: u64,
}

/// What is needed of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// The chart's name.
    #[serde(deserialize_with = "text")]
    pub name: String,
    /// The version.
    #[serde(deserialize_with = "text")]
    pub version: String,
    /// Where the chart lies, relative to the repository.
    #[serde(default)]
    pub urls: Vec<String>,
    /// The digest of the packed chart.
    #[serde(default, deserialize_with = "text")]
    pub digest: String,
    #[serde(default)]
    created: Option<String>,
}

/// A text, or what YAML takes for a number where somebody left out the quotes: Helm reads its digits.
fn text<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(input)? {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    })
}

/// The versions of a chart in an index, in its order.
///
/// # Errors
/// When the file cannot be read or is no stored index.
pub fn candidates(mut input: impl BufRead, chart: &str) -> io::Result<Vec<Candidate>> {
    let wanted = format!("    {}: [", Value::from(chart));
    let (mut text, mut item, mut found) = (Vec::new(), Vec::new(), Vec::new());
    let (mut at, mut start, mut inside) = (0, 0, false);
    loop {
        let read = line(&mut input, &mut text, LINE)? as u64;
        if read == 0 {
            return Ok(found);
        }
        let shown = text.trim_ascii_end();
        match (inside, shown) {
            (false, _) => inside = shown == wanted.as_bytes(),
            (true, b"    ]" | b"    ],") => return Ok(found),
            (true, b"      {") => {
                item.clear();
                item.extend_from_slice(&text);
                start = at;
            }
            (true, b"      }" | b"      },") => {
                item.extend_from_slice(b"}");
                let entry: Entry = serde_json::from_slice(&item)?;
                let created = entry.created.and_then(|it| it.parse().ok());
                found.push(Candidate { version: entry.version, created, at: start, size: item.len() as u64 });
            }
            (true, _) => item.extend_from_slice(&text),
        }
        at += read;
    }
}

/// The entry of a candidate.
///
/// # Errors
/// When the file cannot be read, or is another one than the candidate is of.
pub fn entry(mut file: impl Read + Seek, candidate: &Candidate) -> io::Result<Entry> {
    file.seek(SeekFrom::Start(candidate.at))?;
    let mut data = Vec::new();
    file.take(candidate.size).read_to_end(&mut data)?;
    // The closing brace is indented by six in the file, and was not in what was measured.
    let end = data.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    data.truncate(end);
    data.push(b'}');
    Ok(serde_json::from_slice(&data)?)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const INDEX: &str = r#"{
  "apiVersion": "v1",
  "entries": {
    "a": [
      {
        "name": "a",
        "version": "1.0.0",
        "urls": [
          "a.tgz"
        ]
      }
    ],
    "b\"c": [
      {
        "name": "b",
        "version": "2.0.0",
        "created": "2026-01-01T00:00:00Z",
        "dependencies": [
          {
            "name": "x"
          }
        ],
        "urls": [
          "b-2.tgz"
        ]
      },
      {
        "name": "b",
        "version": "1.0.0",
        "digest": "aa",
        "urls": [
          "b-1.tgz"
        ]
      }
    ]
  }
}
"#;

    #[test]
    fn an_entry_is_found_by_chart_and_version() {
        let versions = |chart: &str| {
            let found = candidates(INDEX.as_bytes(), chart).unwrap();
            found.into_iter().map(|it| it.version).collect::<Vec<_>>()
        };
        assert_eq!(versions("a"), ["1.0.0"]);
        assert_eq!(versions("b\"c"), ["2.0.0", "1.0.0"]);
        assert!(versions("b").is_empty());
        let found = candidates(INDEX.as_bytes(), "b\"c").unwrap();
        assert!(found[0].created.is_some());
        let entry = entry(Cursor::new(INDEX), &found[1]).unwrap();
        assert_eq!((entry.digest.as_str(), entry.urls.as_slice()), ("aa", ["b-1.tgz".to_owned()].as_slice()));
    }
}
