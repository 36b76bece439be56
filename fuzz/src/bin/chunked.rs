//! The chunked coding: any cut and any size of buffer gives what the whole gives, also where data are read past the
//! decoder; what was decoded and is encoded again decodes to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_proxy::http::chunked::{ChunkDecoder, ChunkError};

/// The data, whether the body is over, and the bytes behind it.
type Decoded = Result<(Vec<u8>, bool, usize), ChunkError>;

fn decode(pieces: &[&[u8]], most: usize, past: bool) -> Decoded {
    let mut decoder = ChunkDecoder::default();
    let (mut data, mut left) = (Vec::new(), pieces.iter().map(|piece| piece.len()).sum::<usize>());
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() && !decoder.is_done() {
            let ahead = usize::try_from(decoder.data_ahead()).unwrap_or(usize::MAX).min(rest.len());
            let (found, used) = if past && ahead > 0 {
                decoder.skip_data(ahead as u64);
                (&rest[..ahead], ahead)
            } else {
                let piece = decoder.next(rest, most)?;
                (piece.data, piece.consumed)
            };
            data.extend_from_slice(found);
            left -= used;
            rest = &rest[used..];
        }
    }
    Ok((data, decoder.is_done(), left))
}

fn encode(data: &[u8]) -> Vec<u8> {
    let chunk = |part: &[u8]| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
    let chunks = data.chunks(5).flat_map(chunk);
    chunks.chain(*b"0\r\n\r\n").collect()
}

fuzz_target!(|bytes: &[u8]| {
    let whole = decode(&[bytes], usize::MAX, false);
    for pieces in mcp_proxy_fuzz::splits(bytes) {
        assert_eq!(decode(&pieces, 3, false), whole);
        assert_eq!(decode(&pieces, 1000, true), whole);
    }
    if let Ok((data, true, _)) = whole {
        assert_eq!(decode(&[&encode(&data)], 100, false), Ok((data, true, 0)));
    }
});
