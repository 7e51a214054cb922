//! `sluice create alert`, `alert-provider` and `receiver`, and the Secret of a receiver (spec/flux/cli.md §3).

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Map, Value, json};

use crate::kinds;

const ALERT_EXAMPLES: &str = "\
Examples:
  sluice create alert web-app --provider-ref slack --event-severity error \\
    --event-source Kustomization/web-app --event-source 'GitRepository/*' --export";

/// What an Alert is made of.
#[derive(Args)]
#[command(after_help = ALERT_EXAMPLES)]
pub struct AlertArgs {
    /// Name of the Alert
    name: String,
    /// Provider that events are sent to
    #[arg(long)]
    provider_ref: String,
    /// Least severity: info takes all
    #[arg(long, default_value = "info", value_parser = ["info", "error"])]
    event_severity: String,
    /// Objects whose events are sent, as KIND/NAME or KIND/NAME.NAMESPACE; a name may be `*`
    #[arg(long, required = true, value_delimiter = ',')]
    event_source: Vec<String>,
}

impl AlertArgs {
    /// The Alert.
    ///
    /// # Errors
    /// When a source is none.
    pub fn object(&self, namespace: &str) -> anyhow::Result<Value> {
        let sources =
            self.event_source.iter().map(|it| reference("--event-source", it)).collect::<anyhow::Result<_>>()?;
        let spec = Map::from_iter([
            ("providerRef".to_owned(), json!({"name": self.provider_ref})),
            ("eventSeverity".to_owned(), json!(self.event_severity)),
            ("eventSources".to_owned(), Value::Array(sources)),
        ]);
        Ok(super::object(kinds::ALERT.api_version, "Alert", namespace, &self.name, spec))
    }
}

/// `KIND/NAME.NAMESPACE`, with the kind as the API writes it.
fn reference(flag: &str, text: &str) -> anyhow::Result<Value> {
    let (kind, rest) = text.split_once('/').with_context(|| format!("{flag}: `{text}` is none; write KIND/NAME"))?;
    let kind = kinds::of_kind(kind).filter(|it| !matches!(it.kind, "Alert" | "Provider" | "Receiver"));
    let kind = kind.with_context(|| format!("{flag}: `{text}` is of no kind that has events"))?;
    let (name, namespace) = rest.split_once('.').unwrap_or((rest, ""));
    if name.is_empty() {
        bail!("{flag}: `{text}` names no object; write KIND/NAME");
    }
    let mut reference = json!({"kind": kind.kind, "name": name});
    if !namespace.is_empty() {
        reference["namespace"] = namespace.into();
    }
    Ok(reference)
}

const PROVIDER_EXAMPLES: &str = "\
Examples:
  sluice create alert-provider slack --type slack --channel general --secret-ref slack-webhook

  sluice create alert-provider status --type github --address https://github.com/org/app --secret-ref github-token";

/// What a Provider is made of.
#[derive(Args)]
#[command(after_help = PROVIDER_EXAMPLES)]
pub struct ProviderArgs {
    /// Name of the Provider
    name: String,
    /// Service, for example slack, lark or github
    #[arg(long = "type", value_parser = clap::builder::PossibleValuesParser::new(sluice_api::notification::ProviderType::WORDS))]
    type_: String,
    /// Channel, room or topic
    #[arg(long, default_value = "")]
    channel: String,
    /// Name to send as
    #[arg(long, default_value = "")]
    username: String,
    /// Address of the service; the Secret may have it instead
    #[arg(long, default_value = "")]
    address: String,
    /// Secret with credentials, and perhaps the address
    #[arg(long, default_value = "")]
    secret_ref: String,
}

impl ProviderArgs {
    /// The Provider.
    pub fn object(&self, namespace: &str) -> Value {
        let secret = if self.secret_ref.is_empty() { Value::Null } else { json!({"name": self.secret_ref}) };
        let spec = Map::from_iter([
            ("type".to_owned(), json!(self.type_)),
            ("channel".to_owned(), json!(self.channel)),
            ("username".to_owned(), json!(self.username)),
            ("address".to_owned(), json!(self.address)),
            ("secretRef".to_owned(), secret),
        ]);
        super::object(kinds::PROVIDER.api_version, "Provider", namespace, &self.name, spec)
    }
}

const RECEIVER_EXAMPLES: &str = "\
Examples:
  sluice create secret receiver webhook-token --type github --hostname hooks.example.com
  sluice create receiver github --type github --event ping --event push --secret-ref webhook-token \\
    --resource GitRepository/web-app";

/// What a Receiver is made of.
#[derive(Args)]
#[command(after_help = RECEIVER_EXAMPLES)]
pub struct ReceiverArgs {
    /// Name of the Receiver
    name: String,
    /// Who calls
    #[arg(long = "type", value_parser = clap::builder::PossibleValuesParser::new(sluice_api::notification::ReceiverType::WORDS))]
    type_: String,
    /// Secret with the token
    #[arg(long)]
    secret_ref: String,
    /// Events to act on; by default all
    #[arg(long, value_delimiter = ',')]
    event: Vec<String>,
    /// Objects to reconcile, as KIND/NAME or KIND/NAME.NAMESPACE
    #[arg(long, required = true, value_delimiter = ',')]
    resource: Vec<String>,
}

impl ReceiverArgs {
    /// The Receiver.
    ///
    /// # Errors
    /// When a resource is none.
    pub fn object(&self, namespace: &str, interval: &str) -> anyhow::Result<Value> {
        if self.type_ == "generic-oidc" {
            bail!("--type: a webhook of type generic-oidc has no token, but issuers and validations; write it as YAML");
        }
        let resource = |it: &String| -> anyhow::Result<Value> {
            let mut found = reference("--resource", it)?;
            if let Some(kind) = found["kind"].as_str().and_then(kinds::of_kind) {
                // Some kinds must have one, and it does no harm to the others.
                found["apiVersion"] = kind.api_version.into();
            }
            Ok(found)
        };
        let resources = self.resource.iter().map(resource).collect::<anyhow::Result<_>>()?;
        let spec = Map::from_iter([
            ("type".to_owned(), json!(self.type_)),
            ("interval".to_owned(), json!(interval)),
            ("events".to_owned(), json!(self.event)),
            ("secretRef".to_owned(), json!({"name": self.secret_ref})),
            ("resources".to_owned(), Value::Array(resources)),
        ]);
        Ok(super::object(kinds::RECEIVER.api_version, "Receiver", namespace, &self.name, spec))
    }
}

/// What the Secret of a Receiver is made of.
#[derive(Args)]
pub struct TokenArgs {
    /// Name of the Secret
    name: String,
    /// Who calls
    #[arg(long = "type", value_parser = clap::builder::PossibleValuesParser::new(sluice_api::notification::ReceiverType::WORDS))]
    type_: String,
    /// Token; 32 random bytes unless given
    #[arg(long, default_value = "")]
    token: String,
    /// Host that the webhook is reached at; its address is noted on the Secret
    #[arg(long, default_value = "")]
    hostname: String,
    /// Account that must have signed, for gcr
    #[arg(long, default_value = "")]
    email_claim: String,
    /// Audience that tokens must be for, for gcr
    #[arg(long, default_value = "")]
    audience_claim: String,
}

impl TokenArgs {
    /// The Secret.
    ///
    /// # Errors
    /// When a claim is missing for gcr.
    pub fn object(&self, namespace: &str) -> anyhow::Result<Value> {
        let token = match self.token.as_str() {
            "" => [(); 2].map(|()| uuid::Uuid::new_v4().simple().to_string()).concat(),
            token => token.to_owned(),
        };
        let mut data = json!({"token": token});
        if self.type_ == "gcr" {
            if self.email_claim.is_empty() {
                bail!("--email-claim: a webhook of type gcr needs the account that signs");
            }
            data["email"] = self.email_claim.as_str().into();
            let address = format!("https://{}", self.hostname);
            data["audience"] =
                if self.audience_claim.is_empty() { address } else { self.audience_claim.clone() }.into();
        }
        let mut object = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": self.name, "namespace": namespace},
            "stringData": data,
        });
        if !self.hostname.is_empty() {
            let path = sluice_notification_controller::receiver::path(&token, &self.name, namespace);
            let address = format!("https://{}{path}", self.hostname);
            object["metadata"]["annotations"] = json!({"notification.toolkit.fluxcd.io/webhook": address});
        }
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_kind_and_object() {
        assert_eq!(reference("-x", "kustomization/*").unwrap(), json!({"kind": "Kustomization", "name": "*"}));
        let other = json!({"kind": "GitRepository", "name": "a", "namespace": "b"});
        assert_eq!(reference("-x", "GitRepository/a.b").unwrap(), other);
        assert!(
            reference("-x", "a").is_err() && reference("-x", "Alert/a").is_err() && reference("-x", "Bucket/").is_err()
        );
    }
}
