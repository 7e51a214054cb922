//! `sluice create secret git` (spec/flux/cli.md §3 "create secret keys").

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Map, Value, json};

const EXAMPLES: &str = "\
Examples:
  sluice create secret git git-credentials --url https://git.example.com/org/app -u git -p \"$TOKEN\"

  ssh-keyscan git.example.com > known_hosts
  sluice create secret git deploy-key --url ssh://git@git.example.com/org/app \\
    --private-key-file id_ed25519 --known-hosts-file known_hosts --export";

/// What a Secret for Git is made of.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct GitArgs {
    /// Name of the Secret
    name: String,
    /// Address of the repository
    #[arg(long)]
    url: String,
    /// User name
    #[arg(short, long, default_value = "")]
    username: String,
    /// Password or token
    #[arg(short, long, default_value = "")]
    password: String,
    /// Bearer token
    #[arg(long, default_value = "")]
    bearer_token: String,
    /// Path of an SSH key
    #[arg(long)]
    private_key_file: Option<PathBuf>,
    /// Path of the host keys to trust, as `ssh-keyscan` prints them
    #[arg(long)]
    known_hosts_file: Option<PathBuf>,
    /// Path of a certificate to trust
    #[arg(long, alias = "ca-file")]
    ca_crt_file: Option<PathBuf>,
}

/// What signs in.
pub struct Credentials<'a> {
    /// User name; empty for none.
    pub username: &'a str,
    /// Password; empty for none.
    pub password: &'a str,
    /// Bearer token; empty for none.
    pub bearer_token: &'a str,
    /// An SSH key.
    pub private_key_file: Option<&'a Path>,
    /// Host keys.
    pub known_hosts_file: Option<&'a Path>,
    /// A certificate to trust.
    pub ca_file: Option<&'a Path>,
}

impl Credentials<'_> {
    /// Whether there are any.
    pub fn are_given(&self) -> bool {
        let texts = [self.username, self.password, self.bearer_token].iter().any(|it| !it.is_empty());
        texts || self.private_key_file.is_some() || self.ca_file.is_some()
    }
}

impl GitArgs {
    /// The Secret.
    ///
    /// # Errors
    /// When what the address needs is not given, or a file cannot be read.
    pub fn object(&self, namespace: &str) -> anyhow::Result<Value> {
        let credentials = Credentials {
            username: &self.username,
            password: &self.password,
            bearer_token: &self.bearer_token,
            private_key_file: self.private_key_file.as_deref(),
            known_hosts_file: self.known_hosts_file.as_deref(),
            ca_file: self.ca_crt_file.as_deref(),
        };
        git(&self.name, namespace, &self.url, &credentials)
    }
}

/// A Secret for a Git remote.
///
/// # Errors
/// When what the address needs is not given, or a file cannot be read.
pub fn git(name: &str, namespace: &str, url: &str, credentials: &Credentials<'_>) -> anyhow::Result<Value> {
    let mut data = Map::new();
    let mut put = |key: &str, value: &str| drop(data.insert(key.to_owned(), value.into()));
    let read = |path: &Path| fs::read_to_string(path).with_context(|| format!("`{}`", path.display()));
    if url.starts_with("ssh://") {
        let Some(key) = credentials.private_key_file else { bail!("an ssh address needs --private-key-file") };
        let Some(hosts) = credentials.known_hosts_file else {
            bail!("an ssh address needs --known-hosts-file; `ssh-keyscan HOST` prints one");
        };
        put("identity", &read(key)?);
        put("known_hosts", &read(hosts)?);
        if !credentials.password.is_empty() {
            put("password", credentials.password);
        }
    } else if url.starts_with("https://") || url.starts_with("http://") {
        if credentials.bearer_token.is_empty() {
            if credentials.username.is_empty() || credentials.password.is_empty() {
                bail!("an http address needs --username and --password, or --bearer-token");
            }
            put("username", credentials.username);
            put("password", credentials.password);
        } else {
            put("bearerToken", credentials.bearer_token);
        }
        if let Some(path) = credentials.ca_file {
            put("ca.crt", &read(path)?);
        }
    } else {
        bail!("--url: `{url}` must begin with http://, https:// or ssh://");
    }
    Ok(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "stringData": data,
    }))
}
