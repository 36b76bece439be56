//! A browser without a screen: it keeps a cookie, says where its pages come from, and reads forms.

use crate::harness::{Proxy, Response, Site, request};
use std::io::Write;
use std::process::Stdio;

pub const PASSWORD: &str = "correct horse battery";
pub const PERSON: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");

pub fn passwd(site: &Site, password: &str) {
    let mut command = site.command();
    let mut child = command.arg("passwd").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

pub fn encoded(form: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

pub struct Browser<'p> {
    pub proxy: &'p Proxy,
    pub origin: String,
    /// `name=value`; empty if there is none.
    pub cookie: String,
}

impl<'p> Browser<'p> {
    pub fn new(proxy: &'p Proxy) -> Browser<'p> {
        let origin = proxy.url("").trim_end_matches('/').to_string();
        Browser { proxy, origin, cookie: String::new() }
    }

    pub fn headers<'h>(&'h self, more: &[(&'h str, &'h str)]) -> Vec<(&'h str, &'h str)> {
        let cookie = [("Cookie", self.cookie.as_str())].into_iter().filter(|(_, it)| !it.is_empty());
        more.iter().copied().chain(cookie).collect()
    }

    pub fn get(&self, path: &str) -> Response {
        request("GET", &self.proxy.url(path), &self.headers(&[PERSON]), b"")
    }

    /// What the page's forms send.
    pub fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        self.post_as(path, form, &[PERSON, ("Origin", &self.origin)])
    }

    pub fn post_as(&self, path: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Response {
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        let headers = self.headers(&[&[kind], headers].concat());
        request("POST", &self.proxy.url(path), &headers, encoded(form).as_bytes())
    }

    /// Signs in, and keeps the cookie.
    #[track_caller]
    pub fn sign_in(mut self, form: &[(&str, &str)]) -> Browser<'p> {
        let answer = self.post("login", form);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{answer:?}");
        self.cookie = cookie(&answer).split(';').next().unwrap().to_string();
        self
    }

    /// What the forms of the page hold.
    #[track_caller]
    pub fn word(&self) -> String {
        let page = self.get("").text();
        let rest = page.split("name=\"word\" value=\"").nth(1).unwrap_or_else(|| panic!("no form in {page}"));
        rest.split('"').next().unwrap().to_string()
    }
}

#[track_caller]
pub fn cookie(answer: &Response) -> &str {
    answer.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {answer:?}"))
}

/// The owner, signed in.
#[track_caller]
pub fn owner(proxy: &Proxy) -> Browser<'_> {
    Browser::new(proxy).sign_in(&[("password", PASSWORD)])
}
