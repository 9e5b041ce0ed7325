#!/bin/sh
# demo.sh GRASP - a learning run on a synthetic clinic with the simulated model, start to end.
#
# It makes ./grasp-demo with three things in it: clinic/ (FHIR data, tasks, a configuration), library/
# (the git repository of skills that was learned) and run/ (scores, traces, evidence, the journal).
# Run it again: the journal answers and nothing is paid twice. Remove grasp-demo to begin anew.
set -eu
grasp=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
dir=${GRASP_DEMO_DIR:-grasp-demo}

if [ ! -f "$dir/clinic/grasp.yaml" ]; then
    echo "== A synthetic clinic: FHIR resources, 300 tasks, a configuration"
    "$grasp" synth --patients 300 --seed 1 --out "$dir/clinic"
fi
echo
echo "== The agent learns, and one outcome in twenty flips"
echo "   (simulated model: its numbers say nothing about language models)"
"$grasp" learn "$dir/clinic/grasp.yaml" --library "$dir/library" --run "$dir/run" --set sim.noise=0.05

cat <<EOF

== Look at what it learned, with plain git
  cd $dir/library
  git log --format='%h %s %(trailers:key=Gate-Score,valueonly,separator=%x20)'
  git log --notes=gate -1 best            # the evidence behind the best checkpoint's last edit
  git diff best~1 best                    # what that edit changed

== Then
  build/grasp skills log $dir/library
  build/grasp eval $dir/clinic/grasp.yaml --split test --library $dir/library --at best
  build/grasp report $dir/run             # one self-contained HTML page
  build/grasp init                      # your own model and MedAgentBench: asks, writes grasp.yaml (README.md)
The run is in $dir/run.
EOF
