//! A host that only looks at the plugin. In a process of its own: ONNX Runtime, once loaded, keeps the plugin in memory.

use timbrel_host::Plugin;

/// Several threads at once, as some hosts scan: each ends while another one may be closing the library.
#[test]
fn threads_that_scan_the_plugin_end_without_harm() {
    let bundle = timbrel_host::bundle().unwrap();
    for _ in 0..100 {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut plugin = Plugin::load(&bundle).unwrap();
                    let (_, param) = plugin.params().unwrap().swap_remove(0);
                    plugin.text(param, param.min).unwrap();
                });
            }
        });
    }
}
