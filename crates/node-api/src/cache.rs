//! [feature `cache`] `Config.cache`: compiled modules kept on disk.

use napi_derive::napi;
use wasmtime::{Cache, CacheConfig as WasmtimeCache};

use crate::error::{Error, Result};
use crate::js::Js;
use crate::options::{Options, known};

/// Where compiled modules are kept.
#[napi(object, object_from_js = false, object_to_js = false)]
#[allow(dead_code, reason = "it declares the interface; values are read by name")]
pub struct CacheConfig {
    /// A directory, made if it is not there. What it holds is native code: nobody else may write to it.
    pub directory: Option<String>,
}
known!(CacheConfig { directory });

/// `Config.cache` as it was read.
#[derive(Clone)]
pub struct Settings(Option<Cache>);

impl Settings {
    pub fn read(group: Js) -> Result<Settings> {
        if group.is_undefined() || matches!(group.to_bool(""), Ok(false)) {
            return Ok(Settings(None));
        }
        let mut cache = WasmtimeCache::new();
        if group.to_bool("").is_err() {
            let options = Options::<CacheConfig>::new(group, "config.cache")?;
            if let Some(directory) = options.string("directory")? {
                cache.with_directory(directory);
            }
        }
        let cache = Cache::new(cache).map_err(|error| Error::type_error(format!("config.cache: {error:#}")))?;
        Ok(Settings(Some(cache)))
    }
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }
    pub fn apply(&self, config: &mut wasmtime::Config) -> Result<()> {
        config.cache(self.0.clone());
        Ok(())
    }
}
