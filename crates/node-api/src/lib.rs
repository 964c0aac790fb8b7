//! Wasmtime for Node.js: the addon behind `@cwasm/wasmtime` and `@cwasm/wasmtime-min`.
//!
//! One file per concept, with Wasmtime's names. `store_core` says who owns whom and how host functions come back in; `func` how a
//! call travels; `profile` which artifacts load where; `error` what is thrown. A file that needs a Cargo feature is gated
//! here, and adds methods to types of files that are always there; `x_disabled.rs` stands in where such a file needs it.

// The foundations: JavaScript values, errors, what an environment keeps.
mod bytes;
mod env;
mod error;
mod features;
mod js;
mod options;
mod stack;

// Wasmtime's concepts, in the order in which one needs the other.
mod artifact;
mod atomics;
mod brake;
mod call_many;
mod config;
mod cpu;
mod deadline;
mod engine;
mod externs;
mod func;
mod global;
mod host;
mod instance;
mod interruption;
mod limits;
mod linker;
mod memory;
mod metadata;
mod module;
mod page;
mod panic;
mod profile;
mod ref_type;
mod refused;
mod shape;
mod share;
mod sig;
#[cfg_attr(not(unix), path = "signals_disabled.rs")]
mod signals;
mod store;
mod store_core;
mod table;
mod tag;
mod target;
mod ticker;
mod trap;
mod types;
mod val;
mod views;

// What Cargo features bring.
#[cfg(feature = "cranelift")]
mod addresses;
#[cfg_attr(not(feature = "async"), path = "background_disabled.rs")]
mod background;
#[cfg_attr(not(feature = "cache"), path = "cache_disabled.rs")]
mod cache;
#[cfg_attr(not(feature = "async"), path = "call_async_disabled.rs")]
mod call_async;
#[cfg(feature = "cranelift")]
mod checks;
#[cfg_attr(not(feature = "cranelift"), path = "compiler_disabled.rs")]
mod compiler;
#[cfg(feature = "cranelift")]
mod describe;
#[cfg_attr(not(feature = "gc"), path = "exception_disabled.rs")]
mod exception;
#[cfg_attr(not(feature = "async"), path = "fiber_disabled.rs")]
mod fiber;
#[cfg_attr(not(feature = "gc"), path = "gc_disabled.rs")]
mod gc;
#[cfg_attr(not(feature = "gc"), path = "gc_ref_disabled.rs")]
mod gc_ref;
#[cfg_attr(not(feature = "async"), path = "host_suspended_disabled.rs")]
mod host_suspended;
#[cfg(feature = "async")]
mod instantiate_async;
#[cfg(any(feature = "async", feature = "wasi"))]
mod js_thread;
#[cfg(feature = "cranelift")]
#[cfg_attr(not(feature = "parallel-compilation"), path = "parallel_disabled.rs")]
mod parallel;
#[cfg_attr(not(feature = "pooling-allocator"), path = "pooling_disabled.rs")]
mod pooling;
#[cfg(feature = "cranelift")]
mod precompile;
#[cfg(feature = "wasi")]
mod reply;
#[cfg(feature = "wasi")]
mod run;
#[cfg(feature = "wasi")]
mod run_imports;
#[cfg(feature = "async")]
mod waking;
// Work on other threads: compiling, running commands, and guests.
#[cfg(any(feature = "async", feature = "cranelift", feature = "wasi"))]
mod task;
#[cfg_attr(not(feature = "threads"), path = "threads_disabled.rs")]
mod threads;
#[cfg(feature = "pooling-allocator")]
#[cfg_attr(not(feature = "async"), path = "total_stacks_disabled.rs")]
mod total_stacks;
#[cfg_attr(not(feature = "wasi"), path = "wasi_disabled.rs")]
mod wasi;
#[cfg(feature = "cranelift")]
#[cfg_attr(not(feature = "wat"), path = "wat_disabled.rs")]
mod wat;
