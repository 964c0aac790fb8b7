//! What threads share: engines, modules and shared memories. One thread asks for a handle, which is a plain value that can
//! be posted; another finds the same thing by it.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use napi::sys;
use napi_derive::napi;
use wasmtime::SharedMemory;

use crate::engine::{Engine, EngineParts, same_engine};
use crate::env::EnvData;
use crate::error::{Error, Failure, Result, guard};
use crate::externs::Item;
use crate::js::{IntoJs, Js};
use crate::memory::{Kind, Memory};
use crate::module::Module;
use crate::store::Store;

/// Something that is shared. The table below does not keep it: the objects that stand for it do, on all threads.
pub struct Shared {
    key: String,
    thing: Thing,
}
#[derive(Clone)]
enum Thing {
    Engine(Arc<EngineParts>),
    Module(wasmtime::Module, Arc<EngineParts>),
    Memory(SharedMemory, Arc<EngineParts>),
}

/// Where an object keeps what it shares.
pub type Place = OnceCell<Arc<Shared>>;

static TABLE: LazyLock<Mutex<HashMap<String, Weak<Shared>>>> = LazyLock::new(Mutex::default);

/// Makes the handle.
fn share(env: sys::napi_env, kind: &str, place: &Place, thing: impl FnOnce() -> Thing) -> Result<Js> {
    let shared = place.get_or_init(|| {
        let mut table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
        table.retain(|_, shared| shared.strong_count() > 0);
        // Each state is of fresh random keys: nobody guesses it.
        let random = || RandomState::new().hash_one(table.len());
        let shared = Arc::new(Shared {
            key: format!("{:016x}{:016x}", random(), random()),
            thing: thing(),
        });
        table.insert(shared.key.clone(), Arc::downgrade(&shared));
        shared
    });
    let handle = Js::object(env)?;
    handle.set("kind", Js::string(env, kind)?)?;
    handle.set("key", Js::string(env, &shared.key)?)?;
    Ok(handle)
}

/// What a handle stands for.
fn find(handle: Js, kind: &str) -> Result<Arc<Shared>> {
    let object = handle.to_object("handle")?;
    let (found, key) = (object.get("kind")?, object.get("key")?);
    if !found.is_string() || found.to_str("kind")? != kind || !key.is_string() {
        return Err(no_handle(kind));
    }
    let key = key.to_str("key")?;
    let table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
    let shared = table.get(&key).and_then(Weak::upgrade);
    shared.ok_or_else(|| {
        let message = format!("there is no such {kind}: it must be kept until the other thread has it");
        Error::type_error(message).into()
    })
}

fn no_handle(kind: &str) -> Failure {
    Error::type_error(format!("handle must be what share() of the {kind} returned")).into()
}

fn place_of(shared: &Arc<Shared>) -> Place {
    let place = Place::new();
    let _ = place.set(shared.clone());
    place
}

#[napi]
impl Engine {
    /// A handle to post to other threads of the process, where `Engine.fromShared` makes an engine of it that is the same:
    /// modules and shared memories of one can be used with the other. Keep the engine until the other thread has it.
    #[napi(ts_return_type = "SharedHandle")]
    pub fn share(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || {
            share(env.raw(), "engine", &self.shared, || Thing::Engine(self.parts.clone()))
        })
    }

    /// The engine that another thread has shared.
    ///
    /// Throws `TypeError` for what is no handle of an engine, or of one that is gone.
    #[napi(ts_args_type = "handle: SharedHandle", ts_return_type = "Engine")]
    pub fn from_shared(handle: Js) -> napi::Result<Js> {
        guard(handle.env, || {
            let shared = find(handle, "engine")?;
            let Thing::Engine(parts) = shared.thing.clone() else {
                return Err(no_handle("engine"));
            };
            let engine = Engine {
                parts,
                shared: place_of(&shared),
            };
            engine.into_js(handle.env)
        })
    }
}

#[napi]
impl Module {
    /// A handle to post to other threads of the process, where `Module.fromShared` makes a module of it: the same compiled
    /// code, without a copy. Keep the module until the other thread has it.
    #[napi(ts_return_type = "SharedHandle")]
    pub fn share(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || {
            let thing = || Thing::Module(self.module.clone(), self.engine.clone());
            share(env.raw(), "module", &self.shared, thing)
        })
    }

    /// The module that another thread has shared. Its `engine` is the one to make stores with.
    ///
    /// Throws `TypeError` for what is no handle of a module, or of one that is gone.
    #[napi(ts_args_type = "handle: SharedHandle", ts_return_type = "Module")]
    pub fn from_shared(handle: Js) -> napi::Result<Js> {
        guard(handle.env, || {
            let shared = find(handle, "module")?;
            let Thing::Module(module, parts) = shared.thing.clone() else {
                return Err(no_handle("module"));
            };
            let engine = Engine::of(parts).into_js(handle.env)?;
            Module::wrap(module, engine, place_of(&shared))
        })
    }
}

#[napi]
impl Memory {
    /// A handle to post to other threads of the process, where `Memory.fromShared` gives the same memory to a store. Keep
    /// the memory until the other thread has it.
    ///
    /// Throws `TypeError` for a memory that is not shared.
    #[napi(ts_return_type = "SharedHandle")]
    pub fn share(&self, env: napi::Env) -> napi::Result<Js> {
        guard(env.raw(), || {
            let Kind::Shared(memory) = &self.kind else {
                return Err(Error::type_error("only a shared memory can be shared").into());
            };
            let thing = || Thing::Memory(memory.clone(), self.core.engine.clone());
            share(env.raw(), "memory", &self.shared, thing)
        })
    }

    /// The memory that another thread has shared, in a store of the same engine (`Engine.fromShared`, `module.engine`).
    ///
    /// Throws `TypeError` for what is no handle of a memory, or of one that is gone, and for a store of another engine.
    #[napi(ts_args_type = "store: Store, handle: SharedHandle", ts_return_type = "Memory")]
    pub fn from_shared(store: Js, handle: Js) -> napi::Result<Js> {
        guard(store.env, || {
            let core = &store.class::<Store>("store")?.core;
            let shared = find(handle, "memory")?;
            let Thing::Memory(memory, parts) = &shared.thing else {
                return Err(no_handle("memory"));
            };
            same_engine(parts, &core.engine.engine, "store")?;
            core.usable()?;
            let object = Item::Shared(memory.clone()).to_js(core)?;
            let whole = EnvData::of(store.env)?.call(store.env, "whole", &[object])?;
            let _ = whole.class::<Memory>("memory")?.shared.set(shared.clone());
            Ok(object)
        })
    }
}
