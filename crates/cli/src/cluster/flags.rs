//! The flags by which a cluster is named, spelled as kubectl spells them (spec/flux/cli.md §1).

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use kube::config::{
    AuthInfo, Cluster, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext,
};
use sluice_runtime::GoDuration;

use crate::output::talk;

/// The namespace of Flux's own objects.
pub const DEFAULT_NAMESPACE: &str = "flux-system";
const CLUSTER: &str = "Cluster";

/// Which cluster, as whom, and which namespace.
#[derive(Args, Clone, Debug)]
pub struct KubeFlags {
    /// Namespace of the objects [default: flux-system, or FLUX_SYSTEM_NAMESPACE]
    #[arg(short, long, global = true, help_heading = CLUSTER)]
    pub namespace: Option<String>,
    /// Path of the kubeconfig [default: KUBECONFIG, or ~/.kube/config]
    #[arg(long, global = true, help_heading = CLUSTER)]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long, global = true, help_heading = CLUSTER)]
    pub context: Option<String>,
    /// How long to wait for what is asked for
    #[arg(long, global = true, default_value = "5m", help_heading = CLUSTER)]
    pub timeout: GoDuration,
    /// Take the namespace of the context, unless -n is given
    #[arg(long, global = true, env = "FLUX_NS_FOLLOWS_KUBE_CONTEXT", hide_short_help = true, help_heading = CLUSTER)]
    pub ns_follows_kube_context: bool,
    /// Cluster of the kubeconfig
    #[arg(long, global = true, hide_short_help = true, help_heading = CLUSTER)]
    pub cluster: Option<String>,
    /// User of the kubeconfig
    #[arg(long, global = true, hide_short_help = true, help_heading = CLUSTER)]
    pub user: Option<String>,
    /// User to act as
    #[arg(long = "as", value_name = "USER", global = true, hide_short_help = true, help_heading = CLUSTER)]
    pub as_user: Option<String>,
    /// Group to act as; may be repeated
    #[arg(long, value_name = "GROUP", global = true, hide_short_help = true, help_heading = CLUSTER)]
    pub as_group: Vec<String>,
    /// UID to act as
    #[arg(long, value_name = "UID", global = true, hide_short_help = true, help_heading = CLUSTER)]
    pub as_uid: Option<String>,
    /// Bearer token
    #[arg(long, global = true, hide_short_help = true, help_heading = CLUSTER)]
    pub token: Option<String>,
    /// Address of the API server
    #[arg(long, global = true, hide_short_help = true, help_heading = CLUSTER)]
    pub server: Option<String>,
    /// Name that the server's certificate must carry
    #[arg(long, global = true, hide_short_help = true, help_heading = CLUSTER)]
    pub tls_server_name: Option<String>,
    /// Do not check the server's certificate
    #[arg(long, global = true, hide_short_help = true, help_heading = CLUSTER)]
    pub insecure_skip_tls_verify: bool,
    /// Path of the certificate that the server's must be signed with
    #[arg(long, global = true, hide_short_help = true, help_heading = CLUSTER)]
    pub certificate_authority: Option<PathBuf>,
    /// Path of a client certificate
    #[arg(long, global = true, hide_short_help = true, help_heading = CLUSTER)]
    pub client_certificate: Option<PathBuf>,
    /// Path of the client certificate's key
    #[arg(long, global = true, hide_short_help = true, help_heading = CLUSTER)]
    pub client_key: Option<PathBuf>,
    /// Accepted for kubectl's sake: nothing is cached on disk
    #[arg(long, global = true, hide_short_help = true, help_heading = CLUSTER)]
    pub cache_dir: Option<PathBuf>,
    /// Ask for uncompressed answers
    #[arg(long, global = true, hide_short_help = true, help_heading = CLUSTER)]
    pub disable_compression: bool,
    /// Accepted for Flux's sake
    #[arg(long, global = true, hide_short_help = true, help_heading = CLUSTER)]
    pub kube_api_qps: Option<f32>,
    /// Accepted for Flux's sake
    #[arg(long, global = true, hide_short_help = true, help_heading = CLUSTER)]
    pub kube_api_burst: Option<u32>,
    /// Say more
    #[arg(long, global = true, hide_short_help = true)]
    pub verbose: bool,
}

impl KubeFlags {
    /// How to reach the cluster, and the namespace.
    ///
    /// # Errors
    /// When no kubeconfig can be read, it lacks what the flags name, or the namespace is no name.
    pub async fn config(&self) -> anyhow::Result<(kube::Config, String)> {
        let read = match &self.kubeconfig {
            Some(path) => Kubeconfig::read_from(path).with_context(|| format!("--kubeconfig {}", path.display())),
            None => Kubeconfig::read().context("reading the kubeconfig"),
        };
        let mut config = match (read, &self.server) {
            (Ok(kubeconfig), _) => self.of_kubeconfig(kubeconfig).await?,
            (Err(_), Some(server)) => self.of_kubeconfig(bare(server)).await?,
            (Err(error), None) if self.kubeconfig.is_some() => return Err(error),
            (Err(error), None) => match kube::Config::incluster() {
                Ok(config) => config,
                Err(_) => return Err(error.context(
                    "no cluster to talk to; set KUBECONFIG or --kubeconfig, or start one with `sluice dev --kubeconfig-out FILE`",
                )),
            },
        };
        if let Some(uid) = &self.as_uid {
            let value = http::HeaderValue::from_str(uid).context("--as-uid")?;
            config.headers.push((http::HeaderName::from_static("impersonate-uid"), value));
        }
        config.disable_compression |= self.disable_compression;
        let namespace = self.namespace(&config.default_namespace)?;
        Ok((config, namespace))
    }

    async fn of_kubeconfig(&self, mut kubeconfig: Kubeconfig) -> anyhow::Result<kube::Config> {
        for named in &mut kubeconfig.clusters {
            self.override_cluster(named.cluster.get_or_insert_default());
        }
        for named in &mut kubeconfig.auth_infos {
            self.override_user(named.auth_info.get_or_insert_default());
        }
        let options =
            KubeConfigOptions { context: self.context.clone(), cluster: self.cluster.clone(), user: self.user.clone() };
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.context("kubeconfig")?;
        config.read_timeout = None;
        config.connect_timeout = Some(Duration::from_secs(30));
        Ok(config)
    }

    fn override_cluster(&self, cluster: &mut Cluster) {
        if let Some(server) = &self.server {
            cluster.server = Some(server.clone());
        }
        if let Some(name) = &self.tls_server_name {
            cluster.tls_server_name = Some(name.clone());
        }
        if self.insecure_skip_tls_verify {
            cluster.insecure_skip_tls_verify = Some(true);
            cluster.certificate_authority = None;
            cluster.certificate_authority_data = None;
        }
        if let Some(path) = &self.certificate_authority {
            cluster.certificate_authority = Some(path.display().to_string());
            cluster.certificate_authority_data = None;
        }
    }

    fn override_user(&self, user: &mut AuthInfo) {
        if let Some(token) = &self.token {
            user.token = Some(token.clone().into());
            user.token_file = None;
        }
        if let Some(path) = &self.client_certificate {
            user.client_certificate = Some(path.display().to_string());
            user.client_certificate_data = None;
        }
        if let Some(path) = &self.client_key {
            user.client_key = Some(path.display().to_string());
            user.client_key_data = None;
        }
        if let Some(name) = &self.as_user {
            user.impersonate = Some(name.clone());
        }
        if !self.as_group.is_empty() {
            user.impersonate_groups = Some(self.as_group.clone());
        }
    }

    /// The namespace without asking a cluster.
    ///
    /// # Errors
    /// When it is no name.
    pub fn own_namespace(&self) -> anyhow::Result<String> {
        self.namespace(DEFAULT_NAMESPACE)
    }

    fn namespace(&self, of_context: &str) -> anyhow::Result<String> {
        if let Some(namespace) = &self.namespace {
            if !is_label(namespace) {
                bail!(
                    "--namespace: `{namespace}` is no name of a namespace: lower-case letters, digits and `-`, at most 63"
                );
            }
            return Ok(namespace.clone());
        }
        if self.ns_follows_kube_context {
            return Ok(of_context.to_owned());
        }
        match std::env::var("FLUX_SYSTEM_NAMESPACE") {
            Ok(namespace) if is_label(&namespace) => Ok(namespace),
            Ok(namespace) if !namespace.is_empty() => {
                talk::warning(&format!("FLUX_SYSTEM_NAMESPACE is ignored: `{namespace}` is no name of a namespace"));
                Ok(DEFAULT_NAMESPACE.to_owned())
            }
            _ => Ok(DEFAULT_NAMESPACE.to_owned()),
        }
    }
}

/// A kubeconfig of an address alone.
fn bare(server: &str) -> Kubeconfig {
    let name = "flags".to_owned();
    let cluster = Cluster { server: Some(server.to_owned()), ..Cluster::default() };
    let context = Context { cluster: name.clone(), user: Some(name.clone()), ..Context::default() };
    Kubeconfig {
        clusters: vec![NamedCluster { name: name.clone(), cluster: Some(cluster), ..NamedCluster::default() }],
        auth_infos: vec![NamedAuthInfo {
            name: name.clone(),
            auth_info: Some(AuthInfo::default()),
            ..NamedAuthInfo::default()
        }],
        contexts: vec![NamedContext { name: name.clone(), context: Some(context), ..NamedContext::default() }],
        current_context: Some(name),
        ..Kubeconfig::default()
    }
}

/// Whether it is a DNS label.
pub fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_a_dns_label() {
        let check = |text: &str, want: bool| assert_eq!(is_label(text), want, "`{text}`");
        check("flux-system", true);
        check("a", true);
        check(&"a".repeat(64), false);
        check("-a", false);
        check("a-", false);
        check("A", false);
        check("a.b", false);
        check("", false);
    }
}
