//! [feature `parallel-compilation`]

pub fn apply(config: &mut wasmtime::Config, parallel: bool) {
    config.parallel_compilation(parallel);
}
