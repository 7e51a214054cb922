//! Services of Git: statuses of commits, comments on change requests, dispatches.

mod address;
mod app;
mod azure;
mod bitbucket;
mod comment;
mod gitea;
mod github;
mod gitlab;
mod link;
mod status;

pub use app::signed_jwt;
pub use link::commit_link;
pub use status::{dispatch_filter, status_id, words};

use super::target::Target;
use crate::event::Event;
use crate::exchange::{Exchange, Failure};

/// Types that set the status of a commit.
#[must_use]
pub fn is_commit_status(kind: &str) -> bool {
    matches!(kind, "github" | "gitlab" | "gitea" | "bitbucket" | "bitbucketserver" | "azuredevops")
}

/// Types that comment on a change request.
#[must_use]
pub fn is_comment(kind: &str) -> bool {
    matches!(kind, "githubpullrequestcomment" | "gitlabmergerequestcomment" | "giteapullrequestcomment")
}

/// All types here.
#[must_use]
pub fn is_known(kind: &str) -> bool {
    is_commit_status(kind) || is_comment(kind) || kind == "githubdispatch"
}

/// Sends to a service of Git.
pub async fn send<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    match target.kind.as_str() {
        "github" => github::status(target, event, exchange).await,
        "githubdispatch" => github::dispatch(target, event, exchange).await,
        "githubpullrequestcomment" => github::comment(target, event, exchange).await,
        "gitlab" => gitlab::status(target, event, exchange).await,
        "gitlabmergerequestcomment" => gitlab::comment(target, event, exchange).await,
        "gitea" => gitea::status(target, event, exchange).await,
        "giteapullrequestcomment" => gitea::comment(target, event, exchange).await,
        "bitbucket" => bitbucket::cloud(target, event, exchange).await,
        "bitbucketserver" => bitbucket::server(target, event, exchange).await,
        "azuredevops" => azure::status(target, event, exchange).await,
        other => Err(Failure::setup(format!("provider type `{other}` is no service of Git"))),
    }
}
