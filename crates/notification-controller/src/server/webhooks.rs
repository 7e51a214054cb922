//! Takes calls of webhooks and asks for reconciles (spec/flux/notification.md §5).

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use http::StatusCode;
use serde_json::Value;
use sluice_api::notification::{Receiver, ReceiverType};
use sluice_runtime::Key;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::serve::{Unread, serve as listen};
use crate::context::Context;
use crate::receiver::{self, Accepted, Call, Refused, Wanted};

/// Serves until the controller stops; returns the address in use.
///
/// # Errors
/// When the address is taken.
pub async fn serve(address: SocketAddr, ctx: &Context) -> std::io::Result<SocketAddr> {
    let stop = ctx.runtime.stopping();
    let ctx = ctx.clone();
    let answer = move |request: Unread| {
        let ctx = ctx.clone();
        async move {
            let (start, method) = (Instant::now(), request.head.method.clone());
            let handler = handler(&request, &ctx);
            let server = &ctx.counters.webhook_server;
            let _under_way = server.begin(&handler);
            let code = answer(request, &ctx).await;
            server.answered(&method, &handler, code.as_u16(), start.elapsed());
            ctx.counters.call(code.as_u16());
            code
        }
    };
    listen(address, answer, stop).await
}

/// What metrics call the webhook: its path where that is asked for, and there is a Receiver behind it.
fn handler(request: &Unread, ctx: &Context) -> String {
    let path = request.head.uri.path();
    let known = || ctx.paths.lock().unwrap_or_else(PoisonError::into_inner).contains_key(path);
    if ctx.options.export_http_path_metrics && known() { path.to_owned() } else { "/hook/".to_owned() }
}

async fn answer(request: Unread, ctx: &Context) -> StatusCode {
    // The request as it was written: no path means another, and a query makes it unknown.
    let path = request.head.uri.path_and_query().map_or("", |it| it.as_str());
    let found = ctx.paths.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
    let Some(receiver) = found.and_then(|key| ctx.receivers.get(&key)) else { return StatusCode::NOT_FOUND };
    if receiver.spec.suspend || !sluice_api::meta::is_true(&receiver.status.conditions, "Ready") {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let read = match request.read().await {
        Ok(read) => read,
        Err(code) => return code,
    };
    let call = Call { headers: &read.headers, body: &read.body };
    let accepted = match verify(&receiver, call, ctx).await {
        Ok(accepted) => accepted,
        Err(why) => {
            // At debug alone: whoever can call could fill a disk otherwise.
            debug!(receiver = %Key::of(receiver.as_ref()), %why, "a call of a webhook is refused");
            return StatusCode::BAD_REQUEST;
        }
    };
    drop(read);
    trigger(&receiver, &accepted, ctx).await
}

async fn verify(receiver: &Receiver, call: Call<'_>, ctx: &Context) -> Result<Accepted, Refused> {
    let secret = match &receiver.spec.secret_ref {
        Some(reference) if receiver.spec.type_ != ReceiverType::GenericOidc => {
            let namespace = receiver.metadata.namespace.as_deref().unwrap_or_default();
            let found = ctx.secrets.get(&Key::new(namespace, &reference.name)).await.map_err(Refused)?;
            found.ok_or_else(|| Refused("the Secret of the receiver is not found".to_owned()))?
        }
        _ => Arc::default(),
    };
    receiver::verify(&receiver.spec, &secret, call, &ctx.issuers).await
}

/// Asks for a reconcile of every object that is meant. One that fails does not keep the others from it.
async fn trigger(receiver: &Receiver, accepted: &Accepted, ctx: &Context) -> StatusCode {
    let key = Key::of(receiver);
    let filters = match receiver::compile_all(&receiver.spec) {
        Ok(filters) => filters,
        Err(error) => {
            warn!(receiver = %key, %error, "a webhook has done nothing");
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
    };
    let at = jiff::Timestamp::now().to_string();
    let (mut asked, mut problems) = (0, Vec::new());
    for (number, resource) in receiver.spec.resources.iter().enumerate() {
        let wanted = receiver::wanted(resource, &key.namespace, ctx.options.no_cross_namespace_refs);
        let found = match wanted {
            Ok(wanted) => find(&wanted, ctx).await,
            Err(why) => Err(why.to_string()),
        };
        for object in found.unwrap_or_else(|why| {
            problems.push(why);
            Vec::new()
        }) {
            match receiver::admitted(&filters, number, &object, accepted) {
                Ok(false) => {}
                Ok(true) => match ctx.objects.request_reconcile(&object, &at).await {
                    Ok(()) => asked += 1,
                    Err(error) => problems.push(error.to_string()),
                },
                Err(why) => problems.push(why.to_string()),
            }
        }
    }
    if problems.is_empty() {
        info!(receiver = %key, objects = asked, "a webhook has asked for reconciles");
        return StatusCode::OK;
    }
    let message = problems.join("; ");
    let message = sluice_runtime::shortened(&message, 1024);
    warn!(receiver = %key, objects = asked, error = %message, "a webhook could not do all that was asked");
    ctx.warn(receiver, "WebhookFailed", &message);
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn find(wanted: &Wanted, ctx: &Context) -> Result<Vec<Value>, String> {
    let Wanted { api_version, kind, namespace, name, labels } = wanted;
    match name {
        Some(name) => match ctx.objects.value(api_version, kind, namespace, name).await {
            Ok(Some(object)) => Ok(vec![object]),
            Ok(None) => Err(format!("{kind} '{namespace}/{name}' not found")),
            Err(error) => Err(error.to_string()),
        },
        None => {
            let labels: Vec<(&str, &str)> = labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            ctx.objects.list(api_version, kind, namespace, &labels).await.map_err(|error| error.to_string())
        }
    }
}
