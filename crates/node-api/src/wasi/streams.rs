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

/// Bytes that may wait for JavaScript, for each of the two streams; as many may be with it.
const ROOM: usize = 64 << 10;

pub struct Streams {
    /// What the facade calls the guest.
    number: u32,
    thread: JsThread,
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
            thread: JsThread::new(env)?,
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
            {
                let mut state = self.state();
                if state.failed {
                    return Err(ErrorKind::Other.into());
                }
                let out = &mut state.outputs[fd as usize - 1];
                if out.closed {
                    return Err(ErrorKind::BrokenPipe.into());
                }
                let count = (ROOM - out.waiting.len()).min(bytes.len());
                if count > 0 || bytes.is_empty() {
                    out.waiting.extend_from_slice(&bytes[..count]);
                    self.send(fd, out);
                    return Ok(count);
                }
            }
            self.changed.notified().await;
        }
    }
    /// Gives what waits to JavaScript, unless it is busy.
    fn send(self: &Arc<Self>, fd: u32, out: &mut Out) {
        if out.busy || out.waiting.is_empty() {
            return;
        }
        out.busy = true;
        let (streams, bytes) = (self.clone(), take(&mut out.waiting));
        self.thread.post(move |env| {
            if streams.clone().output(env, fd, &bytes).is_err() {
                streams.done(fd, Some(true));
            }
        });
    }
    fn output(self: Arc<Self>, env: sys::napi_env, fd: u32, bytes: &[u8]) -> Result<()> {
        let [number, stream] = [self.number, fd].map(|number| Js::number(env, number.into()));
        // With undefined if it went well, false by a stream that takes no more, true by one that failed.
        let done = Js::function(env, move |end| self.done(fd, end.to_bool("end").ok()))?;
        let args = [number?, stream?, Js::buffer(env, bytes)?, done];
        EnvData::of(env)?.call(env, "output", &args).map(drop)
    }
    fn done(self: &Arc<Self>, fd: u32, closed: Option<bool>) {
        self.change(|state| {
            state.failed |= closed == Some(true);
            let out = &mut state.outputs[fd as usize - 1];
            out.busy = false;
            out.closed |= closed.is_some();
            self.send(fd, out);
        });
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
        loop {
            {
                let mut state = self.state();
                let input = &mut state.input;
                if input.read < input.chunk.len() || input.ended {
                    return;
                }
                if !input.asked {
                    input.asked = true;
                    let streams = self.clone();
                    self.thread.post(move |env| {
                        if streams.clone().ask(env).is_err() {
                            streams.give(None, true);
                        }
                    });
                }
            }
            self.changed.notified().await;
        }
    }
    fn ask(self: Arc<Self>, env: sys::napi_env) -> Result<()> {
        let number = Js::number(env, self.number.into())?;
        // With bytes, undefined at the end, or null by a stream that failed.
        let give = Js::function(env, move |chunk| match Bytes::read(chunk, "a chunk") {
            Ok(bytes) => self.give(Some(bytes.to_vec()), false),
            Err(_) => self.give(None, !chunk.is_undefined()),
        })?;
        EnvData::of(env)?.call(env, "input", &[number, give]).map(drop)
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
