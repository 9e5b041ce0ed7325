#!/bin/sh
# A matrix as a Slurm job array, on a cluster of this one machine: six cells, one of them killed while it
# runs and requeued, one gathered table, equal to the local run's. By hand, as root:
#     make && sh tests/interop/slurm.sh
# Needs Debian's slurm-wlm and munge (no systemd, no cgroups); skipped where they are not there. About a
# minute, most of it Slurm's own scheduling.
. "$(dirname "$0")/../integration/lib.sh"
unset GRASP_BACKEND
for p in slurmctld slurmd munged sbatch scontrol squeue; do
    command -v $p >/dev/null || { skip "a local Slurm" "$p is not there (slurm-wlm, munge)"; done_testing; }
done
[ "$(id -u)" = 0 ] || { skip "a local Slurm" "not root"; done_testing; }

# --- one node, its daemons by hand
D=$T/slurm node=$(hostname -s)
mkdir -p "$D/state" "$D/spool" "$D/log" "$D/munge"
chmod 0711 "$D/munge" "$T"
dd if=/dev/urandom of="$D/munge/key" bs=1024 count=1 status=none
chmod 0400 "$D/munge/key"
munged --force --key-file="$D/munge/key" --socket="$D/munge/socket" --pid-file="$D/munge/pid" \
    --log-file="$D/munge/log" --seed-file="$D/munge/seed" 2>"$D/munge/start.log"
cat >"$D/slurm.conf" <<CONF
ClusterName=local
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=16917
SlurmdPort=16918
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=5,socket=$D/munge/socket
CredType=cred/munge
StateSaveLocation=$D/state
SlurmdSpoolDir=$D/spool
SlurmctldPidFile=$D/slurmctld.pid
SlurmdPidFile=$D/slurmd.pid
SlurmctldLogFile=$D/log/slurmctld.log
SlurmdLogFile=$D/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0,defer_batch
ReturnToService=2
MinJobAge=3600
KillWait=5
JobRequeue=1
MailProg=/bin/true
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=$node Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
CONF
export SLURM_CONF="$D/slurm.conf"
down() {
    scancel -u root 2>/dev/null
    wait_until 20 sh -c '[ -z "$(squeue -h 2>/dev/null)" ]'
    for f in slurmd.pid slurmctld.pid munge/pid; do
        [ -s "$D/$f" ] && kill "$(cat "$D/$f")" 2>/dev/null
        wait_until 5 sh -c "[ ! -e '$D/$f' ]"
    done
}
trap 'down; cleanup' EXIT
slurmctld -f "$SLURM_CONF" && slurmd -f "$SLURM_CONF" -N "$node"
wait_until 20 sh -c 'sinfo -h -o %t 2>/dev/null | grep -q idle' || {
    not_ok "a node that is idle" "$(tail "$D"/log/*)"; done_testing; }

# --- six cells
"$GRASP" synth -q --patients 60 --out clinic >/dev/null
matrix="clinic/grasp.yaml --methods none,grasp --seeds 1-3 --set cycle.epochs=2 --set sim.latency_ms=20"
exits "the plan, and nothing of it made" 3 "$GRASP" compare $matrix -q --out m --set budget.calls=1 --insist
exits "the script" 0 "$GRASP" compare m --sbatch
cp out array.sbatch
export GRASP
id=$(sbatch --parsable array.sbatch) || { not_ok "submitted"; done_testing; }
gather=$(sbatch --parsable --dependency=afterany:"$id" --output="$T/table" --wrap "'$GRASP' compare '$T/m' -q")
ok "submitted as array $id, gathered by $gather"

# --- one is killed while it runs, as a node that goes down does
victim=m/cells/grasp+seed-1
wait_until 60 test -d "$victim/run/epoch_0" || not_ok "a cell runs"
state() { "$GRASP" compare m --status --json 2>/dev/null | jq -r ".[] | select(.cell == \"grasp+seed-1\").state"; }
is "it is running" "$(state)" running
n=$("$GRASP" compare m --status --json 2>/dev/null | jq -r '.[] | select(.cell == "grasp+seed-1").number')
check "requeued" scontrol requeue "${id}_$n"
wait_until 300 sh -c "[ -z \"\$(squeue -h -j $id,$gather 2>/dev/null)\" ]" || not_ok "the array ends" "$(squeue)"
is "it was begun twice" "$(scontrol show job "${id}_$n" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p')" 1
is "every cell is done" "$("$GRASP" compare m --status --json | jq -r '[.[].state] | unique | .[]')" done
has "the gathered table" table "against none, in points"

# --- the same matrix here
exits "here" 0 "$GRASP" compare $matrix -q --out here
"$GRASP" compare m -q --json | jq '[.tables[].arms[].runs[] | del(.calls, .usd)]' >a
"$GRASP" compare here -q --json | jq '[.tables[].arms[].runs[] | del(.calls, .usd)]' >b
check "the same scores" cmp a b
for s in 1 2 3; do
    is "seed $s: the same library" "$(git -C m/cells/grasp+seed-$s/library rev-parse 'HEAD^{tree}')" \
        "$(git -C here/cells/grasp+seed-$s/library rev-parse 'HEAD^{tree}')"
done
check "the journals of the nodes in one" "$GRASP" journal merge all m/journals/*
exits "nothing is left to submit" 1 "$GRASP" compare m --sbatch
done_testing
