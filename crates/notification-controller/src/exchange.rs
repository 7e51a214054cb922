//! What providers send, and how: requests as data, sent by whoever is asked to.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use sluice_http::{Secret, Url};

/// A request. Its `Debug` shows neither headers nor body: both may hold secrets, and so may the path.
#[derive(Clone)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url.host_str().unwrap_or_default())
    }
}

/// An answer, whatever its status.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The beginning of the body.
    pub body: Vec<u8>,
}

/// No answer.
#[derive(Clone, Debug)]
pub struct NoAnswer {
    /// Why, without address or credentials.
    pub why: String,
    /// Whether another try may help.
    pub may_pass: bool,
}

/// The world that a provider sends to.
pub trait Exchange: Sync {
    /// One HTTP exchange; redirects are not followed.
    ///
    /// # Errors
    /// When there is no answer.
    fn http(&self, request: Request) -> impl Future<Output = Result<Answer, NoAnswer>> + Send;

    /// A conversation with a server that does not speak HTTP.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses.
    fn converse(&self, talk: crate::provider::Talk) -> impl Future<Output = Result<(), NoAnswer>> + Send;
}

/// Where a delivery failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The provider cannot be used as it is set up; nothing was sent.
    Setup,
    /// The service did not take it.
    Send,
}

/// Whether another try may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// No.
    Never,
    /// Soon.
    Soon,
    /// Not before this long.
    After(Duration),
}

/// Why a notification was not delivered; never with a secret.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Where.
    pub stage: Stage,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub retry: Retry,
}

impl Failure {
    /// The provider cannot be used as it is.
    #[must_use]
    pub fn setup(message: impl Into<String>) -> Failure {
        Failure { stage: Stage::Setup, message: message.into(), retry: Retry::Never }
    }

    /// The service, or what it needs, refused.
    #[must_use]
    pub fn send(message: impl Into<String>) -> Failure {
        Failure { stage: Stage::Send, message: message.into(), retry: Retry::Never }
    }

    /// The same, but it may pass.
    #[must_use]
    pub fn soon(self) -> Failure {
        Failure { retry: Retry::Soon, ..self }
    }
}

impl From<NoAnswer> for Failure {
    fn from(it: NoAnswer) -> Self {
        let failure = Failure::send(it.why);
        if it.may_pass { failure.soon() } else { failure }
    }
}

impl Request {
    /// A request without headers and body.
    #[must_use]
    pub fn new(method: Method, url: Url) -> Request {
        Request { method, url, headers: HeaderMap::new(), body: Vec::new() }
    }

    /// A POST of JSON.
    #[must_use]
    pub fn json<T: serde::Serialize>(url: Url, payload: &T) -> Request {
        Request::new(Method::POST, url).with_json(payload)
    }

    /// The same with a JSON body.
    #[must_use]
    pub fn with_json<T: serde::Serialize>(mut self, payload: &T) -> Request {
        self.body = crate::json::to_vec(payload);
        self.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self
    }

    /// The same with a header that is no secret.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &'static str) -> Request {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    /// The same with a header whose value is given from outside.
    ///
    /// # Errors
    /// When the value cannot stand in a header; it is not repeated.
    pub fn secret_header(mut self, name: &str, value: &str) -> Result<Request, Failure> {
        let wrong = || Failure::setup(format!("the value for the header `{name}` has characters that cannot be sent"));
        let key: HeaderName = name.parse().map_err(|_| Failure::setup(format!("`{name}` is no name of a header")))?;
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        self.headers.insert(key, value);
        Ok(self)
    }

    /// The same with `Authorization: Bearer`.
    ///
    /// # Errors
    /// As [`Request::secret_header`].
    pub fn bearer(self, token: &Secret) -> Result<Request, Failure> {
        self.secret_header("authorization", &format!("Bearer {}", token.expose()))
    }

    /// The same with `Authorization: Basic`.
    ///
    /// # Errors
    /// As [`Request::secret_header`].
    pub fn basic(self, username: &str, password: &Secret) -> Result<Request, Failure> {
        use base64::Engine as _;
        let pair = format!("{username}:{}", password.expose());
        let pair = base64::engine::general_purpose::STANDARD.encode(pair);
        self.secret_header("authorization", &format!("Basic {pair}"))
    }
}

/// Sends a request that has to be answered with a 2xx.
///
/// # Errors
/// Otherwise. 429 and 5xx may pass, and `Retry-After` is obeyed.
pub async fn accepted<E: Exchange>(exchange: &E, request: Request) -> Result<Answer, Failure> {
    let answer = exchange.http(request).await?;
    if (200..300).contains(&answer.status) { Ok(answer) } else { Err(refused(&answer)) }
}

/// What a status other than 2xx means.
#[must_use]
pub fn refused(answer: &Answer) -> Failure {
    let said = sluice_http::peer_text(&answer.body);
    let message = match said.as_str() {
        "" => format!("the request failed with status code {}", answer.status),
        said => format!("the request failed with status code {}: {said}", answer.status),
    };
    let failure = Failure::send(message);
    match answer.status {
        408 | 429 | 500..600 => {
            let asked = sluice_http::retry_after(&answer.headers, jiff::Timestamp::now());
            Failure { retry: asked.map_or(Retry::Soon, Retry::After), ..failure }
        }
        _ => failure,
    }
}
