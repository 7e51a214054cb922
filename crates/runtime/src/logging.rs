//! Log lines with the keys that Flux's have (spec/flux/install.md §11), so that what reads those reads ours.

use std::fmt;
use std::io::IsTerminal;

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::flags::{LogEncoding, LogLevel};

/// Starts logging to standard error for the whole process; `RUST_LOG` overrides the level. A second call does nothing.
pub fn init(level: LogLevel, encoding: LogEncoding) {
    let level = match level {
        LogLevel::Trace => "trace",
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Error => "error",
    };
    // Libraries speak up only when something is wrong, unless everything is asked for.
    let quiet = if level == "trace" { "" } else { ",hyper=warn,rustls=warn,kube=warn,tower=warn,h2=warn,gix=warn" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(format!("{level}{quiet}")));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An error here means that the process has a subscriber already, which then is what its owner wants.
    let _ = match encoding {
        LogEncoding::Json => builder.fmt_fields(JsonFields::new()).event_format(JsonLines).try_init(),
        LogEncoding::Console => builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
    };
}

struct JsonLines;

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Map::new();
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN | Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        line.insert("level".into(), level.into());
        line.insert("ts".into(), jiff::Timestamp::now().to_string().into());
        if let Some(scope) = ctx.event_scope() {
            for span in scope.from_root() {
                let extensions = span.extensions();
                let fields = extensions.get::<FormattedFields<JsonFields>>();
                if let Some(Ok(Value::Object(fields))) = fields.map(|it| serde_json::from_str(&it.fields)) {
                    line.extend(fields);
                }
            }
        }
        if let (Some(Value::String(kind)), Some(name), Some(namespace)) =
            (line.get("controllerKind").cloned(), line.get("name").cloned(), line.get("namespace").cloned())
        {
            line.insert(kind, json!({"name": name, "namespace": namespace}));
        }
        event.record(&mut Fields(&mut line));
        writeln!(writer, "{}", Value::Object(line))
    }
}

struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        let name = if field.name() == "message" { "msg" } else { field.name() };
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}
