//! The notification-controller: tells people and services what happens, and lets webhooks start a reconcile.

use std::process::ExitCode;

use clap::Parser;
use sluice_notification_controller::{GATES, NAME, Options, run};
use sluice_runtime::{SharedFlags, listen_address};

/// Tells people and services what happens in the cluster, and lets webhooks start a reconcile.
///
/// Speaks the API of Flux 2.9's notification-controller and takes its flags; `--events-addr` is where it takes events
/// (`:9090` unless given). It finds the API server by KUBECONFIG or, in a pod, by its service account.
#[derive(Parser)]
#[command(name = "notification-controller", version)]
struct Cli {
    #[command(flatten)]
    shared: SharedFlags,
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let Cli { mut shared, options } = Cli::parse();
    // Of the other controllers this flag says where they send events; here it says where they arrive.
    let events = std::mem::take(&mut shared.events_addr);
    let events = listen_address(if events.is_empty() { ":9090" } else { &events });
    let events = match events {
        Ok(events) => events,
        Err(why) => {
            use clap::CommandFactory as _;
            Cli::command().error(clap::error::ErrorKind::ValueValidation, format!("--events-addr: {why}")).exit()
        }
    };
    sluice_runtime::main(NAME, shared, GATES, |runtime| run(runtime, options, events))
}
