//! What a Secret for a registry holds.

use std::collections::BTreeMap;

use crate::access::Credentials;
use crate::docker_config::DockerConfig;

/// What a Secret for a registry holds.
#[derive(Debug)]
pub enum PullSecret {
    /// Credentials by registry.
    Config(DockerConfig),
    /// A user and a password.
    Basic(Credentials),
}

impl PullSecret {
    /// A Secret of type `kubernetes.io/dockerconfigjson`, of the older form, or with a user and a password.
    ///
    /// # Errors
    /// What is missing or wrong; nothing of the Secret is repeated.
    pub fn read(data: &BTreeMap<String, String>) -> Result<Self, String> {
        if let Some(text) = data.get(".dockerconfigjson").or_else(|| data.get(".dockercfg")) {
            return DockerConfig::parse(text.as_bytes()).map(Self::Config).map_err(|error| error.to_string());
        }
        match (data.get("username").filter(|it| !it.is_empty()), data.get("password")) {
            (Some(username), password) => Ok(Self::Basic(Credentials::Basic {
                username: username.clone(),
                password: password.map_or("", String::as_str).into(),
            })),
            (None, Some(_)) => Err("has a `password` but no `username`; both are needed".to_owned()),
            (None, None) => {
                Err("has no key `.dockerconfigjson`; its type should be kubernetes.io/dockerconfigjson".to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_pull_secret_has_one_of_three_forms() {
        let json = r#"{"auths": {"h.io": {"username": "u", "password": "p"}}}"#;
        assert!(matches!(PullSecret::read(&data(&[(".dockerconfigjson", json)])), Ok(PullSecret::Config(_))));
        assert!(matches!(PullSecret::read(&data(&[("username", "u"), ("password", "p")])), Ok(PullSecret::Basic(_))));
        let why = |pairs: &[(&str, &str)]| PullSecret::read(&data(pairs)).err().unwrap();
        assert!(why(&[]).contains(".dockerconfigjson"));
        assert!(why(&[("password", "hunter2")]).contains("no `username`"));
        assert!(!why(&[(".dockerconfigjson", "hunter2")]).contains("hunter2"));
    }
}
