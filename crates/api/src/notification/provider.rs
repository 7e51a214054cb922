use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::unset;
use crate::meta::{Duration, INTERVAL, LocalObjectReference, TIMEOUT};
use crate::resource::{Column, resource};
use crate::schema::rule;
use crate::string_enum::string_enum;

resource! {
    /// A service that events are sent to.
    pub struct Provider { spec: ProviderSpec }
    api: "notification.toolkit.fluxcd.io" / "v1beta3" / "Provider",
    plural: "providers",
    short: [],
    categories: ["all", "fluxcd", "fluxcd-notifications"],
    columns: [Column::AGE],
}

/// How to reach the service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("x-kubernetes-validations" = [
    rule(
        "spec.commitStatusExpr is only supported for the 'github', 'gitlab', 'gitea', 'bitbucketserver', \
         'bitbucket', 'azuredevops' provider types",
        "self.type == 'github' || self.type == 'gitlab' || self.type == 'gitea' || self.type == 'bitbucketserver' \
         || self.type == 'bitbucket' || self.type == 'azuredevops' || !has(self.commitStatusExpr)",
    ),
]))]
pub struct ProviderSpec {
    /// What service it is.
    pub type_: ProviderType,
    /// No longer used.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = INTERVAL))]
    pub interval: Option<Duration>,
    /// Channel, room or topic to send to.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(max = 2048))]
    pub channel: String,
    /// Name to send as.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(max = 2048))]
    pub username: String,
    /// Address of the service; the Secret may have it instead.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(max = 2048))]
    pub address: String,
    /// Time for one event; by default 15s.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = TIMEOUT))]
    pub timeout: Option<Duration>,
    /// Address of a proxy; no longer recommended, see `proxySecretRef`.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(max = 2048), regex(pattern = "^(http|https)://.*$"))]
    pub proxy: String,
    /// Secret with the address of a proxy.
    #[serde(skip_serializing_if = "unset")]
    pub proxy_secret_ref: Option<LocalObjectReference>,
    /// Secret with credentials, and perhaps the address.
    #[serde(skip_serializing_if = "unset")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Account whose identity signs in.
    #[serde(skip_serializing_if = "unset")]
    pub service_account_name: String,
    /// Secret with certificates: `ca.crt`, `tls.crt`, `tls.key`.
    #[serde(skip_serializing_if = "unset")]
    pub cert_secret_ref: Option<LocalObjectReference>,
    /// Stops reconciling.
    #[serde(skip_serializing_if = "unset")]
    pub suspend: bool,
    /// CEL expression that makes the id of a commit status; for Git services only.
    #[serde(skip_serializing_if = "unset")]
    pub commit_status_expr: String,
}

string_enum! {
    /// Services that events are sent to.
    pub enum ProviderType {
        /// Slack.
        Slack = "slack",
        /// Discord.
        Discord = "discord",
        /// Microsoft Teams.
        MsTeams = "msteams",
        /// Rocket.Chat.
        Rocket = "rocket",
        /// Any webhook.
        Generic = "generic",
        /// Any webhook, signed.
        GenericHmac = "generic-hmac",
        /// Status of a commit at GitHub.
        Github = "github",
        /// Status of a commit at GitLab.
        Gitlab = "gitlab",
        /// Status of a commit at Gitea.
        Gitea = "gitea",
        /// Comment on a pull request at Gitea.
        GiteaPullRequestComment = "giteapullrequestcomment",
        /// Status of a commit at Bitbucket Server.
        BitbucketServer = "bitbucketserver",
        /// Status of a commit at Bitbucket.
        Bitbucket = "bitbucket",
        /// Status of a commit at Azure DevOps.
        AzureDevops = "azuredevops",
        /// Google Chat.
        GoogleChat = "googlechat",
        /// Google Pub/Sub.
        GooglePubSub = "googlepubsub",
        /// Webex.
        Webex = "webex",
        /// Sentry.
        Sentry = "sentry",
        /// Azure Event Hubs.
        AzureEventHub = "azureeventhub",
        /// Telegram.
        Telegram = "telegram",
        /// Lark, or Feishu.
        Lark = "lark",
        /// Matrix.
        Matrix = "matrix",
        /// Opsgenie.
        Opsgenie = "opsgenie",
        /// Alertmanager.
        Alertmanager = "alertmanager",
        /// Grafana.
        Grafana = "grafana",
        /// Dispatch of a workflow at GitHub.
        GithubDispatch = "githubdispatch",
        /// Comment on a pull request at GitHub.
        GithubPullRequestComment = "githubpullrequestcomment",
        /// Comment on a merge request at GitLab.
        GitlabMergeRequestComment = "gitlabmergerequestcomment",
        /// PagerDuty.
        PagerDuty = "pagerduty",
        /// Datadog.
        Datadog = "datadog",
        /// NATS.
        Nats = "nats",
        /// Zulip.
        Zulip = "zulip",
        /// OpenTelemetry.
        Otel = "otel",
    }
}
