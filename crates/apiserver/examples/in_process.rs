//! A control plane of its own for a test, in three lines.

use serde_json::json;
use sluice_apiserver::{Config, start};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = start(Config::default()).await?;
    let local = server.local();
    local.create(&local.kind("", "v1", "namespaces")?, "", json!({"metadata": {"name": "mine"}}))?;

    // Any client works with server.kubeconfig(); this one needs no network.
    let (namespaces, _) = local.list(&*local.kind("", "v1", "namespaces")?, "");
    #[allow(clippy::print_stdout, reason = "an example talks to its user")]
    {
        println!("{} namespaces on {}", namespaces.len(), server.url());
    }
    server.shutdown().await;
    Ok(())
}
