#!/usr/bin/env bash
# One stretch of training on a rented machine, begun with nothing but this repository and what was carried along:
# unpacks what has arrived, trains until the time is over, and leaves the run in parts of 16 MiB at most.
#
#   MINUTES=9 SCHEDULE_MINUTES=25 OUT=out training/gpu/run.sh training/config/fast-half.toml
#
# The next stretch goes on from those parts, on this machine or another one: put them into IN/run.
#
#   MINUTES            all that may be used, unpacking and packing included
#   SCHEDULE_MINUTES   length of the whole schedule, over all stretches (default: MINUTES)
#   IN                 carried along (default: target/gpu): data/ and run/ as parcels (`timbrel_training.parcel`), wheels/
#                      with Python packages that the machine lacks, generator/ with a checkpoint to start from
#   WORK               where it works (default: target/gpu-work); what is there already is used as it is
#   OUT                where the parcel of the run is put (default: target/gpu-out)
#   PYTHON             an interpreter with PyTorch (default: python3)
#   GPUS               how many GPUs of this machine train together (default: 1)
#   OPTIONS            more options for `timbrel_training.gan`, such as "--device cpu"
set -euo pipefail
SECONDS=0

CONFIG=${1:?"name a configuration, such as training/config/fast.toml"}
MINUTES=${MINUTES:?"set MINUTES to the time that may be used"}
IN=$(realpath -m "${IN:-target/gpu}")
WORK=$(realpath -m "${WORK:-target/gpu-work}")
OUT=$(realpath -m "${OUT:-target/gpu-out}")
PYTHON=${PYTHON:-python3}
CONFIG=$(realpath "$CONFIG")

# Packing a run of full size takes this long at most.
PACKING_SECONDS=${PACKING_SECONDS:-25}

cd "$(dirname "$0")/.."
export PYTHONPATH=$PWD PYTHONUNBUFFERED=1
mkdir -p "$WORK"

if [ -d "$IN/wheels" ]; then
    "$PYTHON" -m pip install --quiet --no-index --no-deps --target "$WORK/packages" --upgrade "$IN"/wheels/*.whl
fi
if [ -d "$WORK/packages" ]; then
    export PYTHONPATH=$PYTHONPATH:$WORK/packages
fi
if [ ! -d "$WORK/data" ]; then
    "$PYTHON" -m timbrel_training.parcel unpack "$IN/data" --out "$WORK/data"
fi
# What was carried along is newer than what an earlier stretch left here only where nothing was left.
if [ ! -d "$WORK/run" ] && [ -f "$IN/run/parcel.json" ]; then
    "$PYTHON" -m timbrel_training.parcel unpack "$IN/run" --out "$WORK/run"
fi
echo "set up after $SECONDS s"

LEFT=$("$PYTHON" -c "print(($MINUTES * 60 - $SECONDS - $PACKING_SECONDS) / 60)")
START=()
if [ -d "$IN/generator" ] && [ ! -d "$WORK/run" ]; then
    START=(--start-from "$IN/generator")
fi
LAUNCH=("$PYTHON")
if [ "${GPUS:-1}" -gt 1 ]; then
    LAUNCH=("$PYTHON" -m torch.distributed.run --standalone --nproc-per-node "$GPUS")
fi
# shellcheck disable=SC2086
"${LAUNCH[@]}" -m timbrel_training.gan --config "$CONFIG" --data "$WORK/data" --out "$WORK/run" --resume \
    --minutes "$LEFT" --schedule-minutes "${SCHEDULE_MINUTES:-$LEFT}" "${START[@]}" ${OPTIONS:-}
echo "trained after $SECONDS s"

# Older sheets stay here; the last one travels with the checkpoint and the log.
mkdir -p "$WORK/older"
find "$WORK/run/samples" -name '*.*' | sort | head -n -2 | xargs --no-run-if-empty mv --target-directory "$WORK/older"
"$PYTHON" -m timbrel_training.parcel pack "$WORK/run" --out "$OUT"
echo "packed after $SECONDS s"
