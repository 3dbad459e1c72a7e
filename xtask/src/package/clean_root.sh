# Runs as root in a new Debian. Each line that fails ends it, and with it the proof.
export DEBIAN_FRONTEND=noninteractive HOME=/root TIMBREL_CACHE=off
apt-get install --yes --no-install-recommends /tmp/timbrel.deb > /tmp/apt.log 2>&1 || { cat /tmp/apt.log; exit 1; }

timbrel --version
timbrel render /usr/share/doc/timbrel/demo.mid --out /tmp/demo.wav
/tmp/clap-host Timbrel
PYTHONPATH=/tmp/site-packages python3 - << 'PLAY'
import re

import numpy
import pedalboard

# The framework's stand-ins for MIDI controllers are thousands of parameters, and of no use here.
pedalboard._pedalboard.PARAMETER_NAME_REGEXES_TO_IGNORE.add(re.compile(r"MIDI Ch"))
plugin = pedalboard.VST3Plugin("/usr/lib/vst3/Timbrel.vst3")
sound = plugin([(bytes([0x90, 60, 100]), 0.0), (bytes([0x80, 60, 0]), 1.0)], duration=1.5, sample_rate=48000)
peak = float(numpy.abs(sound).max())
assert 0.01 < peak < 1.0, f"the VST3 plugin's peak is {peak}"
print(f"VST3: peak {peak:.3f}")
PLAY

apt-get purge --yes timbrel > /tmp/apt.log 2>&1 || { cat /tmp/apt.log; exit 1; }
left=$(find / -xdev -path /proc -prune -o -path /tmp -prune -o -path /var/cache/apt -prune -o -iname '*timbrel*' -print)
[ -z "$left" ] || { echo "this is left of it: $left"; exit 1; }
echo "Nothing is left of it."
