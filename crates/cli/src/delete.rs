//! `sluice delete`: removes a Flux object, after asking.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;

use crate::cluster::{Cluster, KubeFlags};
use crate::kinds::What;
use crate::output::talk;

/// Delete an object; a Kustomization takes what it applied with it, if it prunes
#[derive(Args)]
#[command(after_help = "Examples:\n  sluice delete kustomization apps --silent")]
pub struct DeleteArgs {
    #[command(subcommand)]
    what: What,
    /// Do not ask
    #[arg(short, long, global = true)]
    silent: bool,
}

/// Runs the command.
///
/// # Errors
/// When the object does not exist, or the answer is no.
pub async fn run(args: DeleteArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let (kind, names) = args.what.kind();
    let [name] = names else { bail!("name one object: `sluice delete {} NAME`", kind.human) };
    let cluster = Cluster::connect(flags).await?;
    let path = kind.object(&cluster.namespace, name);
    let found = cluster.get(&path).await?;
    found.with_context(|| format!("{} `{name}` not found in `{}` namespace", kind.kind, cluster.namespace))?;
    if !args.silent && !is_sure(&format!("Are you sure you want to delete this {}? [y/N] ", kind.human))? {
        bail!("aborting");
    }
    talk::action(&format!("deleting {} {name} in {} namespace", kind.human, cluster.namespace));
    cluster.delete(&path).await?;
    talk::success(&format!("{} deleted", kind.human));
    Ok(ExitCode::SUCCESS)
}

fn is_sure(question: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("nobody can be asked here; say --silent");
    }
    write!(io::stderr().lock(), "{question}")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
