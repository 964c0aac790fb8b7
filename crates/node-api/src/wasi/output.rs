//! Where a guest's standard output and errors go.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{self, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use super::device::Device;
use super::streams::Streams;

/// One of a guest's two streams.
#[derive(Clone)]
pub struct Output(Arc<Mutex<Inner>>);

struct Inner {
    to: To,
    /// What has come by a descriptor that the guest has made of this one, through Wasmtime's own streams, in pieces.
    late: Vec<u8>,
}

/// Where it goes.
pub enum To {
    Nowhere,
    /// Into memory, up to a limit.
    Capture {
        bytes: Vec<u8>,
        limit: usize,
    },
    Device(Arc<Device>),
    /// To a function of JavaScript, on the thread that is JavaScript's: `super::write` gives it.
    Here,
    /// The same, from another thread.
    Away(Arc<Streams>, u32),
}

impl Output {
    pub fn new(to: To) -> Output {
        Output(Arc::new(Mutex::new(Inner { to, late: Vec::new() })))
    }
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Whether JavaScript takes it, on this thread.
    pub fn is_here(&self) -> bool {
        matches!(self.inner().to, To::Here)
    }
    /// What was captured.
    pub fn captured(&self) -> Option<Vec<u8>> {
        match &self.inner().to {
            To::Capture { bytes, .. } => Some(bytes.clone()),
            _ => None,
        }
    }
    /// What has come through Wasmtime's own streams.
    pub fn take_late(&self) -> Vec<u8> {
        std::mem::take(&mut self.inner().late)
    }

    /// Writes as much as goes at once, but something; how much.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let slow = match &mut self.inner().to {
            To::Nowhere | To::Here => return Ok(bytes.len()),
            To::Capture { bytes: kept, limit } => {
                let room = limit.saturating_sub(kept.len()).min(bytes.len());
                if room == 0 && !bytes.is_empty() {
                    return Err(ErrorKind::StorageFull.into());
                }
                kept.extend_from_slice(&bytes[..room]);
                return Ok(room);
            }
            To::Device(device) => Slow::Device(device.clone()),
            To::Away(streams, fd) => Slow::Away(streams.clone(), *fd),
        };
        match slow {
            Slow::Device(device) => device.write(bytes).await,
            Slow::Away(streams, fd) => streams.write(fd, bytes).await,
        }
    }
}

/// What may take its time.
enum Slow {
    Device(Arc<Device>),
    Away(Arc<Streams>, u32),
}

impl cli::IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        matches!(&self.inner().to, To::Device(device) if device.is_terminal())
    }
}

impl StdoutStream for Output {
    /// Only for WASI 0.3.
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(tokio::io::empty())
    }
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.inner().late.extend_from_slice(&bytes);
        Ok(())
    }
    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }
    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}
