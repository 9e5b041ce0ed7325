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

== Go on: with plain git
  git -C $dir/library log --format='%h %s %(trailers:key=Gate-Score,valueonly,separator=%x20)'
  git -C $dir/library log --notes=gate -1 -p best    # the last edit: what it changed, and the evidence
== with grasp
  build/grasp skills log $dir/library                # every edit, and what the gate said
  build/grasp watch $dir/run
  build/grasp report $dir/run                        # the run as a page
  build/grasp eval $dir/clinic/grasp.yaml --split test --library $dir/library --at best
  build/grasp init                                   # a configuration for your own model and tasks
EOF
