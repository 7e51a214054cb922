//! OCI artifacts of manifests: `sluice push|pull|list|tag|diff artifact` (spec/flux/cli.md §3 "Artifact push").

mod diff;
mod files;
mod list;
mod pull;
mod push;
mod tag;

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use sluice_oci::{Access, Client, Credentials, DockerConfig, Plain, Reference, Repository, RepositoryName};

pub use diff::{DiffArtifactArgs, run as run_diff};
pub use list::{ListArgs, run as run_list};
pub use pull::{PullArgs, run as run_pull};
pub use push::{PushArgs, run as run_push};
pub use tag::{TagArgs, run as run_tag};

/// Who we are to the registry.
#[derive(Args)]
struct Registry {
    /// User and password, `user:password`; without, those of `docker login`
    #[arg(long, value_name = "USER:PASSWORD")]
    creds: Option<String>,
    /// How to sign in
    #[arg(long, default_value = "generic", value_parser = ["generic"])]
    provider: String,
    /// Also take a registry without TLS, or with a certificate that nobody vouches for
    #[arg(long)]
    insecure_registry: bool,
}

/// `artifact`, the one word that these commands know.
#[derive(Subcommand)]
enum What<A: Args> {
    /// OCI artifacts of manifests
    #[command(alias = "artifacts")]
    Artifact(A),
}

impl Registry {
    /// The repository that an address names.
    fn repository(&self, name: &RepositoryName, timeout: Duration) -> anyhow::Result<Repository> {
        let credentials = match self.creds.as_deref() {
            Some(text) => {
                let (username, password) = text.split_once(':').unwrap_or((text, ""));
                Credentials::Basic { username: username.to_owned(), password: password.into() }
            }
            None => docker_config()?.credentials(name),
        };
        let plain = if self.insecure_registry { Plain::Allowed } else { Plain::Refused };
        Ok(Client::default().repository(name, &Access { credentials, plain, ..Access::default() }, timeout))
    }
}

/// What `oci://registry/repository:tag` means.
fn reference(url: &str) -> anyhow::Result<Reference> {
    let Some(rest) = url.strip_prefix("oci://") else { bail!("`{url}`: an address begins with `oci://`") };
    Ok(rest.parse()?)
}

/// What `docker login` left.
fn docker_config() -> anyhow::Result<DockerConfig> {
    let home = || std::env::var_os("HOME").map(|home| std::path::Path::new(&home).join(".docker"));
    let folder = std::env::var_os("DOCKER_CONFIG").map(Into::into).or_else(home);
    let Some(file) = folder.map(|it| it.join("config.json")).filter(|it| it.is_file()) else {
        return Ok(DockerConfig::default());
    };
    let text = std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    DockerConfig::parse(&text).with_context(|| format!("{}", file.display()))
}
