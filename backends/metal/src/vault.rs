//! The secrets of this machine's environments, as the engine and people see them: names and
//! keyed digests.

use async_trait::async_trait;
use plat_engine::{BackendError, Scope, SecretInfo, SecretStore, SecretValue};

use crate::agent;
use crate::dirs::Dirs;
use crate::generate;
use crate::secrets::{Made, Secrets, SecretsError};
use crate::services::Secret;

/// Keeps secrets in the state directory.
pub(crate) struct Vault {
    dirs: Dirs,
}

impl Vault {
    pub(crate) fn new(dirs: Dirs) -> Self {
        Self { dirs }
    }

    fn of(&self, scope: &Scope) -> Secrets {
        Secrets::at(&self.dirs.scope(&scope.app, &scope.environment))
    }
}

fn failed(doing: String) -> impl FnOnce(SecretsError) -> BackendError {
    move |e| BackendError::new(doing, e.to_string())
}

#[async_trait]
impl SecretStore for Vault {
    async fn list(&self, scope: &Scope) -> Result<Vec<SecretInfo>, BackendError> {
        let known = self
            .of(scope)
            .list()
            .map_err(failed("listing secrets".into()))?;
        Ok(known
            .into_iter()
            .map(|known| SecretInfo {
                name: known.name,
                generated: known.made == Made::Generated,
                digest: known.digest,
                since: known
                    .since
                    .duration_since(std::time::SystemTime::UNIX_EPOCH)
                    .map_or(0, |d| d.as_secs()),
            })
            .collect())
    }

    async fn set(&self, scope: &Scope, name: &str, value: SecretValue) -> Result<(), BackendError> {
        let doing = || format!("setting the secret {name}");
        let text = String::from_utf8(value.reveal().to_vec()).map_err(|_| {
            BackendError::new(doing(), "its value is not text in UTF-8")
                .next("encode it: base64, say")
        })?;
        self.dirs
            .create()
            .map_err(|e| BackendError::new(doing(), e.to_string()))?;
        self.of(scope)
            .set(name, &Secret::new(text), Made::Set)
            .map_err(failed(doing()))
    }

    async fn remove(&self, scope: &Scope, name: &str) -> Result<bool, BackendError> {
        self.of(scope)
            .remove(name)
            .map_err(failed(format!("removing the secret {name}")))
    }

    async fn bring_back(
        &self,
        scope: &Scope,
        name: &str,
        version: &str,
    ) -> Result<(), BackendError> {
        self.of(scope)
            .bring_back(name, version)
            .map_err(failed(format!(
                "bringing back a value of the secret {name}"
            )))
    }

    async fn rotate(&self, scope: &Scope, name: &str) -> Result<(), BackendError> {
        let doing = format!("rotating the secret {name}");
        let secrets = self.of(scope);
        match name.split_once('.') {
            Some((node, credential))
                if secrets.has_credential(node, credential).unwrap_or(false) =>
            {
                secrets
                    .rotate_credential(node, credential)
                    .map_err(failed(doing))
            }
            _ => {
                let how = agent::generator_of(&self.dirs, scope, name).ok_or_else(|| {
                    BackendError::new(&doing, "it is not one that is generated here").next(format!(
                        "platc secret set {name} --env {}",
                        scope.environment
                    ))
                })?;
                secrets
                    .rotate(name, || generate::generated(&secrets, &how))
                    .map_err(failed(doing))
            }
        }
    }
}
