//! The kubeconfig that lets a client in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::tls::Identity;

/// How a user of the kubeconfig proves who it is.
pub enum Credential<'a> {
    /// A client certificate and its key.
    Certificate(&'a Identity),
    /// A bearer token.
    Token(&'a str),
}

/// A kubeconfig with one cluster, one user and one context named `sluice`.
pub fn kubeconfig(url: &str, authority: &str, user: &str, credential: &Credential<'_>) -> String {
    let encode = |text: &str| STANDARD.encode(text);
    let user_lines = match credential {
        Credential::Certificate(identity) => format!(
            "    client-certificate-data: {}\n    client-key-data: {}\n",
            encode(&identity.certificate),
            encode(&identity.key)
        ),
        Credential::Token(token) => format!("    token: {}\n", serde_json::Value::from(*token)),
    };
    let user = serde_json::Value::from(user);
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: sluice\nclusters:\n- name: sluice\n  cluster:\n    \
         certificate-authority-data: {}\n    server: {url}\ncontexts:\n- name: sluice\n  context:\n    \
         cluster: sluice\n    user: {user}\nusers:\n- name: {user}\n  user:\n{user_lines}",
        encode(authority)
    )
}
