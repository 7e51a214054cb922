//! notification.toolkit.fluxcd.io: Receiver (v1), Alert and Provider (v1beta3). Behaviour: spec/flux/notification.md.

mod alert;
mod provider;
mod receiver;

pub use alert::{Alert, AlertSpec, CrossNamespaceObjectReference, EventKind, EventSeverity};
pub use provider::{Provider, ProviderSpec, ProviderType};
pub use receiver::{
    OidcProvider, OidcValidation, OidcVariable, Receiver, ReceiverResource, ReceiverSpec, ReceiverStatus, ReceiverType,
};
