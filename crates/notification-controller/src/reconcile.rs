//! One pass over a Receiver: its path is made and told (spec/flux/notification.md §5).

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use kube::Api;
use sluice_api::meta::{Condition, remove, set};
use sluice_api::notification::{Receiver, ReceiverSpec, ReceiverStatus, ReceiverType};
use sluice_runtime::{Interrupt, Key, REQUESTED_AT, Reconciler, Requeue, finalizer, jittered, status as status_patch};
use tracing::{debug, info};

use crate::context::Context;
use crate::receiver::{check_providers, compile_all, path, token};

/// How often a Secret is looked at again, unless the Receiver says otherwise.
const INTERVAL: Duration = Duration::from_secs(600);

/// Reconciles Receivers.
pub struct ReceiverReconciler(pub Context);

impl Reconciler for ReceiverReconciler {
    type Kind = Receiver;

    async fn reconcile(&self, object: Arc<Receiver>, _: Interrupt) -> Requeue {
        run(object, &self.0).await
    }

    fn seen(&self, object: &Receiver) {
        let key = Key::of(object);
        let mut paths = self.0.paths.lock().unwrap_or_else(PoisonError::into_inner);
        paths.retain(|_, owner| *owner != key);
        if !object.status.webhook_path.is_empty() {
            paths.insert(object.status.webhook_path.clone(), key);
        }
    }

    fn gone(&self, key: &Key) {
        self.0.paths.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, owner| owner != key);
        self.0.runtime.metrics().forget("Receiver", key);
    }
}

/// Why a Receiver has no path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Failure {
    /// Its specification contradicts itself; only another one helps.
    Invalid(String),
    /// An expression does not compile; only another one helps.
    Expression(String),
    /// Its token is not there yet.
    Token(String),
}

async fn run(object: Arc<Receiver>, ctx: &Context) -> Requeue {
    if object.metadata.deletion_timestamp.is_some() {
        return match finalizer::remove(object.as_ref(), &ctx.runtime).await {
            Ok(()) => Requeue::Never,
            Err(error) => {
                debug!(%error, "the finalizer could not be removed; trying again");
                Requeue::Backoff
            }
        };
    }
    let object = if finalizer::is_set(object.as_ref()) {
        object
    } else {
        match finalizer::add(object.as_ref(), &ctx.runtime).await {
            Ok(object) => ctx.receivers.learn(object),
            Err(error) => {
                debug!(%error, "the finalizer could not be added; trying again");
                return Requeue::Backoff;
            }
        }
    };
    let before = object.status.clone();
    let mut after = before.clone();
    let requested = object.metadata.annotations.as_ref().and_then(|it| it.get(REQUESTED_AT));
    after.last_handled_reconcile_at = requested.cloned().unwrap_or(after.last_handled_reconcile_at);
    let requeue = if object.spec.suspend {
        Requeue::Never
    } else {
        let outcome = webhook_path(&object, ctx).await;
        conclude(&mut after, &outcome, object.metadata.generation.unwrap_or_default());
        match &outcome {
            Ok(_) => Requeue::After(jittered(interval(&object.spec), ctx.runtime.flags().interval_jitter_percentage)),
            Err(Failure::Token(_)) => Requeue::Backoff,
            Err(Failure::Invalid(_) | Failure::Expression(_)) => Requeue::Never,
        }
    };
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let api: Api<Receiver> = Api::namespaced(ctx.runtime.client(), namespace);
    match status_patch::patch(&api, object.as_ref(), &before, &after, &ctx.runtime.status_manager()).await {
        Ok(None) => requeue,
        Ok(Some(written)) => {
            if before.webhook_path != after.webhook_path {
                info!(ready = !after.webhook_path.is_empty(), "the path of the webhook is another");
            }
            ctx.receivers.learn(written);
            requeue
        }
        Err(error) => {
            debug!(%error, "the status could not be written; trying again");
            Requeue::Backoff
        }
    }
}

fn interval(spec: &ReceiverSpec) -> Duration {
    spec.interval.as_ref().and_then(|it| it.to_std().ok()).filter(|it| !it.is_zero()).unwrap_or(INTERVAL)
}

async fn webhook_path(object: &Receiver, ctx: &Context) -> Result<String, Failure> {
    let spec = &object.spec;
    consistent(spec).map_err(|why| Failure::Invalid(why.to_owned()))?;
    compile_all(spec).map_err(|error| Failure::Expression(error.to_string()))?;
    check_providers(spec).map_err(|why| Failure::Expression(why.to_string()))?;
    let key = Key::of(object);
    if spec.type_ == ReceiverType::GenericOidc {
        return Ok(path("", &key.name, &key.namespace));
    }
    let name = spec.secret_ref.as_ref().map_or("", |it| &it.name);
    let failed =
        |why: &str| Failure::Token(format!("unable to read token from Secret '{}/{name}': {why}", key.namespace));
    let secret = ctx.secrets.get(&Key::new(&key.namespace, name)).await.map_err(|why| failed(&why))?;
    let secret = secret.ok_or_else(|| failed("not found"))?;
    let token = token(&secret).map_err(|why| failed(&why.to_string()))?;
    Ok(path(token.expose(), &key.name, &key.namespace))
}

/// What the schema's rules say too, for an object that was stored without them.
fn consistent(spec: &ReceiverSpec) -> Result<(), &'static str> {
    let oidc = spec.type_ == ReceiverType::GenericOidc;
    match (oidc, spec.secret_ref.is_some(), spec.oidc_providers.is_empty()) {
        (true, true, _) => Err("spec.secretRef cannot be set when type is generic-oidc"),
        (true, _, true) => Err("generic-oidc receivers must define at least one oidcProvider"),
        (false, _, false) => Err("oidcProviders can only be set when type is generic-oidc"),
        (false, false, _) => Err("spec.secretRef is required when type is not generic-oidc"),
        (true, false, false) | (false, true, true) => Ok(()),
    }
}

/// What the user reads after a pass. Pure: no client.
fn conclude(status: &mut ReceiverStatus, outcome: &Result<String, Failure>, generation: i64) {
    let conditions = &mut status.conditions;
    match outcome {
        Ok(path) => {
            status.webhook_path.clone_from(path);
            set(
                conditions,
                Condition::ready("Succeeded", format!("Receiver initialized for path: {path}")).observed(generation),
            );
            remove(conditions, Condition::RECONCILING);
            remove(conditions, Condition::STALLED);
            status.observed_generation = generation;
        }
        Err(Failure::Token(why)) => {
            status.webhook_path.clear();
            set(conditions, Condition::not_ready("TokenNotFound", why).observed(generation));
            remove(conditions, Condition::STALLED);
            let retrying = Condition::new(Condition::RECONCILING, true, "ProgressingWithRetry", why);
            set(conditions, retrying.observed(generation));
        }
        Err(failure @ (Failure::Invalid(why) | Failure::Expression(why))) => {
            let reason = match failure {
                Failure::Expression(_) => "InvalidCELExpression",
                Failure::Invalid(_) | Failure::Token(_) => "ValidationFailed",
            };
            status.webhook_path.clear();
            set(conditions, Condition::not_ready(reason, why).observed(generation));
            set(conditions, Condition::new(Condition::STALLED, true, reason, why).observed(generation));
            remove(conditions, Condition::RECONCILING);
            status.observed_generation = generation;
        }
    }
}

/// Wakes whoever's token changes. Runs until the controller ends.
pub async fn wake(ctx: Context) {
    let mut changes = ctx.secrets.index.subscribe();
    while let Some(changed) = changes.recv().await {
        for receiver in ctx.receivers.all() {
            let named = receiver.spec.secret_ref.as_ref().map_or("", |it| &it.name);
            let namespace = receiver.metadata.namespace.as_deref().unwrap_or_default();
            if *changed.key.name == *named && *changed.key.namespace == *namespace {
                ctx.queue.add(Key::of(receiver.as_ref()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_api::meta::{find, is_true};

    use super::*;

    #[test]
    fn a_receiver_without_a_token_has_no_path() {
        let mut status = ReceiverStatus::default();
        conclude(&mut status, &Ok("/hook/1".into()), 1);
        assert!(is_true(&status.conditions, "Ready"));
        assert_eq!(find(&status.conditions, "Ready").unwrap().message, "Receiver initialized for path: /hook/1");
        conclude(&mut status, &Err(Failure::Token("gone".into())), 1);
        assert_eq!(status.webhook_path, "");
        assert_eq!(find(&status.conditions, "Ready").unwrap().reason, "TokenNotFound");
        conclude(&mut status, &Err(Failure::Expression("no".into())), 2);
        assert!(is_true(&status.conditions, "Stalled") && find(&status.conditions, "Reconciling").is_none());
        assert_eq!(
            (find(&status.conditions, "Stalled").unwrap().reason.as_str(), status.observed_generation),
            ("InvalidCELExpression", 2)
        );
        conclude(&mut status, &Ok("/hook/2".into()), 3);
        assert!(find(&status.conditions, "Stalled").is_none());
    }
}
