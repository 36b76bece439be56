//! What a service manager is told, systemd for one (sd_notify(3)).

use super::*;
use rustix::process::Signal;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;

/// Stands for the service manager, beside a site that knows it.
struct Manager {
    socket: UnixDatagram,
    site: Option<Site>,
}

impl Manager {
    fn new() -> Manager {
        let site = Site::new().fake("a", Fake::stdio());
        let path = site.folder().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Manager { socket, site: Some(site.env("NOTIFY_SOCKET", path)) }
    }

    /// That wants to hear of the proxy each half second.
    fn with_watchdog() -> Manager {
        let mut manager = Manager::new();
        manager.site = manager.site.map(|site| site.env("WATCHDOG_USEC", "500000"));
        manager
    }

    fn site(&mut self) -> Site {
        self.site.take().unwrap()
    }

    /// The next thing it is told.
    #[track_caller]
    fn hear(&self) -> String {
        self.socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut told = [0; 1024];
        let length = self.socket.recv(&mut told).expect("nothing was said");
        String::from_utf8(told[..length].to_vec()).unwrap()
    }

    /// What it was told and has not heard yet.
    fn pending(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).unwrap();
        let mut told = [0; 1024];
        let all =
            std::iter::from_fn(|| self.socket.recv(&mut told).ok().map(|length| told[..length].to_vec()));
        let all = all.map(|told| String::from_utf8(told).unwrap()).collect();
        self.socket.set_nonblocking(false).unwrap();
        all
    }
}

#[test]
fn it_hears_of_start_reload_and_end() {
    let mut manager = Manager::new();
    let mut proxy = manager.site().start();
    assert_eq!(manager.hear(), format!("READY=1\nSTATUS=serving http://{}", proxy.address()));
    assert_eq!(proxy.client("a").text("echo", serde_json::json!({"text": "hi"})), "hi");
    proxy.signal(Signal::HUP);
    let reloading = manager.hear();
    let since =
        reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap_or_else(|| panic!("{reloading}"));
    assert!(since.parse::<u64>().unwrap() > 0);
    assert_eq!(manager.hear(), "READY=1\nSTATUS=1 served");
    assert!(proxy.stop().success());
    assert_eq!(manager.hear(), "STOPPING=1\nSTATUS=stopping");
    assert!(manager.pending().is_empty());
}

#[test]
fn it_is_not_the_servers_manager() {
    let mut manager = Manager::with_watchdog();
    let proxy = manager.site().start();
    let environ = std::fs::read(format!("/proc/{}/environ", proxy.wait_child("a"))).unwrap();
    let environ = String::from_utf8_lossy(&environ).into_owned();
    assert!(!environ.contains("NOTIFY_SOCKET") && !environ.contains("WATCHDOG"), "{environ}");
}

#[test]
fn it_hears_again_and_again_that_the_proxy_answers() {
    let mut manager = Manager::with_watchdog();
    let mut proxy = manager.site().start();
    let told: Vec<String> = (0..6).map(|_| manager.hear()).collect();
    let alive = told.iter().filter(|told| *told == "WATCHDOG=1").count();
    assert_eq!(alive, 5, "{told:?}");
    assert!(proxy.stop().success());
    assert!(proxy.log().iter().all(|line| !line.contains("does not answer itself")), "{:?}", proxy.log());
}

#[test]
fn it_hears_nothing_more_of_a_proxy_that_does_not_answer() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut manager = Manager::with_watchdog();
    let proxy = manager.site().start_on(&socket);
    while manager.hear() != "WATCHDOG=1" {}
    // From now on nobody can connect.
    rustix::net::shutdown(&socket, rustix::net::Shutdown::Both).unwrap();
    let complaints = |least: usize| {
        eventually(DEADLINE, || {
            proxy.log().iter().filter(|line| line.contains("does not answer itself")).count() >= least
        });
    };
    complaints(1);
    manager.pending();
    complaints(4);
    assert_eq!(manager.pending(), [""; 0]);
}
