//! Carries requests to a server and brings its answers: on connections of our own where it is on this machine, by ureq
//! where it is elsewhere.

use super::connector;
use super::loopback::{self, Loopback};
use crate::config::spec::Options;
use ::http::{Request, Response};
use std::io::{self, Cursor, Read};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use ureq::{Agent, AsSendBody, BodyReader, Error, SendBody};

/// An answer whose body is not read yet.
pub(super) type ServerAnswer = Response<AnswerBody>;

/// The body of a request.
pub(super) enum Cargo<'c> {
    Nothing,
    Whole(&'c [u8]),
    /// Sent on as it comes; `length` in bytes, if that is known.
    Stream {
        body: &'c mut dyn Read,
        length: Option<u64>,
    },
}

/// How long an exchange may take.
#[derive(Clone, Copy)]
pub(super) enum Wait {
    /// The answer must begin in the courier's time for it; its end may take as long as it likes.
    Call,
    /// For ever: a server may send the head of a stream together with its first event.
    Stream,
    /// Everything together.
    Whole(Duration),
}

/// The body of an answer, as it comes. Boxed, because answers are handed on a lot.
pub(super) enum AnswerBody {
    Near(Box<loopback::Body>),
    Far(Box<BodyReader<'static>>),
    /// It was read already.
    Known(Cursor<Vec<u8>>),
}

/// The way to one server, or to another place that this one names.
#[derive(Clone)]
pub(super) struct Courier {
    near: Loopback,
    /// Made for the first request that goes elsewhere: whom it trusts may be a long list.
    far: Arc<OnceLock<Agent>>,
    call_timeout: Duration,
}

impl Courier {
    pub(super) fn new(options: &Options) -> Courier {
        let call_timeout = options.call_timeout;
        Courier { near: Loopback::new(call_timeout), far: Arc::default(), call_timeout }
    }

    /// Makes a request, with an absolute URL, and waits until the answer begins.
    ///
    /// # Errors
    /// None began: the server cannot be reached, breaks off, or speaks no HTTP; or the body could not be read.
    pub(super) fn run(
        &self,
        request: Request<()>,
        cargo: Cargo<'_>,
        wait: Wait,
    ) -> Result<ServerAnswer, Error> {
        if let Some(address) = loopback::address(request.uri()) {
            let answer = self.near.run(address, &request, cargo, wait)?;
            return Ok(answer.map(|body| AnswerBody::Near(Box::new(body))));
        }
        let answer = match cargo {
            Cargo::Nothing => self.far(request, wait),
            Cargo::Whole(body) => self.far(request.map(|()| body), wait),
            Cargo::Stream { body, .. } => self.far(request.map(|()| SendBody::from_reader(body)), wait),
        };
        Ok(answer?.map(|body| AnswerBody::Far(Box::new(body.into_reader()))))
    }

    fn far(&self, request: Request<impl AsSendBody>, wait: Wait) -> Result<Response<ureq::Body>, Error> {
        let agent = self.far.get_or_init(|| connector::agent(self.call_timeout));
        match wait {
            Wait::Call => agent.run(request),
            Wait::Stream => agent.run(agent.configure_request(request).timeout_recv_response(None).build()),
            Wait::Whole(time) => {
                agent.run(agent.configure_request(request).timeout_global(Some(time)).build())
            }
        }
    }
}

impl Read for AnswerBody {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            AnswerBody::Near(body) => body.read(into),
            AnswerBody::Far(body) => body.read(into),
            AnswerBody::Known(body) => body.read(into),
        }
    }
}

impl Wait {
    /// The time for everything together, if there is one.
    pub(super) fn whole(self) -> Option<Duration> {
        match self {
            Wait::Whole(time) => Some(time),
            Wait::Call | Wait::Stream => None,
        }
    }
}
