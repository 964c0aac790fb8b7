//! What a guest may take: the limits of a store, and the limiter that Wasmtime asks.

use napi::sys;
use napi_derive::napi;
use wasmtime::{ResourceLimiter, StoreContextMut};

use crate::error::{Error, Result};
use crate::js::Js;
use crate::options::{Known, Options, camel, known};
use crate::store_core::{Data, Owner};
use crate::trap;

/// What the guests of one store may take, all together. Absent members: no limit on bytes, 10,000,000 elements of tables, 10,000
/// of each kind of thing. `memoryBytes` and 8 bytes for each of `tableElements` are what guests can make the host keep.
#[napi(object, object_from_js = false, object_to_js = false)]
#[allow(dead_code, reason = "it declares the interface; values are read by name")]
pub struct StoreLimits {
    /// Bytes of all linear memories and of the GC heap together. A growth beyond it fails: `memory.grow` is -1 to the
    /// guest, an instantiation throws.
    pub memory_bytes: Option<f64>,
    /// Elements of all tables together. Default 10,000,000.
    pub table_elements: Option<f64>,
    /// Instances in the store.
    pub instances: Option<f64>,
    /// Tables in the store.
    pub tables: Option<f64>,
    /// Linear memories in the store.
    pub memories: Option<f64>,
    /// Whether a guest that grows beyond a limit ends with `MemoryLimitError` instead of seeing -1. Default false.
    pub trap_on_grow_failure: Option<bool>,
}
known!(StoreLimits {
    memory_bytes,
    table_elements,
    instances,
    tables,
    memories,
    trap_on_grow_failure
});

/// The limits as they were read.
#[derive(Clone, Default)]
pub struct Limits {
    memory_bytes: Option<u64>,
    table_elements: Option<u64>,
    instances: Option<u64>,
    tables: Option<u64>,
    memories: Option<u64>,
    trap_on_grow_failure: bool,
}

impl Limits {
    pub fn read(limits: Js) -> Result<Limits> {
        let options = Options::<StoreLimits>::new(limits, "limits")?;
        let number = |name| options.number(name, 1 << 53);
        Ok(Limits {
            memory_bytes: number("memory_bytes")?,
            table_elements: number("table_elements")?,
            instances: number("instances")?,
            tables: number("tables")?,
            memories: number("memories")?,
            trap_on_grow_failure: options.bool("trap_on_grow_failure")?.unwrap_or(false),
        })
    }
    /// Of whole numbers in the order of the interface, NaN for none.
    pub fn of(numbers: [f64; 5], trap_on_grow_failure: bool) -> Limits {
        let number = |i: usize| (!numbers[i].is_nan()).then_some(numbers[i] as u64);
        Limits {
            memory_bytes: number(0),
            table_elements: number(1),
            instances: number(2),
            tables: number(3),
            memories: number(4),
            trap_on_grow_failure,
        }
    }
    pub fn to_js(&self, env: sys::napi_env) -> Result<Js> {
        let object = Js::object(env)?;
        let numbers = [
            self.memory_bytes,
            self.table_elements,
            self.instances,
            self.tables,
            self.memories,
        ];
        for (name, number) in StoreLimits::NAMES.iter().zip(numbers) {
            if let Some(number) = number {
                object.set(&camel(name), Js::number(env, number as f64)?)?;
            }
        }
        object.set("trapOnGrowFailure", Js::bool(env, self.trap_on_grow_failure)?)?;
        Ok(object)
    }
}

/// Runs what makes something in a store: where it can't be made the store has what it had.
pub fn make<R>(
    context: &mut StoreContextMut<'_, Data>,
    body: impl FnOnce(&mut StoreContextMut<'_, Data>) -> wasmtime::Result<R>,
) -> wasmtime::Result<R> {
    let before = context.data().limits.taken;
    let made = body(context);
    restore(context, before, &made);
    made
}
/// Wasmtime tells of growth that fails, and not of this.
fn restore<R>(context: &mut StoreContextMut<'_, Data>, before: Taken, made: &wasmtime::Result<R>) {
    if made.as_ref().is_err_and(trap::is_refusal) {
        let limits = &mut context.data_mut().limits;
        limits.taken = before;
        limits.report();
    }
}

/// [`make`] and [`reserve`] for what takes its time.
#[allow(dead_code, reason = "for builds with fibers")]
pub async fn make_later<R>(
    context: &mut StoreContextMut<'_, Data>,
    growth: u64,
    body: impl AsyncFnOnce(&mut StoreContextMut<'_, Data>) -> wasmtime::Result<R>,
) -> wasmtime::Result<R> {
    let before = context.data().limits.taken;
    let made = match reserve(context, growth) {
        Ok(()) => body(context).await,
        Err(error) => Err(error),
    };
    restore(context, before, &made);
    made
}

/// Takes bytes into account that guests may take without a question: a shared memory of a guest's own grows without one.
pub fn reserve(context: &mut StoreContextMut<'_, Data>, growth: u64) -> wasmtime::Result<()> {
    if growth == 0 {
        return Ok(());
    }
    context.data_mut().limits.reserve(growth)
}
/// Gives back what was taken into account, where nothing was made after all.
pub fn release(context: &mut StoreContextMut<'_, Data>, growth: u64) {
    let taken = &mut context.data_mut().limits.taken;
    taken.reserved = taken.reserved.saturating_sub(growth);
}
/// Whether the store has a limit on bytes.
pub fn is_limited(context: &StoreContextMut<'_, Data>) -> bool {
    context.data().limits.limits.memory_bytes.is_some()
}

/// Asked by Wasmtime before anything of a store grows.
pub struct Limiter {
    pub limits: Limits,
    /// Where it is told that a memory may have grown.
    owner: Owner,
    taken: Taken,
    /// Bytes that the growth under way adds.
    growing: u64,
    /// Whether no memory may move.
    pub pinned: bool,
    /// Whether what grows is none of the guest's.
    pub uncounted: bool,
}

/// What the guests have.
#[derive(Clone, Copy, Default)]
struct Taken {
    bytes: u64,
    /// Bytes that they may take without a question, and nobody has yet.
    reserved: u64,
    elements: u64,
}

impl Limiter {
    pub fn new(limits: Limits, owner: Owner) -> Limiter {
        Limiter {
            limits,
            owner,
            taken: Taken::default(),
            growing: 0,
            pinned: false,
            uncounted: false,
        }
    }
    fn report(&self) {
        if let Some(core) = self.owner.get() {
            core.bytes.set(self.taken.bytes as i64);
            core.grew.set(true);
        }
    }
    /// A growth beyond a limit: refused, which the guest sees as -1, or a `MemoryLimitError` where that was asked for.
    fn refuse(&self, what: &str, desired: u64, limit: u64) -> wasmtime::Result<bool> {
        self.failed(format!("the guest asked for {desired} {what}, its limit is {limit}"))
            .map(|()| false)
    }
    fn reserve(&mut self, growth: u64) -> wasmtime::Result<()> {
        let reserved = self.taken.reserved.saturating_add(growth);
        let total = self.taken.bytes.saturating_add(reserved);
        if let Some(limit) = self.limits.memory_bytes.filter(|limit| total > *limit) {
            let message =
                format!("the guest's shared memory may grow to {total} bytes of memory, its limit is {limit}");
            return Err(trap::error(
                Error::new("MemoryLimitError", message).with("trapCode", "memoryLimit"),
            ));
        }
        self.taken.reserved = reserved;
        Ok(())
    }
    fn failed(&self, message: String) -> wasmtime::Result<()> {
        if !self.limits.trap_on_grow_failure {
            return Ok(());
        }
        Err(trap::error(
            Error::new("MemoryLimitError", message).with("trapCode", "memoryLimit"),
        ))
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if self.uncounted {
            return Ok(true);
        }
        if let Some(maximum) = maximum.filter(|maximum| desired > *maximum) {
            return self.refuse("bytes of a memory", desired as u64, maximum as u64);
        }
        let growing = desired.saturating_sub(current) as u64;
        let total = self.taken.bytes.saturating_add(growing);
        let most = total.saturating_add(self.taken.reserved);
        if let Some(limit) = self.limits.memory_bytes.filter(|limit| most > *limit) {
            return self.refuse("bytes of memory", most, limit);
        }
        if self.pinned
            && self
                .owner
                .get()
                .is_some_and(|core| desired as u64 > core.engine.profile().memory_reservation())
        {
            return Ok(false);
        }
        self.growing = growing;
        self.taken.bytes = total;
        self.report();
        Ok(true)
    }
    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        let why = format!("{error:#}");
        // It has not asked for this one, and the growth before has succeeded (a spec holds the sentence).
        if why != "memory growth exceeds memory type's limits" {
            self.taken.bytes -= std::mem::take(&mut self.growing);
            self.report();
        }
        self.failed(format!("the guest's memory could not grow: {why}"))
    }
    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if let Some(maximum) = maximum.filter(|maximum| desired > *maximum) {
            return self.refuse("elements of a table", desired as u64, maximum as u64);
        }
        let total = self
            .taken
            .elements
            .saturating_add(desired.saturating_sub(current) as u64);
        // Growing writes every element, so that without any limit one instruction takes 16 GB.
        let limit = self.limits.table_elements.unwrap_or(10_000_000);
        if total > limit {
            return self.refuse("table elements", total, limit);
        }
        self.taken.elements = total;
        Ok(true)
    }
    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.failed(format!("the guest's table could not grow: {error:#}"))
    }
    fn instances(&self) -> usize {
        self.limits.instances.map_or(10_000, |n| n as usize)
    }
    fn tables(&self) -> usize {
        self.limits.tables.map_or(10_000, |n| n as usize)
    }
    fn memories(&self) -> usize {
        self.limits.memories.map_or(10_000, |n| n as usize)
    }
}
