use crate::http::encode::{Asked, Delimiter, plan, write_head};
use crate::http::{Payload, Response};
use crate::log::request::RequestId;
use ::http::{Response as Builder, Version};

const GET: Asked = Asked { version: Version::HTTP_11, head_only: false, keep_alive: true };
const HEAD: Asked = Asked { head_only: true, ..GET };
const OLD: Asked = Asked { version: Version::HTTP_10, ..GET };

fn stream() -> Payload {
    Payload::stream(|_| Ok(()))
}

fn response(status: u16, headers: &[(&str, &str)], payload: Payload) -> Response {
    let builder =
        headers.iter().fold(Builder::builder().status(status), |b, (name, value)| b.header(*name, *value));
    builder.body(payload).unwrap()
}

fn planned(response: Response, asked: Asked) -> (Delimiter, bool, bool) {
    let (parts, payload) = response.into_parts();
    let plan = plan(&parts, &payload, asked);
    (plan.delimiter, plan.send_body, plan.keep_alive)
}

#[test]
fn each_answer_gets_one_delimiter() {
    let bytes = || Payload::Bytes(vec![1; 7]);
    let length = [("content-length", "12")];
    let cases = [
        (response(200, &[], bytes()), GET, (Delimiter::Length(7), true, true)),
        (response(200, &length, bytes()), GET, (Delimiter::Length(7), true, true)),
        (response(200, &[], bytes()), HEAD, (Delimiter::Length(7), false, true)),
        (response(200, &[], Payload::Empty), GET, (Delimiter::Length(0), true, true)),
        (response(200, &length, Payload::Empty), GET, (Delimiter::Length(0), true, true)),
        (response(200, &length, Payload::Empty), HEAD, (Delimiter::Length(12), false, true)),
        (response(200, &[], stream()), GET, (Delimiter::Chunked, true, true)),
        (response(200, &[], stream()), HEAD, (Delimiter::Chunked, false, true)),
        (response(200, &[], stream()), OLD, (Delimiter::Close, true, false)),
        (response(200, &length, stream()), OLD, (Delimiter::Length(12), true, true)),
        (response(204, &length, bytes()), GET, (Delimiter::Bodyless, false, true)),
        (response(304, &[], stream()), GET, (Delimiter::Bodyless, false, true)),
        (response(200, &[("connection", "close")], bytes()), GET, (Delimiter::Length(7), true, false)),
        (
            response(101, &length, Payload::Upgrade(Box::new(|_| Ok(())))),
            GET,
            (Delimiter::Upgrade, true, false),
        ),
    ];
    for (response, asked, expected) in cases {
        let name = format!("{response:?}");
        assert_eq!(planned(response, asked), expected, "{name} {asked:?}");
    }
}

#[test]
fn the_handlers_own_framing_fields_are_left_out() {
    let headers =
        ["transfer-encoding", "connection", "keep-alive", "x-request-id", "x"].map(|name| (name, "y"));
    let (parts, payload) = response(200, &headers, Payload::Bytes(vec![1])).into_parts();
    let mut out = Vec::new();
    write_head(
        &mut out,
        parts.status,
        &parts.headers,
        plan(&parts, &payload, OLD),
        OLD,
        "now",
        &RequestId::of(Some(b"7")),
    );
    let expected = "HTTP/1.1 200 OK\r\nx: y\r\ndate: now\r\nx-request-id: 7\r\ncontent-length: 1\r\nconnection: keep-alive\r\n\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn what_follows_an_upgrade_is_no_http() {
    let head = |status, payload, asked| {
        let (parts, payload) = response(status, &[("upgrade", "websocket")], payload).into_parts();
        let mut out = Vec::new();
        write_head(
            &mut out,
            parts.status,
            &parts.headers,
            plan(&parts, &payload, asked),
            asked,
            "now",
            &RequestId::of(Some(b"7")),
        );
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        head(101, Payload::Upgrade(Box::new(|_| Ok(()))), GET),
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\ndate: now\r\nx-request-id: 7\r\nconnection: upgrade\r\n\r\n"
    );
    assert_eq!(
        head(426, Payload::Empty, OLD),
        "HTTP/1.1 426 Upgrade Required\r\nupgrade: websocket\r\ndate: now\r\nx-request-id: 7\r\ncontent-length: 0\r\nconnection: upgrade\r\n\
         connection: keep-alive\r\n\r\n"
    );
}
