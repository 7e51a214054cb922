//! `sluice trigger receiver`: calls a webhook as its sender would (spec/flux/cli.md §3).

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use sluice_notification_controller::caller;

use crate::cluster::KubeFlags;
use crate::output::talk;

const EXAMPLES: &str = "\
Examples:
  sluice trigger receiver web-app --url https://hooks.example.com --token \"$TOKEN\" --type generic-hmac \\
    --payload '{\"ref\": \"refs/heads/main\"}'";

/// Call webhooks
#[derive(Args)]
pub struct TriggerArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Call the webhook of a Receiver
    Receiver(ReceiverArgs),
}

#[derive(Args)]
#[command(after_help = EXAMPLES)]
struct ReceiverArgs {
    /// Name of the Receiver
    name: String,
    /// Where webhooks are taken, for example https://hooks.example.com
    #[arg(long)]
    url: String,
    /// Token of the Receiver; it makes the path, and signs where the type asks for it
    #[arg(long, env = "SLUICE_RECEIVER_TOKEN", hide_env_values = true, default_value = "")]
    token: String,
    /// Type of the Receiver
    #[arg(long = "type", default_value = "generic", value_parser = clap::builder::PossibleValuesParser::new(sluice_api::notification::ReceiverType::WORDS))]
    type_: String,
    /// What happened, for types that say so in a header, for example push
    #[arg(long, default_value = "")]
    event: String,
    /// Token of an issuer, for generic-oidc
    #[arg(long, env = "SLUICE_OIDC_TOKEN", hide_env_values = true, default_value = "")]
    oidc_token: String,
    /// Ask the pipeline that this runs in for the token
    #[arg(long, conflicts_with = "oidc_token", value_parser = ["github", "forgejo"])]
    oidc_provider: Option<String>,
    /// Whom that token is for
    #[arg(long, default_value = "notification-controller")]
    oidc_audience: String,
    /// What is sent
    #[arg(long, default_value = "{}")]
    payload: String,
    /// Further tries when there is no good answer
    #[arg(long, default_value_t = 10)]
    retries: u32,
    /// The wait before each
    #[arg(long, default_value = "10s")]
    retry_delay: sluice_runtime::GoDuration,
}

/// Runs the command.
///
/// # Errors
/// When the webhook did not take the call.
pub async fn run(args: TriggerArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let What::Receiver(args) = args.what;
    let is_oidc = args.type_ == "generic-oidc";
    let bearer = match &args.oidc_provider {
        Some(_) if is_oidc => token_of_pipeline(&args.oidc_audience).await?,
        _ => args.oidc_token.clone(),
    };
    if is_oidc && bearer.is_empty() {
        bail!("a webhook of type generic-oidc needs --oidc-token, or --oidc-provider within a pipeline");
    }
    let call = caller::Call {
        url: &args.url,
        token: if is_oidc { "" } else { &args.token },
        type_: &args.type_,
        event: &args.event,
        bearer: &bearer,
        name: &args.name,
        namespace: &flags.own_namespace()?,
        payload: &args.payload,
    };
    let mut left = args.retries;
    loop {
        let (why, may_pass) = match call.send(Duration::from_secs(30)).await {
            Ok(code) if (200..300).contains(&code) => {
                talk::success(&format!("the webhook of Receiver {} took the call", args.name));
                return Ok(ExitCode::SUCCESS);
            }
            Ok(code) => {
                (format!("the webhook answered {code}"), matches!(code, 404 | 408 | 429 | 500 | 502 | 503 | 504))
            }
            Err(why) => (why.to_string(), true),
        };
        if left == 0 || !may_pass {
            bail!("{why}");
        }
        left -= 1;
        talk::waiting(&format!("{why}; trying again"));
        tokio::time::sleep(args.retry_delay.0).await;
    }
}

/// The token that GitHub Actions, or Forgejo's, give to a job that may have one.
async fn token_of_pipeline(audience: &str) -> anyhow::Result<String> {
    let of = |name: &str| {
        std::env::var(name).with_context(|| {
            format!("--oidc-provider: {name} is not set; the job needs the permission `id-token: write`")
        })
    };
    let (url, token) = (of("ACTIONS_ID_TOKEN_REQUEST_URL")?, of("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?);
    let issuer = caller::Issuer { url: &url, token: &token, audience };
    let token = issuer.token(Duration::from_secs(30)).await.context("--oidc-provider")?;
    Ok(token.expose().to_owned())
}
