-- Opens a session, says what the plugin's gain is, and saves it again.
local backend = AudioEngine:set_backend("None (Dummy)", "", "")
backend:set_sample_rate(48000)
backend:set_buffer_size(512)
backend:set_device_name("Normal Speed")
assert(AudioEngine:start(false) == 0, "no engine")
assert(load_session(os.getenv("SESSION_FOLDER"), os.getenv("SESSION_NAME")), "no session")
for route in Session:get_tracks():iter() do
    local processor = route:nth_plugin(0)
    local own = processor:to_insert():plugin(0)
    for index = 0, own:parameter_count() - 1 do
        if own:parameter_label(index) == "Gain" then
            print(string.format("gain=%.3f", ARDOUR.LuaAPI.get_processor_param(processor, index)))
        end
    end
end
Session:save_state("", false, false, false, false, false)
close_session()
quit()
