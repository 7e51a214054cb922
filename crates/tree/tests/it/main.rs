//! The crate from outside: recorded cases, and the archives that attackers would send.

mod conformance;
