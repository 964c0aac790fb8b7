//! Work off the JavaScript thread: the one way to do it and come back with a value or a typed error.
//!
//! Threads are our own and not libuv's: guests and compilations may take long, and the few threads of libuv serve files and
//! DNS. Their stacks are as large as a main thread's, on every platform. Compilations and guests have threads of their own, so
//! many of each kind at once and the rest waits: guests that sleep hold up no compilation.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use napi::JsValue;
use napi::sys;
use napi_derive::napi;

use crate::error::{Error, Result, guard, panicked};
use crate::js::{Js, check};

const STACK: usize = 8 << 20;
/// A thread that has had nothing to do for so long ends.
const IDLE: Duration = Duration::from_secs(2);

type Job = Box<dyn FnOnce() + Send>;

/// Threads for one kind of work.
pub struct Pool {
    state: Mutex<State>,
    work: Condvar,
    most: usize,
}
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

impl Pool {
    /// `most` threads at once, or one for each core where that is more.
    pub const fn new(most: usize) -> Pool {
        let state = State {
            jobs: VecDeque::new(),
            threads: 0,
            idle: 0,
        };
        Pool {
            state: Mutex::new(state),
            work: Condvar::new(),
            most,
        }
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn submit(&'static self, job: Job) -> Result<()> {
        let most = std::thread::available_parallelism().map_or(self.most, |n| n.get().max(self.most));
        let mut state = self.state();
        state.jobs.push_back(job);
        if state.idle >= state.jobs.len() || state.threads >= most {
            self.work.notify_one();
            return Ok(());
        }
        let thread = std::thread::Builder::new().name("cwasm".into()).stack_size(STACK);
        match thread.spawn(|| self.serve()) {
            Ok(_) => state.threads += 1,
            // Another thread will come to it, if there is one.
            Err(_) if state.threads > 0 => {}
            Err(error) => {
                state.jobs.pop_back();
                return Err(Error::new("WasmtimeError", format!("no thread could be started: {error}")).into());
            }
        }
        Ok(())
    }

    /// What each thread does.
    fn serve(&self) {
        let mut state = self.state();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                job();
                state = self.state();
                continue;
            }
            state.idle += 1;
            let (woken, timeout) = self
                .work
                .wait_timeout(state, IDLE)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if timeout.timed_out() && state.jobs.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }
}

/// A failure that can travel between threads: JavaScript exceptions can't, and none are made off the JavaScript thread.
pub fn travel<T>(result: Result<T>) -> std::result::Result<T, Error> {
    result.map_err(|failure| match failure {
        crate::error::Failure::Error(error) => error,
        crate::error::Failure::Thrown | crate::error::Failure::Raised(_) => {
            Error::internal("an exception off the JavaScript thread")
        }
    })
}

/// A value that only the JavaScript thread touches, on its way through another one.
struct Home<T>(T);
// SAFETY: `spawn` makes it on the JavaScript thread and unwraps it there; in between it is only moved. Where the environment
// ends first it is leaked (see `spawn`).
unsafe impl<T> Send for Home<T> {}
impl<T> Home<T> {
    fn open(self) -> T {
        self.0
    }
}

/// The body of a function that returns a promise: what goes wrong before there is one makes it a rejected one.
pub fn promise(env: sys::napi_env, body: impl FnOnce() -> Result<Js>) -> napi::Result<Js> {
    guard(env, || {
        body().or_else(|failure| {
            let (mut deferred, mut promise, mut reason) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
            failure.throw(env);
            // SAFETY: takes the exception that is pending, and gives it to a promise that is settled once.
            unsafe {
                check(sys::napi_get_and_clear_last_exception(env, &mut reason))?;
                check(sys::napi_create_promise(env, &mut deferred, &mut promise))?;
                check(sys::napi_reject_deferred(env, deferred, reason))?;
            }
            Ok(Js { env, raw: promise })
        })
    })
}

/// Runs `job` on a thread of the pool, and `finish` with what it made on this one. Returns the promise.
pub fn spawn<T: Send + 'static>(
    env: sys::napi_env,
    pool: &'static Pool,
    job: impl FnOnce() -> Result<T> + Send + 'static,
    finish: impl FnOnce(sys::napi_env, T) -> Result<Js> + 'static,
) -> Result<Js> {
    type Resolver = Box<dyn FnOnce(napi::Env) -> napi::Result<Js> + Send>;
    let napi_env = napi::Env::from_raw(env);
    let (deferred, promise) = napi_env
        .create_deferred::<Js, Resolver>()
        .map_err(|error| Error::internal(format!("no promise could be made: {}", error.reason)))?;
    let promise = Js {
        env,
        raw: promise.raw(),
    };
    let finish = Home(std::mem::ManuallyDrop::new(finish));
    pool.submit(Box::new(move || {
        let result = match catch_unwind(AssertUnwindSafe(job)) {
            Ok(result) => travel(result),
            Err(panic) => Err(panicked(panic)),
        };
        deferred.resolve(Box::new(move |env| {
            let env = env.raw();
            let finish = std::mem::ManuallyDrop::into_inner(finish.open());
            let finished = catch_unwind(AssertUnwindSafe(|| finish(env, result?)));
            finished
                .unwrap_or_else(|panic| Err(panicked(panic).into()))
                .map_err(|failure| failure.into_napi(env))
        }));
    }))?;
    Ok(promise)
}

/// For the specs, as [`crate::panic`]: a promise of what panics off the JavaScript thread, or when it comes back.
#[napi(skip_typescript)]
#[allow(clippy::panic, reason = "it is what this is for")]
pub fn panic_off_thread(env: napi::Env, back: bool) -> napi::Result<Js> {
    static POOL: Pool = Pool::new(1);
    let env = env.raw();
    promise(env, || {
        spawn(
            env,
            &POOL,
            move || if back { Ok(()) } else { panic!("off the thread") },
            |_, ()| panic!("back"),
        )
    })
}
