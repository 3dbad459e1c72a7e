#!/bin/sh
# Installs Timbrel for the user who runs it, or takes it away again:
#     ./install.sh
#     ./install.sh --uninstall
# The user's own models, presets and settings are left alone either way.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
list=$HOME/.local/lib/timbrel/installed.txt

folder() {
    case $1 in
        lib) echo "$HOME/.local/lib" ;;
        clap) echo "$HOME/.clap" ;;
        vst3) echo "$HOME/.vst3" ;;
        bin) echo "$HOME/.local/bin" ;;
        share) echo "$HOME/.local/share" ;;
    esac
}

uninstall() {
    [ -f "$list" ] || return 0
    while IFS= read -r path; do
        rm -f -- "$path"
    done < "$list"
    rm -f -- "$list"
    # Folders that nothing else lies in.
    find "$(folder vst3)/Timbrel.vst3" "$(folder lib)/timbrel" "$(folder share)/doc/timbrel" \
        -depth -type d -exec rmdir {} + 2> /dev/null || true
}

if [ "${1-}" = --uninstall ]; then
    [ -f "$list" ] || { echo "Timbrel is not installed for this user: $list is missing." >&2; exit 1; }
    uninstall
    echo "Timbrel was removed."
    exit 0
fi
[ $# -eq 0 ] || { echo "usage: $0 [--uninstall]" >&2; exit 2; }

for name in lib clap vst3 bin share; do
    [ -d "$here/$name" ] || continue
    to=$(folder "$name")
    mkdir -p -- "$to"
    [ -w "$to" ] || { echo "$to cannot be written: check its owner." >&2; exit 1; }
done
# What an older version has left would stay for ever otherwise.
uninstall
mkdir -p -- "$(dirname "$list")"
for name in lib clap vst3 bin share; do
    [ -d "$here/$name" ] || continue
    to=$(folder "$name")
    (cd "$here/$name" && find . -type f) | sed 's|^\./||' | while IFS= read -r path; do
        mkdir -p -- "$(dirname "$to/$path")"
        # A host that runs keeps the file that it has; the new one is another.
        rm -f -- "$to/$path"
        cp -- "$here/$name/$path" "$to/$path"
        echo "$to/$path" >> "$list"
    done
done
while read -r from path to target; do
    link=$(folder "$from")/$path
    mkdir -p -- "$(dirname "$link")"
    # A folder that was copied there by hand would take the link in.
    if [ -d "$link" ] && [ ! -L "$link" ]; then
        echo "$link is in the way: move it, then run this again." >&2
        exit 1
    fi
    ln -sfn -- "$(folder "$to")/$target" "$link"
    echo "$link" >> "$list"
done < "$here/links.txt"
echo "Timbrel is installed. Let your host look for new plugins; the app is $(folder bin)/timbrel."
