//! Post-build variable substitution.
