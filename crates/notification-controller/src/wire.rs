//! A connection of lines, encrypted or not, for servers that do not speak HTTP.

use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use sluice_http::Tls;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// No line may be longer.
const LINE: usize = 64 * 1024;
/// No server may take longer to answer; the whole conversation has the provider's timeout beside it.
const PATIENCE: Duration = Duration::from_secs(10);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection.
pub struct Wire {
    stream: Box<dyn Stream>,
    read: Vec<u8>,
    local: bool,
}

impl Wire {
    /// A connection in the clear.
    pub async fn connect(host: &str, port: u16) -> Result<Wire> {
        let stream = tokio::time::timeout(PATIENCE, TcpStream::connect((host, port))).await;
        let stream = stream.map_err(|_| Error::new(ErrorKind::TimedOut, "no connection within 10s"))??;
        let local = stream.peer_addr()?.ip().is_loopback();
        Ok(Wire { stream: Box::new(stream), read: Vec::new(), local })
    }

    /// Whether the other side is this machine.
    pub fn is_local(&self) -> bool {
        self.local
    }

    /// The same connection, encrypted from here on; what was read ahead in the clear is dropped.
    pub async fn secure(self, host: &str, tls: &Tls) -> Result<Wire> {
        let wrong = |error: rustls::Error| Error::other(error.to_string());
        let mut roots = Vec::new();
        if let Some(ca) = &tls.ca {
            for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
                roots.push(certificate.map_err(|_| Error::other("ca.crt holds no PEM certificate"))?);
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            rustls_platform_verifier::Verifier::new_with_extra_roots(roots, provider.clone()).map_err(wrong)?;
        let builder = rustls::ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().map_err(wrong)?;
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        let config = match &tls.client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let unusable = |_| Error::other("tls.crt and tls.key are no PEM certificate and private key");
                let chain = CertificateDer::pem_slice_iter(client.certificate.as_bytes());
                let chain = chain.collect::<std::result::Result<Vec<_>, _>>().map_err(unusable)?;
                let key = PrivateKeyDer::from_pem_slice(client.key.expose().as_bytes()).map_err(unusable)?;
                builder.with_client_auth_cert(chain, key).map_err(wrong)?
            }
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Error::other("the host has no name for TLS"))?;
        let secured = TlsConnector::from(Arc::new(config)).connect(name, self.stream);
        let secured = tokio::time::timeout(PATIENCE, secured).await;
        let secured = secured.map_err(|_| Error::new(ErrorKind::TimedOut, "no TLS within 10s"))??;
        Ok(Wire { stream: Box::new(secured), read: Vec::new(), local: self.local })
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// The next line, without its end.
    pub async fn line(&mut self) -> Result<String> {
        let line = tokio::time::timeout(PATIENCE, self.read_line()).await;
        line.map_err(|_| Error::new(ErrorKind::TimedOut, "no answer within 10s"))?
    }

    async fn read_line(&mut self) -> Result<String> {
        loop {
            if let Some(at) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=at).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.read.len() > LINE {
                return Err(Error::other("a line is longer than 65536 bytes"));
            }
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece).await? {
                0 => return Err(Error::new(ErrorKind::UnexpectedEof, "the server closed the connection")),
                length => self.read.extend(&piece[..length]),
            }
        }
    }
}
