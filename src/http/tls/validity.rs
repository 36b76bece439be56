//! Until when a certificate holds (RFC 5280, 4.1): of its DER only the way to that date is read.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::time::SystemTime;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The end of the first certificate's validity; `None` if there is none, or none that can be read.
pub fn certificate_ends(pem: &[u8]) -> Option<SystemTime> {
    end_of(&CertificateDer::from_pem_slice(pem).ok()?)
}

fn end_of(der: &[u8]) -> Option<SystemTime> {
    let (certificate, _) = content(der, SEQUENCE)?;
    let (signed, _) = content(certificate, SEQUENCE)?;
    let fields = if signed.first() == Some(&VERSION) { element(signed)?.2 } else { signed };
    let (_, _, fields) = element(fields)?; // its number
    let (_, fields) = content(fields, SEQUENCE)?; // how it is signed
    let (_, fields) = content(fields, SEQUENCE)?; // by whom
    let (validity, _) = content(fields, SEQUENCE)?;
    let (_, _, end) = element(validity)?;
    time(element(end)?)
}

/// Tag, content, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let bytes = usize::from(first & 0x7f);
    let (length, rest) = match first {
        ..0x80 => (bytes, rest),
        _ if bytes <= 4 => {
            let (length, rest) = rest.split_at_checked(bytes)?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn content(der: &[u8], expected: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(der)?;
    (tag == expected).then_some((content, rest))
}

/// `YYMMDDhhmmssZ` until 2049, then with all four digits of the year.
fn time((tag, digits, _): (u8, &[u8], &[u8])) -> Option<SystemTime> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.is_ascii())?;
    let text = match tag {
        UTC_TIME if text.get(..2)? >= "50" => format!("19{text}"),
        UTC_TIME => format!("20{text}"),
        GENERALIZED_TIME => text.to_string(),
        _ => return None,
    };
    let part = |at: usize| text.get(at..at + 2);
    let (year, month, day) = (text.get(..4)?, part(4)?, part(6)?);
    let time = format!("{year}-{month}-{day}T{}:{}:{}Z", part(8)?, part(10)?, part(12)?);
    humantime::parse_rfc3339(&time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_read_and_nonsense_has_none() {
        let pem = include_bytes!("../../../tests/tls/certificates/one.pem");
        let end = humantime::format_rfc3339_seconds(certificate_ends(pem).unwrap()).to_string();
        assert_eq!(end, "2126-11-04T22:13:52Z");
        let date = |tag, text: &str| {
            time((tag, text.as_bytes(), &[])).map(|it| humantime::format_rfc3339_seconds(it).to_string())
        };
        assert_eq!(date(UTC_TIME, "270102030405Z").as_deref(), Some("2027-01-02T03:04:05Z"));
        assert_eq!((date(UTC_TIME, "27"), date(SEQUENCE, "270102030405Z")), (None, None));
        let der = CertificateDer::from_pem_slice(pem).unwrap();
        assert!((0..100).all(|cut| end_of(&der[..cut]).is_none()), "cut off before the date");
        assert_eq!(certificate_ends(b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), None);
    }
}
