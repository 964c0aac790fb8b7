//! [feature `pooling-allocator`] `Config.pooling`: instances in slots set aside in advance.

use napi_derive::napi;
use wasmtime::{InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::error::Result;
use crate::js::Js;
use crate::options::{Options, known};
use crate::total_stacks;

/// Sizes of the pool. All of it is address space at first; memory is taken when it is touched.
#[napi(object, object_from_js = false, object_to_js = false)]
#[allow(dead_code, reason = "it declares the interface; values are read by name")]
pub struct PoolingConfig {
    /// Instances alive at once. Default 1,000.
    pub total_core_instances: Option<f64>,
    /// Linear memories alive at once. Default 1,000.
    pub total_memories: Option<f64>,
    /// Tables alive at once. Default 1,000.
    pub total_tables: Option<f64>,
    /// Calls that may wait and are under way at once, those inside of such calls too. Default 1,000. Needs the feature `async`.
    pub total_stacks: Option<f64>,
    /// Bytes that any one memory may grow to. Default 4 GiB.
    pub max_memory_size: Option<f64>,
    /// Memories that one module may have. Default 1.
    pub max_memories_per_module: Option<f64>,
    /// Tables that one module may have. Default 1.
    pub max_tables_per_module: Option<f64>,
    /// Elements of any one table. Default 20,000.
    pub table_elements: Option<f64>,
    /// Bytes of Wasmtime's own data per instance. Default 1 MiB.
    pub max_core_instance_size: Option<f64>,
    /// Slots that keep what they were used for, for a faster start of the same module. Default 100.
    pub max_unused_warm_slots: Option<f64>,
    /// Bytes of each memory that are zeroed and kept between uses instead of given back to the system. Default 0.
    pub linear_memory_keep_resident: Option<f64>,
    /// The same of each table. Default 0.
    pub table_keep_resident: Option<f64>,
}
known!(PoolingConfig {
    total_core_instances,
    total_memories,
    total_tables,
    total_stacks,
    max_memory_size,
    max_memories_per_module,
    max_tables_per_module,
    table_elements,
    max_core_instance_size,
    max_unused_warm_slots,
    linear_memory_keep_resident,
    table_keep_resident
});

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
            if let Some(n) = options.number("total_stacks", u32::MAX.into())? {
                total_stacks::set(&mut pool, n as u32)?;
            }
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
