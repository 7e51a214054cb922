//! What this controller counts beside what all do.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
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

/// Counters. Labels hold types and codes, never names that a caller chooses.
#[derive(Clone, Default)]
pub struct Counters {
    events: Family<Code, Counter>,
    calls: Family<Code, Counter>,
    deliveries: Family<Delivery, Counter>,
    folded: Counter,
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
