//! Where guests trap by other means than signals (Windows).

use crate::engine::refused;
use crate::error::Result;

pub fn engine(config: &wasmtime::Config) -> Result<wasmtime::Engine> {
    wasmtime::Engine::new(config).map_err(refused)
}
pub fn mend() {}
