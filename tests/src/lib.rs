//! End-to-end scenarios through the real binaries.
