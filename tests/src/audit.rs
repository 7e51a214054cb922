//! Who asked the embedded API server for what.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The audit log of a world.
pub struct Audit {
    file: PathBuf,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The verb: `get`, `patch`, …
    pub verb: String,
    /// Path and query.
    pub uri: String,
    /// The answer's code.
    pub code: u64,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.verb, self.uri, self.code)
    }
}

impl Call {
    /// Whether it could change something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        let verb = self.verb.as_str();
        !matches!(verb, "get" | "list" | "watch" | "head") && !self.uri.contains("dryRun=All")
    }

    /// Whether it records an event, of which nobody waits for an answer.
    #[must_use]
    pub fn is_event(&self) -> bool {
        self.uri.split('?').next().is_some_and(|path| path.contains("/events"))
    }
}

impl Audit {
    pub(crate) fn new(file: &Path) -> Self {
        Audit { file: file.to_owned() }
    }

    /// Where the log ends now, to count from.
    #[must_use]
    pub fn mark(&self) -> u64 {
        std::fs::metadata(&self.file).map_or(0, |it| it.len())
    }

    /// The requests of a user since a mark, watches aside: a watch is one request for as long as it lasts.
    #[must_use]
    pub fn calls(&self, user: &str, since: u64) -> Vec<Call> {
        let text = self.read(since).unwrap_or_default();
        // The last line may be half written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let events = whole.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let field = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        events
            .filter(|event| event["user"]["username"] == user && event["verb"] != "watch")
            .map(|event| Call {
                verb: field(&event["verb"]),
                uri: field(&event["requestURI"]),
                code: event["responseStatus"]["code"].as_u64().unwrap_or(0),
            })
            .collect()
    }

    fn read(&self, since: u64) -> std::io::Result<String> {
        let mut file = File::open(&self.file)?;
        file.seek(SeekFrom::Start(since))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
