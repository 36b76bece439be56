//! What stands in where TLS was left out: an identity that cannot be had, so that nothing is ever secured.

use super::IdentityFault;
use rustix::event::PollFlags;
use std::io::{self, IoSlice};
use std::net::TcpStream;
use std::time::SystemTime;

/// Who the server says it is: in this build there is none.
#[derive(Clone, Debug)]
pub struct Identity(());

impl Identity {
    /// # Errors
    /// Always.
    pub fn from_pem(_certificates: &[u8], _key: &[u8]) -> Result<Identity, IdentityFault> {
        Err(IdentityFault::Absent)
    }
}

/// Nobody asks: no certificate can be used.
pub fn certificate_ends(_pem: &[u8]) -> Option<SystemTime> {
    None
}

#[derive(Debug)]
pub(crate) enum Session {}

impl Session {
    pub(crate) fn new(_identity: &Identity) -> io::Result<Session> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn shake_hands(&self, _stream: &TcpStream) -> io::Result<Option<PollFlags>> {
        match *self {}
    }

    pub(crate) fn read(&self, _stream: &TcpStream, _into: &mut [u8]) -> io::Result<Option<usize>> {
        match *self {}
    }

    pub(crate) fn write(
        &self,
        _stream: &TcpStream,
        _parts: &[IoSlice<'_>],
        _sealed: &mut usize,
    ) -> io::Result<usize> {
        match *self {}
    }

    pub(crate) fn has_ended(&self, _stream: &TcpStream) -> bool {
        match *self {}
    }

    pub(crate) fn end(&self, _stream: &TcpStream) {
        match *self {}
    }
}
