//! The crate from outside: recorded cases, and the archives that attackers would send.

mod archives;
mod conformance;
mod forge;
mod ignore;
mod properties;
