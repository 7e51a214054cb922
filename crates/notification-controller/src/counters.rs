//! What this controller counts beside what all do.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use sluice_runtime::Metrics;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Code {
    code: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Delivery {
    provider: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Exchange {
    service: &'static str,
    handler: String,
    method: &'static str,
    code: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Handler {
    service: &'static str,
    handler: String,
}

/// What Flux measures of a server (spec/flux/install.md §9).
#[derive(Clone)]
pub struct Http {
    durations: Family<Exchange, Histogram>,
    sizes: Family<Exchange, Histogram>,
    under_way: Family<Handler, Gauge>,
}

/// A request under way; it is counted as that until it is dropped.
pub struct UnderWay(Gauge);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for Http {
    fn default() -> Self {
        // The buckets of Prometheus' own library, and those that Flux's middleware has for sizes.
        let seconds = || Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]);
        let bytes = || Histogram::new(exponential_buckets(100.0, 10.0, 8));
        Http {
            durations: Family::new_with_constructor(seconds),
            sizes: Family::new_with_constructor(bytes),
            under_way: Family::default(),
        }
    }
}

impl Http {
    fn register(&self, registry: &mut Registry, prefix: &str) {
        let name = |rest: &str| format!("{prefix}_http_{rest}");
        registry.register(name("request_duration_seconds"), "Length of HTTP requests", self.durations.clone());
        registry.register(name("response_size_bytes"), "Size of HTTP responses", self.sizes.clone());
        registry.register(name("requests_inflight"), "HTTP requests under way", self.under_way.clone());
    }

    /// A request begins.
    pub fn begin(&self, handler: &str) -> UnderWay {
        let gauge = self.under_way.get_or_create(&Handler { service: "", handler: handler.to_owned() }).clone();
        gauge.inc();
        UnderWay(gauge)
    }

    /// A request was answered, without a body.
    pub fn answered(&self, method: &http::Method, handler: &str, code: u16, took: Duration) {
        // Whoever calls may write any word there; a series for each would be without bound.
        let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
        let method = methods.into_iter().find(|it| method == it).unwrap_or("other");
        let labels = Exchange { service: "", handler: handler.to_owned(), method, code: code.into() };
        self.durations.get_or_create(&labels).observe(took.as_secs_f64());
        self.sizes.get_or_create(&labels).observe(0.0);
    }
}

/// Counters. Labels hold types and codes, never names that a caller chooses.
#[derive(Clone, Default)]
pub struct Counters {
    events: Family<Code, Counter>,
    calls: Family<Code, Counter>,
    deliveries: Family<Delivery, Counter>,
    folded: Counter,
    /// The server that takes events.
    pub event_server: Http,
    /// The server that takes calls of webhooks.
    pub webhook_server: Http,
}

impl Counters {
    /// Counters that the metrics server shows.
    pub fn register(metrics: &Metrics) -> Counters {
        let counters = Counters::default();
        let it = counters.clone();
        metrics.register(|registry| {
            registry.register("sluice_events_received", "Events by the answer to their sender", it.events);
            registry.register("sluice_webhook_calls", "Calls of webhooks by answer", it.calls);
            registry.register("sluice_deliveries", "Tries of deliveries by provider type and outcome", it.deliveries);
            registry.register("sluice_events_folded", "Events of failures that people know of already", it.folded);
            it.event_server.register(registry, "gotk_event");
            it.webhook_server.register(registry, "gotk_receiver");
        });
        counters
    }

    /// An event was answered with a code.
    pub fn event(&self, code: u16) {
        self.events.get_or_create(&Code { code: code.into() }).inc();
    }

    /// A webhook was answered with a code.
    pub fn call(&self, code: u16) {
        self.calls.get_or_create(&Code { code: code.into() }).inc();
    }

    /// A delivery to a provider of a type was tried.
    pub fn delivered(&self, provider: &str, outcome: &'static str) {
        self.deliveries.get_or_create(&Delivery { provider: provider.to_owned(), outcome }).inc();
    }

    /// An event was not sent because people know already.
    pub fn folded(&self) {
        self.folded.inc();
    }
}
