#!/usr/bin/env bash
#SBATCH --job-name=evalkit
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=32
#SBATCH --exclusive
# One run on all GPUs of an allocation: sbatch examples/cluster/slurm.sh --model stable-audio --suite audiocaps
# Ray is started inside the allocation, one worker of evalkit has one GPU, and the run folder is written by the first node.
# With --dry-run as the first word nothing is started: what would be is printed, also outside of SLURM.
# RESOURCES says what each worker has (default num_gpus=1), PORT where Ray listens (default 6379).
set -euo pipefail
dry=; if [ "${1:-}" = --dry-run ]; then dry=1; shift; fi
port=${PORT:-6379} resources=${RESOURCES:-num_gpus=1}

# Ray runs whatever code it is sent: only who has this token may send any. srun hands it on to the other nodes.
RAY_AUTH_TOKEN=$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')
export RAY_AUTH_TOKEN RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0

run() { if [ "$dry" ]; then echo "$*"; else "$@"; fi; }
start() { if [ "$dry" ]; then echo "$* &"; else "$@" & fi; }

if [ "$dry" ] && [ -z "${SLURM_JOB_NODELIST:-}" ]; then
    nodes=(first-node second-node) address=ADDRESS-OF-FIRST-NODE
else
    mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
    address=$(getent ahostsv4 "${nodes[0]}" | awk 'NR == 1 { print $1 }')
fi

trap '[ "$dry" ] || kill $(jobs -p) 2>/dev/null || true' EXIT
start ray start --head --node-ip-address="$address" --port="$port" --include-dashboard=false --block
for node in "${nodes[@]:1}"; do
    start srun --nodes=1 --ntasks=1 --nodelist="$node" ray start --address="$address:$port" --block
done
# The run takes the nodes that are there when it begins.
all_there() {
    python -c '
import sys, time
from evalkit.core.errors import UserError
from evalkit.execute.ray_connection import connected

address, wanted, deadline, alive = sys.argv[1], int(sys.argv[2]), time.monotonic() + 300, 0
while alive < wanted:
    if time.monotonic() > deadline:
        sys.exit(f"{alive} of {wanted} nodes were there after five minutes")
    try:
        alive = sum(node["Alive"] for node in connected(address).ray.nodes())
    except UserError:
        pass
    time.sleep(1)
' "$@"
}
run all_there "$address:$port" "${#nodes[@]}"
run evalkit run --ray "$address:$port" --ray-resources "$resources" "$@"
