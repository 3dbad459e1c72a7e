//! Ends a run or a load of ONNX Runtime from another thread.

use std::sync::Arc;

use ort::session::RunOptions;
use ort::session::builder::LoadCanceler;
use parking_lot::Mutex;

/// A switch that is thrown once. What is under way stops within milliseconds, and what begins later does not begin.
#[derive(Default)]
pub struct Interrupt(Mutex<State>);

#[derive(Default)]
struct State {
    raised: bool,
    under_way: Option<UnderWay>,
}

enum UnderWay {
    Run(Arc<RunOptions>),
    Load(LoadCanceler),
}

impl UnderWay {
    /// Neither call can fail other than for a missing handle, and then there is nothing to stop.
    fn stop(&self) {
        let _ = match self {
            Self::Run(options) => options.terminate(),
            Self::Load(canceler) => canceler.cancel(),
        };
    }
}

impl Interrupt {
    pub fn raise(&self) {
        let mut state = self.0.lock();
        state.raised = true;
        if let Some(under_way) = &state.under_way {
            under_way.stop();
        }
    }

    pub fn is_raised(&self) -> bool {
        self.0.lock().raised
    }

    /// Does a run that can be ended.
    pub fn during_run<T>(&self, options: &Arc<RunOptions>, run: impl FnOnce() -> T) -> T {
        self.during(UnderWay::Run(Arc::clone(options)), run)
    }

    /// Does a load that can be ended.
    pub fn during_load<T>(&self, canceler: LoadCanceler, load: impl FnOnce() -> T) -> T {
        self.during(UnderWay::Load(canceler), load)
    }

    fn during<T>(&self, under_way: UnderWay, work: impl FnOnce() -> T) -> T {
        {
            let mut state = self.0.lock();
            if state.raised {
                under_way.stop();
            }
            state.under_way = Some(under_way);
        }
        let result = work();
        self.0.lock().under_way = None;
        result
    }
}
