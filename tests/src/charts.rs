//! A chart repository over HTTP that asks for a password.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sluice_tree::{Limits, TreeBuilder, archive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::git_http::{PASSWORD, USERNAME};

type Files = Arc<Mutex<BTreeMap<String, Bytes>>>;

/// Serves files to whoever signs in as the user of the Git server.
pub struct ChartServer {
    address: String,
    files: Files,
}

impl ChartServer {
    /// A server without files; it ends with the test.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a bound socket has an address").to_string();
        let files = Files::default();
        let served = files.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, served.clone()));
            }
        });
        ChartServer { address, files }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves a file, in place of one of its name.
    pub fn put(&self, name: &str, data: impl Into<Bytes>) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.insert(format!("/{name}"), data.into());
    }
}

/// A packed archive of these files.
///
/// # Panics
/// When a path is none.
#[must_use]
pub fn pack(files: &[(&str, &str)]) -> Bytes {
    let mut tree = TreeBuilder::new(Limits::default());
    for (path, text) in files {
        tree.file(path, (*text).to_owned(), false).expect("a path in an archive");
    }
    let mut packed = Vec::new();
    archive::write_tar_gz(&tree.build(), &mut packed).expect("memory can be written to");
    packed.into()
}

async fn answer(mut stream: TcpStream, files: Files) {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < 16_384 {
        match stream.read(&mut buffer).await {
            Ok(n) if n > 0 => request.extend_from_slice(&buffer[..n]),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let path = text.split_whitespace().nth(1).unwrap_or_default();
    let wanted = format!("Basic {}", STANDARD.encode(format!("{USERNAME}:{PASSWORD}")));
    let header = text.lines().filter_map(|line| line.split_once(':'));
    let mut credentials = header.filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let (status, body) = if !credentials.any(|(_, value)| value.trim() == wanted) {
        ("401 Unauthorized", Bytes::new())
    } else {
        let found = files.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        found.map_or(("404 Not Found", Bytes::new()), |body| ("200 OK", body))
    };
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&body).await;
}
