-- Makes a session with Timbrel on a MIDI track: a lowered gain, and the first direction of the timbre automated from its lower to its
-- upper end over five seconds. Arguments come by the environment, since this shell passes none on.
local folder, name = os.getenv("SESSION_FOLDER"), os.getenv("SESSION_NAME")
local GAIN_DB = tonumber(os.getenv("GAIN_DB"))
local SECONDS, STEPS, RATE = 5, 50, 48000

local backend = AudioEngine:set_backend("None (Dummy)", "", "")
backend:set_sample_rate(RATE)
backend:set_buffer_size(512)
backend:set_device_name("Normal Speed")
assert(AudioEngine:start(false) == 0, "no engine")
assert(create_session(folder, name, RATE), "no session")

local plugin = ARDOUR.LuaAPI.new_plugin_info("Timbrel", ARDOUR.PluginType.VST3)
assert(not plugin:isnil(), "the plugin was not found")
local midi, audio = ARDOUR.DataType("midi"), ARDOUR.DataType("audio")
local tracks = Session:new_midi_track(
    ARDOUR.ChanCount(midi, 1), ARDOUR.ChanCount(audio, 2), true, plugin, nil, nil, 1, "Timbrel",
    ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal, true)
local processor = tracks:front():nth_plugin(0)
assert(not processor:isnil(), "the plugin was not loaded")

-- Ardour connects a new track by itself, but some time later.
for side = 0, 1 do
    local port, other = tracks:front():output():audio(side), string.format("Master/audio_in %d", side + 1)
    if not port:connected_to(other) then port:connect(other) end
    assert(port:connected_to(other), "not connected to " .. other)
end

local function parameter(label)
    local own = processor:to_insert():plugin(0)
    for index = 0, own:parameter_count() - 1 do
        if own:parameter_label(index) == label then return index end
    end
    error("no parameter " .. label)
end

local timbre = parameter("Timbre 1")
local line, _, range = ARDOUR.LuaAPI.plugin_automation(processor, timbre)
for step = 0, STEPS do
    local at = Temporal.timepos_t(math.floor(step * SECONDS * RATE / STEPS))
    line:add(at, range.lower + (range.upper - range.lower) * step / STEPS, false, true)
end
local which = Evoral.Parameter(ARDOUR.AutomationType.PluginAutomation, 0, timbre)
processor:to_automatable():automation_control(which, false):set_automation_state(ARDOUR.AutoState.Play)
assert(ARDOUR.LuaAPI.set_processor_param(processor, parameter("Gain"), GAIN_DB), "the gain was not set")

-- A plugin hears of a new value with the next block.
local from = AudioEngine:processed_samples()
while AudioEngine:processed_samples() < from + 8 * 512 do ARDOUR.LuaAPI.usleep(10000) end
Session:save_state("", false, false, false, false, false)
close_session()
quit()
