//! Charts as artifacts, served as the controller of a source serves them: to anybody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluice_tree::{Limits, TreeBuilder, archive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::World;

type Files = Arc<Mutex<BTreeMap<String, Bytes>>>;

/// Serves packed charts.
pub struct ArtifactServer {
    address: String,
    files: Files,
}

impl ArtifactServer {
    /// A server without charts; it ends with the test.
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
        ArtifactServer { address, files }
    }

    /// Packs a chart of these files, and makes the ExternalArtifact `name` serve it.
    ///
    /// # Panics
    /// When the files make no archive.
    pub async fn publish(&self, world: &World, name: &str, version: &str, files: &[(&str, &str)]) {
        let mut tree = TreeBuilder::new(Limits::default());
        for (path, text) in files {
            tree.file(&format!("{name}/{path}"), (*text).to_owned(), false).expect("a path in a chart");
        }
        let mut packed = Vec::new();
        archive::write_tar_gz(&tree.build(), &mut packed).expect("memory can be written to");
        let packed = Bytes::from(packed);
        let hex = hex::encode(Sha256::digest(&packed));
        let size = packed.len();
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("/{hex}"), packed);
        let ns = world.namespace.as_str();
        let object = json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "ExternalArtifact",
            "metadata": {"name": name, "namespace": ns}, "spec": {},
        });
        world.api.apply(&object).await;
        let status = json!({
            "artifact": {
                "path": format!("externalartifact/{ns}/{name}/{hex}.tgz"), "url": format!("http://{}/{hex}", self.address),
                "revision": version, "digest": format!("sha256:{hex}"), "size": size,
                "lastUpdateTime": "2026-01-01T00:00:00Z",
            },
            "conditions": [{"type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored",
                            "lastTransitionTime": "2026-01-01T00:00:00Z"}],
        });
        world.api.patch_status("ExternalArtifact", ns, name, status).await;
    }
}

/// A HelmRelease of the chart that an ExternalArtifact serves.
///
/// # Panics
/// When `more` is no object.
#[must_use]
pub fn helm_release(world: &World, name: &str, chart: &str, more: &Value) -> Value {
    let mut spec = json!({
        "interval": "1h", "timeout": "30s", "chartRef": {"kind": "ExternalArtifact", "name": chart},
    });
    for (key, value) in more.as_object().expect("a part of a specification is an object") {
        spec[key.as_str()] = value.clone();
    }
    json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": {"name": name, "namespace": world.namespace}, "spec": spec,
    })
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
    let found = files.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
    let (status, body) = found.map_or(("404 Not Found", Bytes::new()), |body| ("200 OK", body));
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&body).await;
}
