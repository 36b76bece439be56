use crate::http::chunked::{ChunkDecoder, ChunkError, MAX_EXTENSION_BYTES, MAX_TRAILER_BYTES};
use proptest::prelude::*;

/// Decodes pieces of input; the data, whether it is complete, and the bytes left over.
fn decode(pieces: &[&[u8]], most: usize) -> Result<(Vec<u8>, bool, usize), ChunkError> {
    let mut decoder = ChunkDecoder::default();
    let (mut data, mut used, mut total) = (Vec::new(), 0, 0);
    for piece in pieces {
        total += piece.len();
        let mut rest = *piece;
        while !rest.is_empty() && !decoder.is_done() {
            let found = decoder.next(rest, most)?;
            data.extend_from_slice(found.data);
            used += found.consumed;
            rest = &rest[found.consumed..];
        }
    }
    Ok((data, decoder.is_done(), total - used))
}

fn whole(text: &str) -> Result<(Vec<u8>, bool, usize), ChunkError> {
    decode(&[text.as_bytes()], 1000)
}

#[test]
fn chunks_extensions_and_trailers_are_read() {
    assert_eq!(whole("5\r\nhello\r\n0\r\n\r\nGET"), Ok((b"hello".to_vec(), true, 3)));
    assert_eq!(
        whole("0A;a=\"b c\";d\r\n0123456789\r\n000;x\r\nA: b\r\nC: d\r\n\r\n"),
        Ok((b"0123456789".to_vec(), true, 0))
    );
    assert_eq!(whole("5\r\nhel"), Ok((b"hel".to_vec(), false, 0)));
}

#[test]
fn anything_else_is_refused() {
    let bad = [
        "\r\n",
        ";x\r\n",
        " 5\r\n",
        "5 \r\n",
        "5\t;x\r\n",
        "+5\r\n",
        "-1\r\n",
        "0x5\r\n",
        "5\nhello",
        "5\r\r",
        "5;a\n",
        "5;\0",
        "g\r\n",
        "1000000000000000\r\n",
        "ffffffffffffffffffff\r\n",
        "5\r\nhelloX",
        "5\r\nhello\n",
        "5\r\nhello\rX",
        "0\r\nA: b\n",
        "0\r\nA: \0",
        "0\r\n\rX",
        "0\r\n folded\r\n",
        "0\r\n\n",
        "0\n\n",
        "5\r\nhello0\r\n",
    ];
    for text in bad {
        assert!(whole(text).is_err(), "{text:?}");
    }
}

#[test]
fn extensions_and_trailers_are_bounded() {
    let long = "1;x\r\na\r\n".repeat(MAX_EXTENSION_BYTES + 1);
    assert!(whole(&long).is_err());
    assert!(whole(&format!("0\r\nA: {}\r\n\r\n", "x".repeat(MAX_TRAILER_BYTES))).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), most in 1_usize..50) {
        let _ = decode(&[&bytes], most);
    }

    #[test]
    fn any_near_miss_is_survived(text in "[0-9a-f;\\r\\n X]{0,40}", cut in 0_usize..40) {
        let (a, b) = text.as_bytes().split_at(cut.min(text.len()));
        prop_assert_eq!(decode(&[a, b], 7), decode(&[text.as_bytes()], 1000));
    }

    #[test]
    fn any_split_decodes_like_the_whole(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
        cuts in prop::collection::vec(0_usize..300, 0..8),
        most in 1_usize..50,
    ) {
        let mut coded = Vec::new();
        for chunk in &chunks {
            coded.extend(format!("{:X};e\r\n", chunk.len()).into_bytes());
            coded.extend(chunk);
            coded.extend(b"\r\n");
        }
        coded.extend(b"0\r\nT: r\r\n\r\n");
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(coded.len())).chain([0, coded.len()]).collect();
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &coded[pair[0]..pair[1]]).collect();
        prop_assert_eq!(decode(&pieces, most), Ok((chunks.concat(), true, 0)));
    }
}
