//! `/metrics`: what Prometheus reads, under kube-apiserver's names.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::request::Request;

/// Counters and the few gauges that tests and benches read.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: Mutex<HashMap<Labels, Series>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Labels {
    group: String,
    version: String,
    resource: String,
    subresource: String,
    scope: &'static str,
    verb: &'static str,
    dry_run: bool,
    code: u16,
}

#[derive(Debug, Default, Clone, Copy)]
struct Series {
    count: u64,
    seconds: f64,
}

/// How the real server's metrics name a verb.
fn metric_verb(request: &Request, apply: bool) -> &'static str {
    match request.verb {
        "get" => "GET",
        "list" => "LIST",
        "watch" => "WATCH",
        "create" | "post" => "POST",
        "update" | "put" => "PUT",
        "patch" if apply => "APPLY",
        "patch" => "PATCH",
        "delete" => "DELETE",
        "deletecollection" => "DELETECOLLECTION",
        "head" => "HEAD",
        _ => "other",
    }
}

fn scope(request: &Request) -> &'static str {
    match (request.name.is_empty(), request.namespace.is_empty()) {
        (false, _) => "resource",
        (true, false) => "namespace",
        (true, true) if request.is_resource => "cluster",
        (true, true) => "",
    }
}

impl Metrics {
    /// Counts one answered request.
    pub fn count(&self, request: &Request, apply: bool, dry_run: bool, code: u16, took: Duration) {
        let labels = Labels {
            group: request.group.clone(),
            version: request.version.clone(),
            resource: request.resource.clone(),
            subresource: if request.is_resource { request.subresource.clone() } else { request.path.clone() },
            scope: scope(request),
            verb: metric_verb(request, apply),
            dry_run,
            code,
        };
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        // Unknown paths must not fill memory; the real server has a fixed set of labels too.
        if requests.len() > 10_000 && !requests.contains_key(&labels) {
            return;
        }
        let series = requests.entry(labels).or_default();
        series.count += 1;
        series.seconds += took.as_secs_f64();
    }

    /// The text that Prometheus reads; `objects` counts what is stored by resource.
    pub fn text(&self, objects: &[(String, usize)]) -> String {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut rows: Vec<_> = requests.into_iter().collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        let mut out = String::from(
            "# HELP apiserver_request_total Requests answered, by what they asked for and how it went.\n\
             # TYPE apiserver_request_total counter\n",
        );
        for (labels, series) in &rows {
            let dry_run = if labels.dry_run { "All" } else { "" };
            let _ = writeln!(
                out,
                "apiserver_request_total{{code=\"{}\",component=\"apiserver\",dry_run=\"{dry_run}\",group=\"{}\",\
                 resource=\"{}\",scope=\"{}\",subresource=\"{}\",verb=\"{}\",version=\"{}\"}} {}",
                labels.code,
                escape(&labels.group),
                escape(&labels.resource),
                labels.scope,
                escape(&labels.subresource),
                labels.verb,
                escape(&labels.version),
                series.count
            );
        }
        out.push_str(
            "# HELP apiserver_request_duration_seconds Time spent on requests.\n\
             # TYPE apiserver_request_duration_seconds summary\n",
        );
        let mut by_verb: HashMap<&'static str, Series> = HashMap::new();
        for (labels, series) in &rows {
            let sum = by_verb.entry(labels.verb).or_default();
            sum.count += series.count;
            sum.seconds += series.seconds;
        }
        let mut by_verb: Vec<_> = by_verb.into_iter().collect();
        by_verb.sort_by_key(|(verb, _)| *verb);
        for (verb, series) in by_verb {
            let _ = writeln!(out, "apiserver_request_duration_seconds_sum{{verb=\"{verb}\"}} {}", series.seconds);
            let _ = writeln!(out, "apiserver_request_duration_seconds_count{{verb=\"{verb}\"}} {}", series.count);
        }
        out.push_str(
            "# HELP apiserver_storage_objects Objects stored, by resource.\n# TYPE apiserver_storage_objects gauge\n",
        );
        for (resource, count) in objects {
            let _ = writeln!(out, "apiserver_storage_objects{{resource=\"{}\"}} {count}", escape(resource));
        }
        out
    }
}

fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
