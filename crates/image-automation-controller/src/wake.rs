//! Who is looked at when a Secret changes.

use crate::context::Context;

/// Wakes whoever names a Secret that changed. Runs until the controller ends.
pub async fn for_secrets(ctx: Context) {
    let mut changes = ctx.secrets.index.subscribe();
    while let Some(changed) = changes.recv().await {
        ctx.secrets.forget(&changed.key);
        ctx.repositories.wake_for_secret(&changed.key);
        ctx.policies.wake_for_secret(&changed.key);
        ctx.automations.wake_for_secret(&changed.key);
    }
}
