//! Wasmtime for platforms without an operating system, behind a small C ABI: it loads artifacts that `cwasm compile` has made with
//! the profile `embedded`, or `embedded-signals` in builds with the feature `signals`, and runs them.
//!
//! What all functions have in common stands in `error.rs` and `handle.rs`; the platform's part is `platform.rs`, and what
//! Wasmtime itself asks of it.

#![no_std]
#![expect(non_camel_case_types, reason = "types have the names that C knows them by")]

extern crate alloc;

mod allocator;
mod artifact;
mod caller;
mod config;
mod cpu;
mod engine;
mod error;
mod handle;
mod instance;
mod linker;
mod memory;
// The addon's own, which writes it too.
#[path = "../../../node-api/src/metadata.rs"]
#[allow(dead_code, reason = "the addon tells more of artifacts than is needed to load them")]
mod metadata;
mod module;
mod panic;
mod platform;
mod value;
