//! Takes events of controllers (spec/flux/notification.md §3).

use std::net::SocketAddr;

use http::{Method, StatusCode};
use tokio::time::Instant;
use tracing::debug;

use super::serve::{Unread, serve as listen};
use crate::context::Context;
use crate::delivery::Acceptance;
use crate::event::Event;

/// What metrics call the one thing that is served here, whatever the path.
const HANDLER: &str = "/";

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
            let server = &ctx.counters.event_server;
            let _under_way = server.begin(HANDLER);
            let code = answer(request, &ctx).await;
            server.answered(&method, HANDLER, code.as_u16(), start.elapsed());
            ctx.counters.event(code.as_u16());
            code
        }
    };
    listen(address, answer, stop).await
}

async fn answer(request: Unread, ctx: &Context) -> StatusCode {
    if request.head.method != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED;
    }
    let read = match request.read().await {
        Ok(read) => read,
        Err(code) => return code,
    };
    let event = match Event::parse(&read.body) {
        Ok(event) => event,
        Err(error) => {
            debug!(line = error.line(), column = error.column(), "an event is no JSON of an event");
            return StatusCode::BAD_REQUEST;
        }
    };
    match ctx.engine.accept(event) {
        Acceptance::Accepted => StatusCode::ACCEPTED,
        Acceptance::Repeated => StatusCode::TOO_MANY_REQUESTS,
        Acceptance::Full | Acceptance::Failed => StatusCode::SERVICE_UNAVAILABLE,
    }
}
