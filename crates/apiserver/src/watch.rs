//! Watches: events as they come, in the form that was asked for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::core::Core;
use crate::error::ApiError;
use crate::kinds::Served;
use crate::negotiate::{Encoding, Form, Shape};
use crate::respond::{PARTIAL, Reply};
use crate::rest::{self, ListOptions};
use crate::store::{Change, Event, Object, Watch};
use crate::table::{self, Include};

/// Chunks written ahead of a client that reads slowly; the store's queue holds what follows.
const AHEAD: usize = 16;
/// Bytes gathered into one chunk when many events wait.
const CHUNK: usize = 64 << 10;
/// How often an idle watch that wants bookmarks gets one.
const BOOKMARK: Duration = Duration::from_secs(30);

/// Starts a watch; the answer streams until the client goes, the time is over or the watcher is too slow.
///
/// # Errors
/// 410 for a version that the history no longer holds.
pub fn start(
    core: &Arc<Core>,
    served: &Arc<Served>,
    namespace: &str,
    options: ListOptions,
    form: Form,
    include: Include,
    stop: tokio_util::sync::CancellationToken,
) -> Result<Reply, ApiError> {
    let slot = served.resource.slot;
    // Without a version, or with 0, what is there comes first as ADDED.
    let wants_all = match (options.initial_events, options.version) {
        (Some(wanted), _) => wanted,
        (None, version) => version.is_none_or(|v| v == 0),
    };
    let (initial, version, watch) = if wants_all {
        let (listing, watch) = core.store.list_and_watch(slot, namespace);
        (listing.objects, listing.version, watch)
    } else {
        let version = options.version.filter(|v| *v > 0).unwrap_or_else(|| core.store.version());
        (Vec::new(), version, core.store.watch(slot, version).map_err(rest_unavailable)?)
    };
    let (sender, receiver) = mpsc::channel(AHEAD);
    let writer = Writer {
        served: served.clone(),
        namespace: namespace.to_owned(),
        form,
        include,
        buffer: Vec::new(),
        told_columns: false,
        version,
        sender,
        announce: options.bookmarks && options.initial_events == Some(true),
        options,
    };
    let core = core.clone();
    tokio::spawn(async move { writer.run(&core, initial, watch, stop).await });
    let content_type = match form.encoding {
        Encoding::Json => "application/json",
        Encoding::Yaml => "application/yaml;stream=watch",
    };
    Ok(Reply::stream(content_type, receiver))
}

fn rest_unavailable(error: crate::store::Unavailable) -> ApiError {
    rest::unavailable(error)
}

struct Writer {
    served: Arc<Served>,
    namespace: String,
    options: ListOptions,
    form: Form,
    include: Include,
    buffer: Vec<u8>,
    told_columns: bool,
    /// The newest version that the client knows to have seen.
    version: u64,
    sender: mpsc::Sender<Bytes>,
    /// Whether the end of the initial events is to be told.
    announce: bool,
}

impl Writer {
    async fn run(
        mut self,
        core: &Core,
        initial: Vec<Arc<Object>>,
        mut watch: Watch,
        stop: tokio_util::sync::CancellationToken,
    ) {
        // Clients that set none get what the real server gives: half an hour to an hour.
        let seconds = self.options.timeout.filter(|t| *t > 0).unwrap_or(2700);
        let end = Instant::now() + Duration::from_secs(seconds);
        for object in initial {
            if self.options.selectors.admit(&self.served, &object) {
                self.write("ADDED", &object);
                if self.buffer.len() > CHUNK && self.flush().await.is_err() {
                    return;
                }
            }
        }
        if self.announce {
            self.bookmark(true);
        }
        if self.flush().await.is_err() {
            return;
        }
        let mut next_bookmark = Instant::now() + BOOKMARK;
        loop {
            let event = tokio::select! {
                event = watch.next() => event,
                () = tokio::time::sleep_until(next_bookmark), if self.options.bookmarks => {
                    next_bookmark = Instant::now() + BOOKMARK;
                    let version = core.store.version();
                    // Everything up to that version is in the queue by now.
                    while let Some(event) = watch.try_next() {
                        self.event(&event);
                    }
                    self.version = self.version.max(version);
                    self.bookmark(false);
                    if self.flush().await.is_err() {
                        return;
                    }
                    continue;
                }
                () = tokio::time::sleep_until(end) => {
                    if self.options.bookmarks {
                        self.bookmark(false);
                        let _ = self.flush().await;
                    }
                    return;
                }
                () = stop.cancelled() => return,
                () = self.sender.closed() => return,
            };
            let Some(event) = event else { return };
            self.event(&event);
            while self.buffer.len() < CHUNK
                && let Some(event) = watch.try_next()
            {
                self.event(&event);
            }
            if self.flush().await.is_err() {
                return;
            }
        }
    }

    /// Writes what an event means to this watcher: objects enter and leave its selectors.
    fn event(&mut self, event: &Event) {
        self.version = self.version.max(event.object.version());
        if !self.namespace.is_empty() && event.object.namespace() != self.namespace {
            return;
        }
        let selectors = &self.options.selectors;
        let before = event.before.as_ref().is_some_and(|o| selectors.admit(&self.served, o));
        let after = event.change != Change::Deleted && selectors.admit(&self.served, &event.object);
        match (before, after) {
            (false, true) => self.write("ADDED", &event.object),
            (true, true) => self.write("MODIFIED", &event.object),
            (true, false) => match (&event.before, event.change) {
                // It left the selectors: the client is shown what it knew, at the version of the change.
                (Some(before), Change::Added | Change::Modified) => {
                    self.write("DELETED", &before.at_version(event.object.version()));
                }
                _ => self.write("DELETED", &event.object),
            },
            (false, false) => {}
        }
    }

    fn write(&mut self, kind: &str, object: &Object) {
        self.buffer.extend_from_slice(b"{\"type\":\"");
        self.buffer.extend_from_slice(kind.as_bytes());
        self.buffer.extend_from_slice(b"\",\"object\":");
        match self.form.shape {
            Shape::Whole => self.served.write(object, true, &mut self.buffer),
            Shape::Metadata => object.write_metadata(PARTIAL, &mut self.buffer),
            Shape::Table => {
                let row = table::row(&self.served, &self.served.value(object), self.include);
                self.table(vec![row], &object.version().to_string());
            }
        }
        self.buffer.extend_from_slice(b"}\n");
    }

    fn table(&mut self, rows: Vec<Value>, version: &str) {
        // Columns are told once.
        let columns = match std::mem::replace(&mut self.told_columns, true) {
            true => Value::Null,
            false => table::columns(&self.served),
        };
        let value = json!({
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": {"resourceVersion": version},
            "columnDefinitions": columns,
            "rows": rows,
        });
        self.buffer.extend_from_slice(value.to_string().as_bytes());
    }

    fn bookmark(&mut self, initial: bool) {
        let (api_version, kind) = match self.form.shape {
            Shape::Metadata => ("meta.k8s.io/v1", "PartialObjectMetadata"),
            _ => (self.served.api_version.as_str(), self.served.resource.kind.as_str()),
        };
        let mut metadata = json!({"resourceVersion": self.version.to_string()});
        if initial {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        if self.form.shape == Shape::Table {
            self.buffer.extend_from_slice(b"{\"type\":\"BOOKMARK\",\"object\":");
            let version = self.version.to_string();
            self.table(Vec::new(), &version);
            self.buffer.extend_from_slice(b"}\n");
            return;
        }
        let event = json!({
            "type": "BOOKMARK",
            "object": {"kind": kind, "apiVersion": api_version, "metadata": metadata},
        });
        self.buffer.extend_from_slice(event.to_string().as_bytes());
        self.buffer.push(b'\n');
    }

    async fn flush(&mut self) -> Result<(), mpsc::error::SendError<Bytes>> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let bytes = Bytes::from(std::mem::take(&mut self.buffer));
        self.sender.send(bytes).await
    }
}
