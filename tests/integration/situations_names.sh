#!/bin/sh
# Situations that people bring a library into: names of tags, branches and models.
. "$(dirname "$0")/lib.sh"
learned
. "$ROOT/tests/integration/table"
export CONFIG T
T_="grasp transfer $CONFIG --library lib --split val -q --regate"
export T_

situation 37 "freezing under a name that is taken" <<'END'
git -C lib branch other
2$ grasp skills freeze lib --name best
1$ grasp skills freeze lib --name main
> names a branch
1$ grasp skills freeze lib --name HEAD
> choose another name
1$ grasp skills freeze lib --name other
> names a branch
1$ grasp skills freeze lib --name a..b
> cannot be a tag's name
? test -z "$(git -C lib tag)"
END

for how in "tag -d v1" "tag -f v1 main" "update-ref refs/tags/v1 v1^{commit}" "tag -f -a -m other v1 main~1"; do
    export how
    situation 38 "a frozen tag: git $how" <<'END'
grasp skills freeze lib --name v1
0$ grasp skills verify lib
eval git -C lib $how
1$ grasp skills verify lib
> tag 'v1': it was frozen here
1$ grasp skills freeze lib --check v1
> it was frozen here
1$ grasp transfer "$CONFIG" --library lib --at v1 --to simulated:weak --split dev
1$ grasp eval "$CONFIG" --library lib --at v1 --split dev
1$ grasp run "$CONFIG" task1_1 --library lib --at v1
> it was frozen here
1$ grasp gate "$CONFIG" --null --rounds 1 --library lib --at v1
> it was frozen here
1$ grasp skills list lib --at v1
> it was frozen here
1$ grasp skills export lib --at v1 taken-out
> it was frozen here
1$ grasp skills merge "$CONFIG" --library lib --from lib --at v1
> it was frozen here
git -C lib update-ref refs/tags/v1 refs/grasp/frozen/v1
0$ grasp skills verify lib
END
done

situation 39 "names of models" <<'END'
2$ $T_ --to preset:a --to a
> would both be called
2$ $T_ --to '---'
> letters or digits
0$ $T_ --to openai/gpt-oss-120b --to a..b --to 模型 --set model.kind=simulated
? git -C lib rev-parse -q --verify refs/heads/for/openai%2Fgpt-oss-120b
? git -C lib rev-parse -q --verify refs/heads/for/a.%2Eb
? git -C lib rev-parse -q --verify refs/heads/for/%E6%A8%A1%E5%9E%8B
0$ grasp skills verify lib
END

# An endpoint that is not there: what is refused before a call is paid for is refused for its own reason.
AWAY="--set model.kind=openai --set model.base_url=http://127.0.0.1:9/v1 --set model.attempts=1"
export AWAY
for bad in main HEAD bad..name best frozen taken taken/below up; do
    export bad
    situation 40 "--branch $bad" <<'END'
grasp skills freeze lib --name frozen
git -C lib branch taken main~1
git -C lib branch up/stream main~1
1$ $T_ --at frozen --to model-x $AWAY --branch "$bad"
! could be scored
! attempts
> branch
END
done
situation 40 "a branch called for" <<'END'
git -C lib branch for
1$ $T_ --to model-x $AWAY
> has a branch 'for'
! could be scored
END

situation 40 "stopped late, it shows what was measured" <<'END'
grasp transfer "$CONFIG" --library lib --split val --to simulated:weak 2>calls >/dev/null
n=$(sed -n 's/.*calls made \([0-9,]*\), .*/\1/p' calls | tr -d ,)
echo $((n + 20)) >budget
3$ $T_ --to simulated:weak --set budget.calls=$(cat budget)
> with library
> simulated:weak
END

situation 41 "stopped, and the same command again" <<'END'
3$ $T_ --to simulated:weak --out tables --set budget.calls=300
3$ $T_ --to simulated:weak --out tables --set budget.calls=300
0$ grasp transfer "$CONFIG" --library lib --split val --to simulated:weak --out tables
0$ grasp transfer "$CONFIG" --library lib --split val --to simulated:weak --out tables --replay-only --journal tables/journal -q
0$ grasp transfer "$CONFIG" --library lib --split val --to simulated:weak
> .grasp/journal
END

# Two endpoints that have a model of the same name.
bg "$GRASP" model serve --port 0 --profile weak >served1 2>&1
bg "$GRASP" model serve --port 0 --profile strong >served2 2>&1
wait_line served1 'listening on' && wait_line served2 'listening on'
ONE=$(sed -n 's/^listening on //p' served1) TWO=$(sed -n 's/^listening on //p' served2)
at="$T_ --to same --journal one-journal --json --set model.kind=openai"
export ONE TWO at
situation 42 "one name on two endpoints, one journal" <<'END'
0$ $at --set "model.base_url=$ONE"
$at --set "model.base_url=$ONE" --replay-only >one.json
0$ $at --set "model.base_url=$TWO"
$at --set "model.base_url=$TWO" --replay-only >two.json
? test "$(jq .executors[0].splits.val.library.n_correct one.json)" -lt "$(jq .executors[0].splits.val.library.n_correct two.json)"
END

situation 43 "a frozen library on another benchmark" <<'END'
cp -R "$T/run" run
sed -i 's/^benchmark:.*/benchmark:/; s|^\( *version:\) "v1"|\1 "v2"|' run/config.yaml
0$ grasp skills freeze lib --name v1 --run run
0$ grasp eval "$CONFIG" --library lib --at v1 --split val -q
1x was learned on benchmark 'v2', and this is 'v1'
0$ grasp transfer "$CONFIG" --library lib --at v1 --split val -q --to simulated:weak --to simulated
1x was learned on benchmark 'v2', and this is 'v1'
0$ grasp eval "$CONFIG" --library lib --at best --split val -q
! was learned
END

situation 43 "a frozen library in another world, with another preset" <<'END'
mkdir -p "$(dirname "$CONFIG")/agents"
for p in a b; do echo '{kind: simulated, name: one}' >"$(dirname "$CONFIG")/agents/$p.yaml"; done
0$ grasp learn "$CONFIG" --set agent_preset=a --set cycle.epochs=1 --library with-a --run run-a -q
0$ grasp skills freeze with-a --name v1 --run run-a
0$ grasp transfer "$CONFIG" --set agent_preset=a --library with-a --at v1 --split val -q --to simulated:weak
! was learned
0$ grasp transfer "$CONFIG" --set agent_preset=b --library with-a --at v1 --split val -q --to simulated:weak
1x was learned on preset 'a', and this is 'b'
0$ grasp transfer "$CONFIG" --library with-a --at v1 --split val -q --to preset:b
! was learned
find "$(dirname "$CONFIG")" "${GRASP_SHARED:-.}/vectors/clinic_v1" -name Patient.ndjson 2>/dev/null | head -n 1 | xargs -I{} cp {} Other.ndjson
0$ grasp transfer "$CONFIG" --set agent_preset=a --set "fhir.load=[$PWD/Other.ndjson]" --library with-a --at v1 --split val -q --to simulated:weak
1x was learned on world 'Patient.ndjson Obs
END

situation 44 "a split without its file" <<'END'
1$ grasp transfer "$CONFIG" --library lib --to simulated:weak --split val --set data.val=gone.json
> gone.json
1$ $T_ --to simulated:weak --set data.dev=
> data.dev
END
done_testing
