//! The flags of this controller's own (spec/flux/source.md §9).

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use sluice_runtime::{GoDuration, Listen, SharedFlags, listen_address};

/// The feature gates that Flux's controller knows, with their defaults.
pub const GATES: &[(&str, bool)] = &[("CacheSecretsAndConfigMaps", false), ("ObjectLevelWorkloadIdentity", false)];

/// The flags of this controller's own.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Artifacts that are made at once
    #[arg(long, default_value_t = 2)]
    pub concurrent: usize,
    /// Folder of the artifacts
    #[arg(long, env = "STORAGE_PATH", default_value = "/data")]
    pub storage_path: PathBuf,
    /// Address that serves the artifacts
    #[arg(long, env = "STORAGE_ADDRESS", default_value = ":9090", value_parser = listen_address)]
    pub storage_addr: Listen,
    /// Address of the artifacts as others reach it; empty takes this machine's name and the port
    #[arg(long, env = "STORAGE_ADV_ADDR", default_value = "")]
    pub storage_adv_addr: String,
    /// How long artifacts that are no longer advertised are kept
    #[arg(long, default_value = "1m")]
    pub artifact_retention_ttl: GoDuration,
    /// How many artifacts of one source are kept within that time, the advertised one included
    #[arg(long, default_value_t = 2)]
    pub artifact_retention_records: usize,
    /// Algorithm of the artifacts' digests
    #[arg(long, default_value = "sha256", value_parser = ["sha256"])]
    pub artifact_digest_algo: String,
    /// The wait for an included repository that is not there yet; its arrival wakes a pass sooner
    #[arg(long, default_value = "30s")]
    pub requeue_dependency: GoDuration,
    /// Bytes of the index of a Helm repository
    #[arg(long, default_value_t = 52_428_800)]
    pub helm_index_max_size: u64,
    /// Bytes of a packed chart
    #[arg(long, default_value_t = 10_485_760)]
    pub helm_chart_max_size: u64,
    /// Bytes of one file of a chart
    #[arg(long, default_value_t = 5_242_880)]
    pub helm_chart_file_max_size: u64,
    /// Accepted for Flux's sake: an index is read within bounds and kept by its digest
    #[arg(long, default_value_t = 0)]
    pub helm_cache_max_size: u64,
    /// Accepted for Flux's sake: an index is read within bounds and kept by its digest
    #[arg(long, default_value = "15m")]
    pub helm_cache_ttl: GoDuration,
    /// Accepted for Flux's sake: an index is read within bounds and kept by its digest
    #[arg(long, default_value = "1m")]
    pub helm_cache_purge_interval: GoDuration,
    /// Key exchange algorithms for SSH, by preference; empty takes the safe ones
    #[arg(long, value_delimiter = ',')]
    pub ssh_kex_algos: Vec<String>,
    /// Host key algorithms for SSH, by preference; empty takes the safe ones
    #[arg(long, value_delimiter = ',')]
    pub ssh_hostkey_algos: Vec<String>,
    /// As Flux's; needs the gate ObjectLevelWorkloadIdentity
    #[arg(long, default_value = "")]
    pub default_service_account: String,
    /// Accepted for Flux's sake
    #[arg(long, default_value_t = 100)]
    pub token_cache_max_size: u32,
    /// Accepted for Flux's sake
    #[arg(long, default_value = "1h")]
    pub token_cache_max_duration: GoDuration,
}

impl Options {
    /// Checks what one flag alone cannot know.
    ///
    /// # Errors
    /// When a flag needs a gate that is closed.
    pub fn check(&self, shared: &SharedFlags) -> anyhow::Result<()> {
        let gate = shared.feature_gates.enabled("ObjectLevelWorkloadIdentity", false);
        if !self.default_service_account.is_empty() && !gate {
            bail!("--default-service-account needs --feature-gates=ObjectLevelWorkloadIdentity=true");
        }
        Ok(())
    }

    /// The address that statuses advertise.
    #[must_use]
    pub fn advertised(&self, bound: SocketAddr) -> String {
        if !self.storage_adv_addr.is_empty() {
            return self.storage_adv_addr.clone();
        }
        if bound.ip().is_unspecified() {
            let hostname = std::env::var("HOSTNAME").unwrap_or_else(|_| "localhost".to_owned());
            return format!("{hostname}:{}", bound.port());
        }
        bound.to_string()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Parser;

    use super::Options;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    /// The defaults.
    pub(crate) fn options() -> Options {
        Line::parse_from(["source-controller"]).options
    }
}
