//! Decodes the chunked transfer coding (RFC 9112 section 7.1), piece by piece. Pure, no I/O.
//!
//! Strict: sizes are hexadecimal digits with nothing around them, lines end in CR LF. Extensions and
//! trailer fields are read, bounded and dropped.

/// Bytes of chunk extensions in one body.
pub const MAX_EXTENSION_BYTES: usize = 4 * 1024;
/// Bytes of trailer fields after one body.
pub const MAX_TRAILER_BYTES: usize = 8 * 1024;
/// Hexadecimal digits of one chunk size.
const MAX_SIZE_DIGITS: u8 = 15;

/// What is wrong with a chunked body; in words for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkError(pub &'static str);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size { digits: u8 },
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    Done,
}

/// A piece of body that a call to [`ChunkDecoder::next`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'i> {
    /// Bytes of the input that are done with, the data included.
    pub consumed: usize,
    /// Decoded bytes, a part of the input; empty if more input is needed or the body is over.
    pub data: &'i [u8],
}

/// The state between two pieces of input.
#[derive(Clone, Debug)]
pub struct ChunkDecoder {
    state: State,
    left: u64,
    extensions: usize,
    trailers: usize,
}

impl Default for ChunkDecoder {
    fn default() -> Self {
        ChunkDecoder { state: State::Size { digits: 0 }, left: 0, extensions: 0, trailers: 0 }
    }
}

impl ChunkDecoder {
    /// Whether the body and its trailer fields have been read to the end.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether the last chunk has come; trailer fields and the end of the body may be missing.
    pub fn has_all_data(&self) -> bool {
        use State::{Done, EndLf, Trailer, TrailerLf, TrailerStart};
        matches!(self.state, TrailerStart | Trailer | TrailerLf | EndLf | Done)
    }

    /// Bytes of data that certainly come next, without any framing between them.
    pub fn data_ahead(&self) -> u64 {
        if self.state == State::Data { self.left } else { 0 }
    }

    /// Takes note of `count` bytes of data that were read past the decoder; at most [`Self::data_ahead`].
    pub fn skip_data(&mut self, count: u64) {
        self.left = self.left.saturating_sub(count);
        if self.state == State::Data && self.left == 0 {
            self.state = State::DataCr;
        }
    }

    /// Decodes until the first data (at most `most` bytes of it), the end of the input or of the body.
    ///
    /// # Errors
    /// The input is not chunked coding, or over a bound; the decoder is of no use after that.
    pub fn next<'i>(&mut self, input: &'i [u8], most: usize) -> Result<Piece<'i>, ChunkError> {
        let mut at = 0;
        while at < input.len() && self.state != State::Done {
            if self.state == State::Data {
                let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(most).min(input.len() - at);
                self.skip_data(count as u64);
                return Ok(Piece { consumed: at + count, data: &input[at..at + count] });
            }
            self.state = self.step(input[at])?;
            at += 1;
        }
        Ok(Piece { consumed: at, data: &[] })
    }

    fn step(&mut self, byte: u8) -> Result<State, ChunkError> {
        match (self.state, byte) {
            (State::Size { digits }, _) => self.size(digits, byte),
            (State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Extension, _) => self.extension(byte),
            (State::SizeLf, b'\n') if self.left == 0 => Ok(State::TrailerStart),
            (State::SizeLf, b'\n') => Ok(State::Data),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size { digits: 0 }),
            (State::DataCr | State::DataLf, _) => {
                Err(ChunkError("a chunk is longer than its size says, or not followed by CR LF"))
            }
            (State::TrailerStart, b'\r') => Ok(State::EndLf),
            (State::Trailer, b'\r') => Ok(State::TrailerLf),
            (State::TrailerStart | State::Trailer, _) => self.trailer(byte),
            (State::TrailerLf, b'\n') => Ok(State::TrailerStart),
            (State::EndLf, b'\n') => Ok(State::Done),
            _ => Err(ChunkError("a line of the chunked body does not end in CR LF")),
        }
    }

    fn size(&mut self, digits: u8, byte: u8) -> Result<State, ChunkError> {
        match (char::from(byte).to_digit(16), byte) {
            (Some(_), _) if digits == MAX_SIZE_DIGITS => Err(ChunkError("a chunk size has too many digits")),
            (Some(digit), _) => {
                self.left = self.left * 16 + u64::from(digit);
                Ok(State::Size { digits: digits + 1 })
            }
            (None, b'\r') if digits > 0 => Ok(State::SizeLf),
            (None, b';') if digits > 0 => Ok(State::Extension),
            _ => Err(ChunkError("a chunk size is not a hexadecimal number alone on its line")),
        }
    }

    fn extension(&mut self, byte: u8) -> Result<State, ChunkError> {
        self.extensions += 1;
        match byte {
            _ if self.extensions > MAX_EXTENSION_BYTES => {
                Err(ChunkError("the chunk extensions are too long"))
            }
            _ if is_control(byte) => Err(ChunkError("a chunk extension holds control characters")),
            _ => Ok(State::Extension),
        }
    }

    fn trailer(&mut self, byte: u8) -> Result<State, ChunkError> {
        self.trailers += 1;
        match (self.state, byte) {
            _ if self.trailers > MAX_TRAILER_BYTES => Err(ChunkError("the trailer fields are too long")),
            (State::TrailerStart, b' ' | b'\t') => Err(ChunkError("a trailer line begins with white space")),
            _ if is_control(byte) => Err(ChunkError("a trailer field holds control characters")),
            _ => Ok(State::Trailer),
        }
    }
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}
