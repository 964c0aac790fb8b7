//! The functions and streams of JavaScript that are the stdio of a guest on another thread. The facade has them (lib/streams.ts);
//! here is what is on its way, which is little: a guest waits for a stream that is slow.

use std::io::{self, ErrorKind};
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::sys;
use tokio::sync::Notify;

use crate::bytes::Bytes;
use crate::env::EnvData;
use crate::error::Result;
use crate::js::Js;
use crate::js_thread::JsThread;
use crate::reply::Reply;

/// Bytes that may wait for JavaScript, for each of the two streams; as many may be with it.
const ROOM: usize = 64 << 10;

pub struct Streams {
    /// What the facade calls the guest.
    number: u32,
    thread: Arc<JsThread>,
    state: Mutex<State>,
    /// Wakes the guest, when something has changed.
    changed: Notify,
}

#[derive(Default)]
struct State {
    outputs: [Out; 2],
    input: In,
    /// One of the streams failed: the guest is to end, and the facade knows why.
    failed: bool,
}
#[derive(Default)]
struct Out {
    waiting: Vec<u8>,
    /// Whether JavaScript has something that it has not done with.
    busy: bool,
    /// Nobody takes any more.
    closed: bool,
}
impl Out {
    /// What JavaScript is to have now, unless it is busy.
    fn next(&mut self) -> Option<Vec<u8>> {
        if self.busy || self.closed || self.waiting.is_empty() {
            return None;
        }
        self.busy = true;
        Some(take(&mut self.waiting))
    }
}
#[derive(Default)]
struct In {
    chunk: Vec<u8>,
    read: usize,
    /// Whether JavaScript was asked for more.
    asked: bool,
    ended: bool,
}

impl Streams {
    /// Called on the JavaScript thread.
    pub fn new(env: sys::napi_env, number: u32) -> Result<Arc<Streams>> {
        Ok(Arc::new(Streams {
            number,
            thread: JsThread::this(env)?,
            state: Mutex::default(),
            changed: Notify::new(),
        }))
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_one();
    }

    /// Writes as much as there is room for, once there is any.
    pub async fn write(self: &Arc<Self>, fd: u32, bytes: &[u8]) -> io::Result<usize> {
        loop {
            if let Some((count, next)) = self.take_in(fd, bytes)? {
                self.send(fd, next);
                return Ok(count);
            }
            self.changed.notified().await;
        }
    }
    /// Takes what there is room for; how much, and what JavaScript is to have now.
    fn take_in(&self, fd: u32, bytes: &[u8]) -> io::Result<Option<(usize, Option<Vec<u8>>)>> {
        let mut state = self.state();
        if state.failed {
            return Err(ErrorKind::Other.into());
        }
        let out = &mut state.outputs[fd as usize - 1];
        if out.closed {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let count = (ROOM - out.waiting.len()).min(bytes.len());
        if count == 0 && !bytes.is_empty() {
            return Ok(None);
        }
        out.waiting.extend_from_slice(&bytes[..count]);
        Ok(Some((count, out.next())))
    }
    /// Gives JavaScript what it is to have. Nothing is locked: it may be nobody's any more.
    fn send(self: &Arc<Self>, fd: u32, bytes: Option<Vec<u8>>) {
        let Some(bytes) = bytes else {
            return;
        };
        let (streams, number) = (self.clone(), self.number);
        // With undefined if it went well, false by a stream that takes no more, true by one that failed.
        let done = Reply::new(move |end: Option<Js>| match end {
            Some(end) => streams.done(fd, end.to_bool("end").ok()),
            None => streams.done(fd, Some(false)),
        });
        self.thread.post(move |env| {
            let _ = output(env, number, fd, &bytes, done.into_js(env));
        });
    }
    fn done(self: &Arc<Self>, fd: u32, closed: Option<bool>) {
        let mut next = None;
        self.change(|state| {
            state.failed |= closed == Some(true);
            let out = &mut state.outputs[fd as usize - 1];
            out.busy = false;
            out.closed |= closed.is_some();
            next = out.next();
        });
        self.send(fd, next);
    }
    /// Until JavaScript has all that was written.
    pub async fn drained(&self) {
        let is_through = |out: &Out| out.closed || !out.busy;
        while !self.state().outputs.iter().all(is_through) {
            self.changed.notified().await;
        }
    }

    /// Waits for something to read, or the end.
    pub async fn readable(self: &Arc<Self>) {
        while !self.has_input() {
            self.changed.notified().await;
        }
    }
    /// Whether there is something, or the end; if not, JavaScript is asked for it.
    fn has_input(self: &Arc<Self>) -> bool {
        let mut state = self.state();
        let input = &mut state.input;
        if input.read < input.chunk.len() || input.ended {
            return true;
        }
        let asked = std::mem::replace(&mut input.asked, true);
        drop(state);
        if !asked {
            self.ask();
        }
        false
    }
    fn ask(self: &Arc<Self>) {
        let streams = self.clone();
        // With bytes, undefined at the end, or null by a stream that failed.
        let give =
            Reply::new(
                move |chunk: Option<Js>| match chunk.map(|chunk| (chunk, Bytes::read(chunk, "a chunk"))) {
                    Some((_, Ok(bytes))) => streams.give(Some(bytes.to_vec()), false),
                    Some((chunk, Err(_))) => streams.give(None, !chunk.is_undefined()),
                    None => streams.give(None, false),
                },
            );
        let number = self.number;
        self.thread.post(move |env| {
            let _ = input(env, number, give.into_js(env));
        });
    }
    fn give(&self, chunk: Option<Vec<u8>>, failed: bool) {
        self.change(|state| {
            state.failed |= failed;
            state.input = In {
                ended: chunk.is_none(),
                chunk: chunk.unwrap_or_default(),
                ..In::default()
            };
        });
    }
    /// Reads what has come; nothing at the end.
    pub fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state();
        if state.failed {
            return Err(ErrorKind::Other.into());
        }
        let input = &mut state.input;
        let rest = &input.chunk[input.read..];
        if rest.is_empty() && !input.ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        input.read += count;
        Ok(count)
    }
    /// Gives back what has come and was not read.
    pub fn put_back(&self, env: sys::napi_env) -> Result<()> {
        let In { chunk, read, .. } = take(&mut self.state().input);
        let rest = chunk.get(read..).unwrap_or_default();
        let args = [Js::number(env, self.number.into())?, Js::buffer(env, rest)?];
        EnvData::of(env)?.call(env, "unread", &args).map(drop)
    }
    pub fn has_failed(&self) -> bool {
        self.state().failed
    }
}

fn output(env: sys::napi_env, run: u32, fd: u32, bytes: &[u8], done: Result<Js>) -> Result<()> {
    let [run, fd] = [run, fd].map(|number| Js::number(env, number.into()));
    let args = [run?, fd?, Js::buffer(env, bytes)?, done?];
    EnvData::of(env)?.call(env, "output", &args).map(drop)
}
fn input(env: sys::napi_env, run: u32, give: Result<Js>) -> Result<()> {
    let args = [Js::number(env, run.into())?, give?];
    EnvData::of(env)?.call(env, "input", &args).map(drop)
}
