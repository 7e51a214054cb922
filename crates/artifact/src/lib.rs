//! Stores, serves, fetches and verifies artifacts.
