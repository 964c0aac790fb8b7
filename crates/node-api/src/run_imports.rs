//! [feature `wasi`] The functions of JavaScript that the guest of a run may call, on whatever thread it runs. They have numbers, and
//! the guest's memory while it waits for them.

use std::cell::RefCell;
use std::ptr;
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use napi::sys;
use napi_derive::napi;
use rustc_hash::FxHashMap;
use tokio::sync::Notify;
use wasmtime::{Caller, Extern, ExternType, FuncType, Linker, Module, Val, ValType};

use crate::bytes::Bytes;
use crate::env::EnvData;
use crate::error::{Error, Failure, Result, guard};
use crate::interruption::Interruption;
use crate::js::{Js, Scope};
use crate::js_thread::JsThread;
use crate::reply::Reply;
use crate::store_core::Data;
use crate::{trap, types, wasi};

/// What one run imports of JavaScript.
pub struct Imports {
    /// What the facade calls the run.
    number: u32,
    way: Way,
    call: Mutex<Call>,
    answered: Notify,
}

enum Way {
    /// The guest runs on this thread.
    Here(sys::napi_env),
    Away(Arc<JsThread>),
}

#[derive(Default)]
struct Call {
    /// Which one it is. An answer that comes too late is to none.
    number: u64,
    /// The guest's memory, for as long as the guest waits.
    memory: Option<(*mut u8, usize)>,
    /// What came: nothing where JavaScript has thrown.
    answer: Option<Option<Vec<Val>>>,
}

thread_local! {
    /// The runs of this JavaScript thread that import something.
    static RUNS: RefCell<FxHashMap<u32, Weak<Imports>>> = RefCell::default();
}

// SAFETY: the environment is used on its thread alone; the memory only while the guest that has it waits.
unsafe impl Send for Imports {}
// SAFETY: as above.
unsafe impl Sync for Imports {}

impl Imports {
    /// `away` says that the guest runs on another thread.
    pub fn new(env: sys::napi_env, number: u32, away: bool) -> Result<Arc<Imports>> {
        let way = if away {
            Way::Away(JsThread::this(env)?)
        } else {
            Way::Here(env)
        };
        let imports = Arc::new(Imports {
            number,
            way,
            call: Mutex::default(),
            answered: Notify::new(),
        });
        RUNS.with_borrow_mut(|runs| {
            runs.retain(|_, imports| imports.strong_count() > 0);
            runs.insert(number, Arc::downgrade(&imports));
        });
        Ok(imports)
    }
    fn call(&self) -> MutexGuard<'_, Call> {
        self.call.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Defines those of the module's imports that `names` has, pairs of a module and a name.
    pub fn define(self: &Arc<Self>, linker: &mut Linker<Data>, module: &Module, names: Js) -> Result<()> {
        let text = |i, j| names.index(i)?.index(j)?.to_str("a name");
        let names = (0..names.len()?).map(|i| Ok((text(i, 0)?, text(i, 1)?)));
        let names = names.collect::<Result<Vec<_>>>()?;
        // They come before WASI's.
        linker.allow_shadowing(true);
        for import in Interruption::of(module).imports(module) {
            let is = |(module, name): &(String, String)| module == import.module() && name == import.name();
            let Some(index) = names.iter().position(is) else {
                continue;
            };
            let refuse = |found: &str| {
                let message = format!(
                    "the import '{}'.'{}' is {found}, and run's imports are functions of numbers: use a Store and an Instance",
                    import.module(),
                    import.name()
                );
                let error = Error::new("LinkError", message);
                error.with("module", import.module()).with("name", import.name())
            };
            let ty = match import.ty() {
                ExternType::Func(ty) => ty,
                other => return Err(refuse(&format!("a {}", types::kind(&other))).into()),
            };
            if ty.params().chain(ty.results()).any(|ty| ty.is_ref()) {
                return Err(refuse("a function of references").into());
            }
            let (own, of) = (self.clone(), ty.clone());
            let defined = linker.func_new(import.module(), import.name(), ty, move |caller, params, results| {
                own.enter(caller, index as u32, &of, params, results)
            });
            defined.map_err(trap::failure)?;
        }
        Ok(())
    }

    /// Called by the guest.
    fn enter(
        self: &Arc<Self>,
        mut caller: Caller<'_, Data>,
        index: u32,
        ty: &FuncType,
        params: &[Val],
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        let memory = match caller.get_export("memory") {
            Some(Extern::Memory(memory)) => Some((memory.data_ptr(&caller), memory.data_size(&caller))),
            Some(Extern::SharedMemory(memory)) => Some((memory.data().as_ptr().cast_mut().cast(), memory.data().len())),
            _ => None,
        };
        let number = {
            let mut call = self.call();
            call.number += 1;
            call.memory = memory;
            call.answer = None;
            call.number
        };
        let answered = match &self.way {
            Way::Here(env) => self.ask_here(*env, index, ty, params),
            Way::Away(thread) => self.ask_away(thread, number, &caller, index, ty, params),
        };
        // Nobody has the memory from here on.
        let answer = {
            let mut call = self.call();
            call.number += 1;
            call.memory = None;
            call.answer.take()
        };
        answered?;
        match answer.flatten() {
            Some(values) => results.copy_from_slice(&values),
            None => return Err(trap::error(Error::internal("an import of the run has failed"))),
        }
        Ok(())
    }

    fn ask_here(
        self: &Arc<Self>,
        env: sys::napi_env,
        index: u32,
        ty: &FuncType,
        params: &[Val],
    ) -> wasmtime::Result<()> {
        let _scope = Scope::open(env);
        let called = call_js(env, self.number, index, ty, params, None).and_then(|value| values(value, ty));
        self.call().answer = Some(Some(called.map_err(trap::carry)?));
        Ok(())
    }

    fn ask_away(
        self: &Arc<Self>,
        thread: &JsThread,
        number: u64,
        caller: &Caller<'_, Data>,
        index: u32,
        ty: &FuncType,
        params: &[Val],
    ) -> wasmtime::Result<()> {
        let (own, results) = (self.clone(), ty.clone());
        // With what it returned, or null where it has thrown.
        let reply = Reply::new(move |value: Option<Js>| {
            let answer = value
                .filter(|value| value.is_array())
                .and_then(|value| values(value, &results).ok());
            let mut call = own.call();
            if call.number == number {
                call.answer = Some(answer);
                own.answered.notify_one();
            }
        });
        let (run, ty, params) = (self.number, ty.clone(), params.to_vec());
        thread.post(move |env| {
            let _ = reply
                .into_js(env)
                .and_then(|done| call_js(env, run, index, &ty, &params, Some(done)));
        });
        wasi::wait(&caller.data().brake, async {
            while self.call().answer.is_none() {
                self.answered.notified().await;
            }
        })
    }
}

/// Has the facade call the function: what it returns, or gives to `done`, are its results in an array, converted.
fn call_js(env: sys::napi_env, run: u32, index: u32, ty: &FuncType, params: &[Val], done: Option<Js>) -> Result<Js> {
    let kinds: Vec<String> = ty.results().map(|ty| ty.to_string()).collect();
    let params = Js::array(env, params.iter().map(|value| to_js(env, value)))?;
    let [run, index] = [run, index].map(|number| Js::number(env, number.into()));
    let mut args = vec![run?, index?, params, Js::string(env, &kinds.join(","))?];
    args.extend(done);
    EnvData::of(env)?.call(env, "importCall", &args)
}

fn to_js(env: sys::napi_env, value: &Val) -> Result<Js> {
    match value {
        Val::I32(value) => Js::number(env, (*value).into()),
        Val::I64(value) => Js::bigint(env, *value),
        Val::F32(bits) => Js::number(env, f32::from_bits(*bits).into()),
        Val::F64(bits) => Js::number(env, f64::from_bits(*bits)),
        Val::V128(value) => Js::bytes(env, &value.as_u128().to_le_bytes()),
        _ => Err(Error::internal("a reference in a run").into()),
    }
}

fn values(list: Js, ty: &FuncType) -> Result<Vec<Val>> {
    let value = |(i, ty): (usize, ValType)| {
        let value = list.index(i as u32)?;
        Ok(match ty {
            ValType::I32 => Val::I32(value.to_f64("a result")? as i32),
            ValType::I64 => Val::I64(value.to_i64("a result")?),
            ValType::F32 => Val::F32((value.to_f64("a result")? as f32).to_bits()),
            ValType::F64 => Val::F64(value.to_f64("a result")?.to_bits()),
            ValType::V128 => {
                let bytes: [u8; 16] = Bytes::read(value, "a result")?.to_vec().try_into().unwrap_or_default();
                Val::V128(u128::from_le_bytes(bytes).into())
            }
            ValType::Ref(_) => return Err(Error::internal("a reference in a run").into()),
        })
    };
    ty.results().enumerate().map(value).collect()
}
/// The memory of a guest that waits for a function of ours, from `offset`: copies of `length` bytes, or `bytes` are put there.
/// Without an offset, its length.
#[napi(skip_typescript)]
pub fn guest_memory(run: Js, offset: Js, length: Js, bytes: Js) -> napi::Result<Js> {
    let env = run.env;
    guard(env, || {
        let number = run.to_u32("run")?;
        let imports = RUNS.with_borrow(|runs| runs.get(&number).and_then(Weak::upgrade));
        let imports = imports.ok_or_else(no_memory)?;
        // As long as this is held, the guest does not go on.
        let call = imports.call();
        let (start, size) = call.memory.ok_or_else(no_memory)?;
        if offset.is_undefined() {
            return Js::number(env, size as f64);
        }
        let offset = offset.to_u64("offset", u64::MAX)?;
        let source = if bytes.is_undefined() {
            None
        } else {
            Some(Bytes::read(bytes, "bytes")?)
        };
        let length = match &source {
            Some(bytes) => bytes.len() as u64,
            None => length.to_u64("length", u64::MAX)?,
        };
        if offset.checked_add(length).is_none_or(|end| end > size as u64) {
            let message = format!("{length} bytes at {offset} are outside of the guest's memory of {size} bytes");
            return Err(Error::range_error(message).into());
        }
        // SAFETY: in bounds of a memory whose guest waits.
        let place = unsafe { start.add(offset as usize) };
        match source {
            Some(bytes) => {
                // SAFETY: as above; JavaScript's bytes are not the guest's.
                unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()) };
                Js::undefined(env)
            }
            // SAFETY: as above.
            None => Js::buffer(env, unsafe { slice::from_raw_parts(place, length as usize) }),
        }
    })
}

fn no_memory() -> Failure {
    let message =
        "the guest's memory can be used while one of its imports is called, and the guest exports it as 'memory'";
    Error::new("StoreBusyError", message).into()
}
