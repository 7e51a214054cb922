//! The two servers: one for events of controllers, one for webhooks.

mod events;
mod serve;
mod webhooks;

pub use events::serve as serve_events;
pub use webhooks::serve as serve_webhooks;
