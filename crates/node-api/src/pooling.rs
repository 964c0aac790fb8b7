//! [feature `pooling-allocator`] `Config.pooling`: instances in slots set aside in advance.

use wasmtime::{InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::error::Result;
use crate::js::Js;
use crate::options::{Options, options};

options! {
    /// Sizes of the pool. All of it is address space at first; memory is taken when it is touched.
    PoolingConfig {
        /// Instances alive at once. Default 1,000.
        total_core_instances: f64,
        /// Linear memories alive at once. Default 1,000.
        total_memories: f64,
        /// Tables alive at once. Default 1,000.
        total_tables: f64,
        /// Bytes that any one memory may grow to. Default 4 GiB.
        max_memory_size: f64,
        /// Memories that one module may have. Default 1.
        max_memories_per_module: f64,
        /// Tables that one module may have. Default 1.
        max_tables_per_module: f64,
        /// Elements of any one table. Default 20,000.
        table_elements: f64,
        /// Bytes of Wasmtime's own data per instance. Default 1 MiB.
        max_core_instance_size: f64,
        /// Slots that keep what they were used for, for a faster start of the same module. Default 100.
        max_unused_warm_slots: f64,
        /// Bytes of each memory that are zeroed and kept between uses instead of given back to the system. Default 0.
        linear_memory_keep_resident: f64,
        /// The same of each table. Default 0.
        table_keep_resident: f64,
    }
}

/// `Config.pooling` as it was read.
#[derive(Clone)]
pub struct Settings(Option<PoolingAllocationConfig>);

impl Settings {
    pub fn read(group: Js) -> Result<Settings> {
        if group.is_undefined() || matches!(group.to_bool(""), Ok(false)) {
            return Ok(Settings(None));
        }
        let mut pool = PoolingAllocationConfig::new();
        if group.to_bool("").is_err() {
            let options = Options::<PoolingConfig>::new(group, "config.pooling")?;
            macro_rules! set {
                ($type:ty, $max:expr; $($name:ident),*) => {
                    $(if let Some(n) = options.number(stringify!($name), $max)? { pool.$name(n as $type); })*
                };
            }
            set!(u32, u32::MAX.into(); total_core_instances, total_memories, total_tables, max_memories_per_module,
                max_tables_per_module, max_unused_warm_slots);
            set!(usize, 1 << 48; max_memory_size, table_elements, max_core_instance_size,
                linear_memory_keep_resident, table_keep_resident);
        }
        Ok(Settings(Some(pool)))
    }
    pub fn apply(&self, config: &mut wasmtime::Config) {
        if let Some(pool) = &self.0 {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool.clone()));
        }
    }
}
