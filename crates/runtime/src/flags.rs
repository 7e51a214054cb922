//! The flags that every controller has (spec/flux/source.md §9, install.md §8), spelled as Flux spells them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use crate::queue::Backoff;

/// A length of time as Go writes it: `1h30m`, `750ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoDuration(pub Duration);

impl FromStr for GoDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        sluice_api::meta::Duration::from(text).to_std().map(GoDuration).map_err(|error| error.to_string())
    }
}

/// A duration as Go prints it, in whole milliseconds: `1m30s`, `1.5s`, `250ms`.
#[must_use]
pub fn duration_text(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis < 1000 {
        return format!("{millis}ms");
    }
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    let fraction = format!("{:03}", rest % 1000);
    let fraction = fraction.trim_end_matches('0');
    let seconds = match fraction {
        "" => format!("{}s", rest / 1000),
        fraction => format!("{}.{fraction}s", rest / 1000),
    };
    match (minutes / 60, minutes % 60) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Everything, events too.
    Trace,
    /// Why things happen.
    Debug,
    /// What changes.
    Info,
    /// What goes wrong.
    Error,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogEncoding {
    /// One JSON object a line, as `flux logs` reads it.
    Json,
    /// For people.
    Console,
}

/// The flags that every controller shares.
#[derive(Args, Clone, Debug)]
pub struct SharedFlags {
    /// Address that serves `/metrics`; `0` turns it off
    #[arg(long, default_value = ":8080", value_parser = listen_address)]
    pub metrics_addr: Listen,
    /// Address that serves `/healthz` and `/readyz`; `0` turns it off
    #[arg(long, default_value = ":9440", value_parser = listen_address)]
    pub health_addr: Listen,
    /// URL of the event receiver (the notification-controller); empty sends none
    #[arg(long, env = "EVENTS_ADDR", default_value = "")]
    pub events_addr: String,
    /// Watch all namespaces; `false` watches the one in RUNTIME_NAMESPACE alone
    #[arg(long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub watch_all_namespaces: bool,
    /// Look after objects with these labels alone, for example `sharding.fluxcd.io/key=shard1`
    #[arg(long, default_value = "")]
    pub watch_label_selector: String,
    /// Watch referenced ConfigMaps and Secrets that carry these labels
    #[arg(long, default_value = "reconcile.fluxcd.io/watch=Enabled")]
    pub watch_configs_label_selector: String,
    /// How much to log
    #[arg(long, value_enum, default_value = "info")]
    pub log_level: LogLevel,
    /// How log lines look
    #[arg(long, value_enum, default_value = "json")]
    pub log_encoding: LogEncoding,
    /// Elect a leader, so that of several replicas one works at a time
    #[arg(long, default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub enable_leader_election: bool,
    /// Give the lease back at the end, so that the next leader starts at once
    #[arg(long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub leader_election_release_on_cancel: bool,
    /// How long a lease holds without being renewed
    #[arg(long, default_value = "35s")]
    pub leader_election_lease_duration: GoDuration,
    /// How long the leader tries to renew its lease before it gives up
    #[arg(long, default_value = "30s")]
    pub leader_election_renew_deadline: GoDuration,
    /// The wait between two tries
    #[arg(long, default_value = "5s")]
    pub leader_election_retry_period: GoDuration,
    /// Accepted for Flux's sake: requests are limited by the server's flow control
    #[arg(long, default_value_t = 50.0)]
    pub kube_api_qps: f32,
    /// Accepted for Flux's sake: requests are limited by the server's flow control
    #[arg(long, default_value_t = 300)]
    pub kube_api_burst: u32,
    /// The wait after a first failure
    #[arg(long, default_value = "750ms")]
    pub min_retry_delay: GoDuration,
    /// The longest wait after failures
    #[arg(long, default_value = "15m")]
    pub max_retry_delay: GoDuration,
    /// Move intervals at random by up to this share, so that they do not end all at once
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=99))]
    pub interval_jitter_percentage: u8,
    /// Switches, as `Name=true,Other=false`
    #[arg(long, default_value = "")]
    pub feature_gates: FeatureGates,
    /// How long passes that are under way get at the end
    #[arg(skip = Duration::from_secs(10))]
    pub grace_period: Duration,
}

impl SharedFlags {
    /// The backoff of failing objects.
    #[must_use]
    pub fn backoff(&self) -> Backoff {
        Backoff { min: self.min_retry_delay.0, max: self.max_retry_delay.0 }
    }
}

/// Where a server listens: nowhere, or at an address whose host may be empty as in Go's `:8080`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

/// Reads `:8080`, `127.0.0.1:8080`, `[::1]:0`, or `0` for nowhere.
///
/// # Errors
/// When the text is none of these.
pub fn listen_address(text: &str) -> Result<Listen, String> {
    if text == "0" || text.is_empty() {
        return Ok(Listen(None));
    }
    let full = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.replace("localhost:", "127.0.0.1:") };
    let address =
        full.parse().map_err(|_| format!("`{text}` is no address; write one as `:8080` or `127.0.0.1:8080`"))?;
    Ok(Listen(Some(address)))
}

/// The value of `--feature-gates`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureGates(BTreeMap<String, bool>);

impl FromStr for FeatureGates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut gates = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| format!("`{part}`: write a gate as `Name=true`"))?;
            let value = match value.trim() {
                "true" | "True" | "TRUE" | "t" | "T" | "1" => true,
                "false" | "False" | "FALSE" | "f" | "F" | "0" => false,
                other => return Err(format!("`{part}`: `{other}` is neither `true` nor `false`")),
            };
            gates.insert(name.trim().to_owned(), value);
        }
        Ok(FeatureGates(gates))
    }
}

impl FeatureGates {
    /// Checks the gates against those that a controller knows, name and default.
    ///
    /// # Errors
    /// When a gate is unknown: Flux exits with 1 then, and so do we.
    pub fn check(&self, known: &[(&str, bool)]) -> Result<(), String> {
        match self.0.keys().find(|name| !known.iter().any(|(it, _)| it == name)) {
            None => Ok(()),
            Some(name) => {
                let known: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                Err(format!("--feature-gates: `{name}` is unknown; known are {}", known.join(", ")))
            }
        }
    }

    /// Whether a gate is open.
    #[must_use]
    pub fn enabled(&self, name: &str, default: bool) -> bool {
        self.0.get(name).copied().unwrap_or(default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        shared: SharedFlags,
    }

    fn parse(args: &[&str]) -> SharedFlags {
        <Cli as clap::Parser>::try_parse_from(std::iter::once("x").chain(args.iter().copied())).unwrap().shared
    }

    #[test]
    fn go_writes_booleans_in_two_ways() {
        assert!(parse(&["--enable-leader-election"]).enable_leader_election);
        assert!(parse(&["--enable-leader-election=true"]).enable_leader_election);
        assert!(!parse(&["--watch-all-namespaces=false"]).watch_all_namespaces);
        assert!(parse(&[]).watch_all_namespaces);
    }

    #[test]
    fn an_unknown_gate_is_refused() {
        let gates: FeatureGates = "A=true,B=false".parse().unwrap();
        assert!(gates.check(&[("A", false), ("B", true)]).is_ok());
        assert!(gates.check(&[("A", false)]).unwrap_err().contains("`B` is unknown"));
        assert!(gates.enabled("A", false) && !gates.enabled("B", true) && gates.enabled("C", true));
        assert!("A=maybe".parse::<FeatureGates>().is_err());
    }

    #[test]
    fn durations_are_printed_as_go_prints_them() {
        let check = |millis: u64, want: &str| assert_eq!(duration_text(Duration::from_millis(millis)), want);
        check(0, "0ms");
        check(250, "250ms");
        check(1500, "1.5s");
        check(30_000, "30s");
        check(90_000, "1m30s");
        check(3_600_000, "1h0m0s");
    }
}
