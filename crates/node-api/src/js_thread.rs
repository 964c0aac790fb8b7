//! The way back: what other threads have to say on the JavaScript thread.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Status, sys};

use crate::error::{Error, Result};

type Job = Box<dyn FnOnce(sys::napi_env) + Send>;

/// A JavaScript thread, for others. It does not keep the thread's event loop alive.
pub struct JsThread(ThreadsafeFunction<Job, (), (), Status, false, true>);

thread_local! {
    static THIS: RefCell<Option<Arc<JsThread>>> = const { RefCell::new(None) };
}

impl JsThread {
    /// The one of this thread.
    pub fn this(env: sys::napi_env) -> Result<Arc<JsThread>> {
        if let Some(known) = THIS.with_borrow(Option::clone) {
            return Ok(known);
        }
        let made = Arc::new(JsThread::new(env)?);
        THIS.set(Some(made.clone()));
        Ok(made)
    }
    fn new(env: sys::napi_env) -> Result<JsThread> {
        let failed = |error: napi::Error| Error::internal(format!("no function could be made: {}", error.reason));
        let napi_env = napi::Env::from_raw(env);
        let nothing: Function<'_, (), ()> = napi_env
            .create_function_from_closure("post", |_| Ok(()))
            .map_err(failed)?;
        let function = nothing
            .build_threadsafe_function::<Job>()
            .weak::<true>()
            .build_callback(|context| {
                let env = context.env.raw();
                // What panics, or throws, has nobody to tell.
                let _ = catch_unwind(AssertUnwindSafe(|| (context.value)(env)));
                let mut thrown = ptr::null_mut();
                // SAFETY: on the environment's thread; without an exception there is none to clear.
                unsafe { sys::napi_get_and_clear_last_exception(env, &mut thrown) };
                Ok(())
            })
            .map_err(failed)?;
        Ok(JsThread(function))
    }
    /// Has `job` done soon. A thread that has ended drops it; one that ends before its turn comes forgets it.
    pub fn post(&self, job: impl FnOnce(sys::napi_env) + Send + 'static) {
        self.0.call(Box::new(job), ThreadsafeFunctionCallMode::NonBlocking);
    }
}
