//! The client of the API server: from flags and environment, with a timeout for each call, counted.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use serde_json::Value;
use tower::{BoxError, Layer, Service};

use crate::metrics::Metrics;

/// No call may take longer, watches aside (SECURITY F11): a server that accepts and never answers is away.
const CALL: Duration = Duration::from_secs(30);

/// A client for `config` whose calls end after 30 s and are counted in `rest_client_requests_total`.
///
/// # Errors
/// When the configuration's certificates or keys cannot be used.
pub fn client(config: Config, metrics: &Metrics) -> Result<Client, kube::Error> {
    let layer = CountAndLimit { metrics: metrics.clone() };
    Ok(ClientBuilder::try_from(config)?.with_layer(&layer).build())
}

#[derive(Clone)]
struct CountAndLimit {
    metrics: Metrics,
}

impl<S> Layer<S> for CountAndLimit {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, metrics: self.metrics.clone() }
    }
}

struct Counted<S> {
    inner: S,
    metrics: Metrics,
}

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let metrics = self.metrics.clone();
        let method = request.method().to_string();
        let response = self.inner.call(request);
        Box::pin(async move {
            // Of a watch only the head is waited for here, which comes at once as well.
            let outcome = tokio::time::timeout(CALL, response).await;
            let response = outcome.map_err(|_| format!("no answer from the API server within {} s", CALL.as_secs()))?;
            let response = response.map_err(Into::into)?;
            metrics.requested(response.status().as_u16(), &method);
            Ok(response)
        })
    }
}

/// Plain requests with JSON bodies, where a typed API would be in the way.
#[derive(Clone)]
pub struct Kube(pub Client);

impl Kube {
    /// Creates an object at a collection's path.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, kube::Error> {
        let request = Request::post(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body.to_string().into_bytes())
            .map_err(kube::Error::HttpError)?;
        self.0.request(request).await
    }
}
