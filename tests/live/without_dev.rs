//! Without `--dev` nothing happens by itself; `reload` and SIGHUP do the same folder by folder.

use super::*;
use rustix::process::Signal;

#[test]
fn reload_and_hangup_serve_new_folders_and_end_removed_ones() {
    let proxy = Site::new().fake("a", Fake::stdio()).fake("0", Fake::stdio()).start();
    let a = proxy.wait_child("a");
    let reload: [&dyn Fn(); 2] =
        [&|| assert!(proxy.site.run(&["reload"]).status.success()), &|| proxy.signal(Signal::HUP)];
    for (n, reload) in reload.iter().enumerate() {
        let (old, new) = (n.to_string(), (n + 1).to_string());
        proxy.wait_child(&old);
        touch(&proxy.site, "a");
        std::fs::remove_dir_all(proxy.site.folder().join("servers").join(&old)).unwrap();
        proxy.site.add(&new, &Fake::stdio());
        proxy.client("a").text("sleep", json!({"ms": 700}));
        assert!(proxy.find(&new).is_none() && proxy.find(&old).is_some(), "nothing happens by itself");
        reload();
        proxy.wait_ready(&new);
        proxy.wait_gone(&old);
        assert_eq!(proxy.wait_child("a"), a, "a changed program is left to `restart`");
    }
}
