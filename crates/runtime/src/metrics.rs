//! The metrics that Flux's dashboards read (spec/flux/install.md §9).

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::Key;
use crate::queue::{Queue, Requeue};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ObjectLabels {
    kind: String,
    name: String,
    namespace: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    controller: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    code: String,
    method: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NameLabel {
    name: String,
}

/// All metrics of a process; clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Mutex<Registry>,
    durations: Family<ObjectLabels, Histogram>,
    results: Family<ResultLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    leader: Family<NameLabel, Gauge>,
    dropped_events: Counter,
    queues: Mutex<Vec<Watched>>,
}

struct Watched {
    name: String,
    queue: Queue,
    active: Arc<AtomicUsize>,
    concurrent: usize,
}

/// Ten buckets from 10 ms to 30 min, each the same multiple of the last.
fn durations() -> Histogram {
    let factor = (1800.0_f64 / 0.01).powf(1.0 / 9.0);
    Histogram::new((0..10).map(|n| 0.01 * factor.powi(n)))
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let durations: Family<ObjectLabels, Histogram> = Family::new_with_constructor(durations);
        let (results, requests, leader) = (Family::default(), Family::default(), Family::default());
        let dropped_events = Counter::default();
        registry.register("gotk_reconcile_duration_seconds", "Length of passes", durations.clone());
        registry.register("controller_runtime_reconcile", "Passes by outcome", Family::clone(&results));
        registry.register("rest_client_requests", "Requests to the API server", Family::clone(&requests));
        registry.register("leader_election_master_status", "1 while this process leads", Family::clone(&leader));
        registry.register(
            "sluice_events_dropped",
            "Events that found their queue full, or were not taken",
            dropped_events.clone(),
        );
        Metrics(Arc::new(Inner {
            registry: Mutex::new(registry),
            durations,
            results,
            requests,
            leader,
            dropped_events,
            queues: Mutex::default(),
        }))
    }
}

impl Metrics {
    /// Adds metrics of a controller's own.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.0.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Counts a pass.
    pub(crate) fn reconciled(&self, kind: &str, key: &Key, took: Duration, requeue: Requeue) {
        let labels =
            ObjectLabels { kind: kind.to_owned(), name: key.name.to_string(), namespace: key.namespace.to_string() };
        self.0.durations.get_or_create(&labels).observe(took.as_secs_f64());
        let result = match requeue {
            Requeue::After(_) | Requeue::RetryAfter(_) => "requeue_after",
            Requeue::Backoff => "error",
            Requeue::Never => "success",
        };
        self.0.results.get_or_create(&ResultLabels { controller: kind.to_lowercase(), result }).inc();
    }

    /// Drops the series of an object that is gone.
    pub fn forget(&self, kind: &str, key: &Key) {
        let labels =
            ObjectLabels { kind: kind.to_owned(), name: key.name.to_string(), namespace: key.namespace.to_string() };
        self.0.durations.remove(&labels);
    }

    pub(crate) fn requested(&self, code: u16, method: &str) {
        self.0.requests.get_or_create(&RequestLabels { code: code.to_string(), method: method.to_owned() }).inc();
    }

    pub(crate) fn leads(&self, lease: &str, leads: bool) {
        self.0.leader.get_or_create(&NameLabel { name: lease.to_owned() }).set(leads.into());
    }

    pub(crate) fn event_dropped(&self) {
        self.0.dropped_events.inc();
    }

    pub(crate) fn watch_queue(&self, kind: &str, queue: Queue, active: Arc<AtomicUsize>, concurrent: usize) {
        let watched = Watched { name: kind.to_lowercase(), queue, active, concurrent };
        self.0.queues.lock().unwrap_or_else(PoisonError::into_inner).push(watched);
    }

    /// All metrics in the text format of Prometheus.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.0.registry.lock().unwrap_or_else(PoisonError::into_inner));
        let text_end = text.strip_suffix("# EOF\n").map_or(text.len(), str::len);
        text.truncate(text_end);
        self.queues(&mut text);
        process(&mut text);
        text.push_str("# EOF\n");
        text
    }

    fn queues(&self, text: &mut String) {
        let queues = self.0.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let mut family = |name: &str, kind: &str, label: &str, suffix: &str, value: &dyn Fn(&Watched) -> u64| {
            let _ = writeln!(text, "# TYPE {name} {kind}");
            for watched in queues.iter() {
                let _ = writeln!(text, "{name}{suffix}{{{label}=\"{}\"}} {}", watched.name, value(watched));
            }
        };
        family("workqueue_depth", "gauge", "name", "", &|it| it.queue.stats().depth as u64);
        family("workqueue_adds", "counter", "name", "_total", &|it| it.queue.stats().added);
        family("workqueue_retries", "counter", "name", "_total", &|it| it.queue.stats().retried);
        family("controller_runtime_active_workers", "gauge", "controller", "", &|it| {
            it.active.load(Ordering::Relaxed) as u64
        });
        family("controller_runtime_max_concurrent_reconciles", "gauge", "controller", "", &|it| it.concurrent as u64);
    }
}

/// Memory and processor time of this process, from `/proc`; nothing where that is missing.
fn process(text: &mut String) {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return };
    // The command in parentheses may hold blanks; the fields are counted from its end (proc(5)).
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |n: usize| fields.get(n - 3).and_then(|it| it.parse::<u64>().ok()).unwrap_or_default();
    let ticks = (field(14) + field(15)) as f64 / 100.0;
    let resident = field(24) * 4096;
    let _ = writeln!(text, "# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total {ticks}");
    let _ = writeln!(text, "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes {resident}");
}
