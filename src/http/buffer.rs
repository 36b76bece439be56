//! Bytes that came from a client and are not used yet. Grows only with what really came.

/// Bytes an idle connection keeps.
const USUAL_BYTES: usize = 8 * 1024;

/// A connection's read buffer; what lies in it may reach into the next request.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    data: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// The bytes not used yet.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }

    /// Whether all bytes were used.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Drops bytes from the beginning.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Room to read into; empty only if `most` bytes are waiting already.
    pub(crate) fn room(&mut self, most: usize) -> &mut [u8] {
        if self.end == self.data.len() && self.start > 0 {
            self.data.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.data.len() {
            let size = (self.end * 2).clamp(USUAL_BYTES, most.max(USUAL_BYTES));
            self.data.resize(size.max(self.end), 0);
        }
        &mut self.data[self.end..]
    }

    /// Takes note of bytes that were read into the room.
    pub(crate) fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.data.len());
    }

    /// Gives all memory back, unless bytes lie in it.
    pub(crate) fn free(&mut self) {
        if self.is_empty() {
            *self = Buffer::default();
        }
    }

    /// Gives memory beyond the usual size back, unless bytes lie in it.
    pub(crate) fn release(&mut self) {
        if self.is_empty() && self.data.len() > USUAL_BYTES {
            self.data = Vec::new();
        }
    }
}
