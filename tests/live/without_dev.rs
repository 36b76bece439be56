//! Without `--dev` nothing happens by itself; `reload` and SIGHUP do the same folder by folder.

use super::*;
use rustix::process::Signal;

#[test]
fn reload_and_hangup_serve_new_folders_and_end_removed_ones() {
    let proxy = Site::new().fake("a", Fake::stdio()).fake("0", Fake::stdio()).start();
    let a = pid(&proxy, "a");
    let reload: [&dyn Fn(); 2] =
        [&|| assert!(proxy.site.run(&["reload"]).status.success()), &|| proxy.signal(Signal::HUP)];
    for (n, reload) in reload.iter().enumerate() {
        let (old, new) = (n.to_string(), (n + 1).to_string());
        pid(&proxy, &old);
        touch(&proxy.site, "a");
        std::fs::remove_dir_all(proxy.site.folder().join("servers").join(&old)).unwrap();
        proxy.site.add(&new, &Fake::stdio());
        proxy.client("a").text("sleep", json!({"ms": 700}));
        assert!(find(&proxy, &new).is_none() && find(&proxy, &old).is_some(), "nothing happens by itself");
        reload();
        wait_ready(&proxy, &new);
        wait_gone(&proxy, &old);
        assert_eq!(pid(&proxy, "a"), a, "a changed program is left to `restart`");
    }
}
