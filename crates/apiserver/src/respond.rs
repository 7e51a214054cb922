//! Answers on their way out: bodies, forms, warnings.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WARNING};
use http::{Response, StatusCode};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::error::ApiError;
use crate::kinds::Served;
use crate::negotiate::{Encoding, Form, Shape};
use crate::rest::{Outcome, Page, Shown};
use crate::store::Object;
use crate::table::{self, Include};

/// The body of an answer: whole, or a stream of chunks.
pub enum Body {
    /// All of it.
    Whole(Option<Bytes>),
    /// Chunks as they come; the channel's end ends the body.
    Stream(mpsc::Receiver<Bytes>),
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut *self {
            Body::Whole(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Body::Stream(chunks) => chunks.poll_recv(cx).map(|chunk| chunk.map(|b| Ok(Frame::data(b)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Body::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Body::Stream(_) => SizeHint::default(),
        }
    }
}

/// An answer.
pub struct Reply {
    /// The code.
    pub code: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Body,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
}

impl Reply {
    /// A JSON body.
    pub fn json(code: u16, value: &Value) -> Self {
        let mut bytes = value.to_string().into_bytes();
        bytes.push(b'\n');
        Self::bytes(code, "application/json", bytes)
    }

    /// Any body.
    pub fn bytes(code: u16, content_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        Self { code, content_type, body: Body::Whole(Some(bytes.into())), headers: Vec::new() }
    }

    /// A plain text body.
    pub fn text(code: u16, text: impl Into<String>) -> Self {
        Self::bytes(code, "text/plain; charset=utf-8", text.into().into_bytes())
    }

    /// A body that is written while it is read.
    pub fn stream(content_type: &'static str, chunks: mpsc::Receiver<Bytes>) -> Self {
        Self { code: 200, content_type, body: Body::Stream(chunks), headers: Vec::new() }
    }

    /// A refusal.
    pub fn error(error: &ApiError) -> Self {
        let mut reply = Self::json(error.code, &error.to_status());
        if let Some(details) = &error.details
            && details.retry_after > 0
        {
            reply.headers.push(("retry-after", details.retry_after.to_string()));
        }
        reply
    }

    /// A value in the form that was asked for.
    pub fn value(code: u16, form: Form, value: &Value) -> Self {
        let bytes = encode(form, value);
        Self::bytes(code, form.content_type(), bytes)
    }

    /// The HTTP response, with its warnings.
    pub fn into_response(self, warnings: &[String], id: &str) -> Response<Body> {
        let mut response = Response::new(self.body);
        *response.status_mut() = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
        if let Ok(value) = HeaderValue::from_str(id) {
            headers.insert("audit-id", value);
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        for text in warnings {
            let quoted = text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ");
            if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
                headers.append(WARNING, value);
            }
        }
        response
    }
}

fn encode(form: Form, value: &Value) -> Vec<u8> {
    match form.encoding {
        Encoding::Json if form.pretty => {
            let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
            text.push('\n');
            text.into_bytes()
        }
        Encoding::Json => {
            let mut bytes = value.to_string().into_bytes();
            bytes.push(b'\n');
            bytes
        }
        Encoding::Yaml => sluice_yaml::emit(value).map(String::into_bytes).unwrap_or_default(),
    }
}

/// `includeObject` of the query.
///
/// # Errors
/// 400 for none of the known values.
pub fn include_object(text: Option<&str>) -> Result<Include, ApiError> {
    Ok(match text {
        None | Some("" | "Metadata") => Include::Metadata,
        Some("None") => Include::None,
        Some("Object") => Include::Object,
        Some(other) => {
            let detail = "must be 'Metadata', 'Object', 'None', or empty";
            let error = crate::field::FieldError::invalid("includeObject", &other.into(), detail);
            return Err(ApiError::bad_request(format!("Unable to convert to Table as requested: {error}")));
        }
    })
}

/// One object in the form that was asked for.
pub fn object(outcome: Outcome, form: Form, include: Include) -> Reply {
    let Outcome { code, served, object } = outcome;
    if let Shown::Value(value) = &object
        && value["kind"] == "Status"
    {
        return Reply::value(code, form, value);
    }
    match (form.shape, object) {
        (Shape::Whole, Shown::Stored(object)) if form.encoding == Encoding::Json && !form.pretty => {
            let mut bytes = Vec::with_capacity(object.size() + 128);
            served.write(&object, true, &mut bytes);
            bytes.push(b'\n');
            Reply::bytes(code, "application/json", bytes)
        }
        (shape, object) => {
            let value = match object {
                Shown::Stored(object) => served.value(&object),
                Shown::Value(value) => value,
            };
            let value = match shape {
                Shape::Whole => value,
                Shape::Metadata => partial(&value),
                Shape::Table => {
                    let version = value["metadata"].get("resourceVersion").cloned();
                    let metadata = version.map_or_else(|| json!({}), |v| json!({"resourceVersion": v}));
                    table_value(&served, vec![table::row(&served, &value, include)], metadata)
                }
            };
            Reply::value(code, form, &value)
        }
    }
}

fn table_value(served: &Served, rows: Vec<Value>, metadata: Value) -> Value {
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": table::columns(served),
        "rows": rows,
    })
}

fn partial(value: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": value.get("metadata").cloned().unwrap_or_default(),
    })
}

/// `"apiVersion":…,"kind":…,` of partial metadata.
pub const PARTIAL: &str = "\"apiVersion\":\"meta.k8s.io/v1\",\"kind\":\"PartialObjectMetadata\",";

/// A list in the form that was asked for.
pub fn page(served: &Served, page: &Page, form: Form, include: Include) -> Reply {
    let mut metadata = json!({"resourceVersion": page.version.to_string()});
    if let Some(next) = &page.next {
        metadata["continue"] = next.as_str().into();
    }
    if let Some(remaining) = page.remaining {
        metadata["remainingItemCount"] = remaining.into();
    }
    if form.shape == Shape::Table {
        let rows = table::rows(served, &page.objects, include);
        return Reply::value(200, form, &table_value(served, rows, metadata));
    }
    let (kind, api_version) = match form.shape {
        Shape::Metadata => ("PartialObjectMetadataList", "meta.k8s.io/v1"),
        _ => (served.resource.list_kind.as_str(), served.api_version.as_str()),
    };
    let mut bytes = Vec::with_capacity(page.objects.iter().map(|o| o.size() + 160).sum::<usize>() + 256);
    bytes.extend_from_slice(format!("{{\"kind\":\"{kind}\",\"apiVersion\":\"{api_version}\",\"metadata\":").as_bytes());
    bytes.extend_from_slice(metadata.to_string().as_bytes());
    bytes.extend_from_slice(b",\"items\":[");
    for (index, object) in page.objects.iter().enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        item(served, object, form.shape, &mut bytes);
    }
    bytes.extend_from_slice(b"]}\n");
    if form.encoding == Encoding::Json && !form.pretty {
        return Reply::bytes(200, "application/json", bytes);
    }
    let value: Value = serde_json::from_slice(&bytes).expect("written above");
    Reply::value(200, form, &value)
}

/// Items of a typed list do not repeat the list's type.
fn item(served: &Served, object: &Arc<Object>, shape: Shape, out: &mut Vec<u8>) {
    match shape {
        Shape::Metadata => object.write_metadata(PARTIAL, out),
        _ => served.write(object, served.custom.is_some(), out),
    }
}
