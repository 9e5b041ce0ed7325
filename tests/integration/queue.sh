#!/bin/sh
# A person as the model (tests/tools/queue.py): a rollout whose answers are handed in as files.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND
command -v python3 >/dev/null || skip_all "no python3"
queue() { timeout 60 python3 "$ROOT/tests/tools/queue.py" "$@"; }

"$GRASP" synth -q --patients 60 --seed 1 --out clinic >/dev/null || { not_ok "a clinic"; done_testing; }
TASK=$(jq -r '[.[] | select(.id | startswith("task2_"))][0].id' clinic/tasks/all_tasks.json)
MRN=$(jq -r --arg t "$TASK" '.[] | select(.id == $t).eval_MRN' clinic/tasks/all_tasks.json)
bg python3 "$ROOT/tests/tools/queue.py" serve play >serve.log 2>serve.err
wait_line serve.log "listening on" || { cat serve.err; not_ok "it listens"; done_testing; }
URL=$(sed -n 's/^listening on //p' serve.log)

bg "$GRASP" run clinic/grasp.yaml "$TASK" --json -q --set model.kind=openai --set model.name=me \
    --set "model.base_url=$URL" >rollout.json 2>rollout.err
RUN_PID=${BG##* }
queue next play >first
has "the request has its number" first "request 0001: "
has "and its settings" first '"model": "me"'
has "the whole first message" first "$MRN"
has "a conversation begins" first "---- user"
printf 'GET http://localhost:8080/fhir/Patient?identifier=%s\n' "$MRN" | queue answer play 0001
queue next play >second
has "the next turn goes on from it" second "goes on from 0001"
has "what is new in it: the answer" second '"birthDate"'
hasnt "what is known is not repeated" second "response_format"
queue list play >list
is "one answered, one open" "$(cut -d' ' -f1,2 list | tr '\n' ' ')" "0001 answered 0002 open "
echo 'FINISH([200])' >by-hand && mv by-hand play/0002.answer
wait "$RUN_PID"
is "the rollout ends" "$(jq -c '[.status, .result, .correct]' rollout.json)" '["completed","[200]",false]'
is "the bodies are kept" "$(jq -r '.messages | length' play/0002.json)" 3

code() { curl -s --noproxy '*' -o "$T/.body" -w '%{http_code}' "$@"; }
is "no chat completion" "$(code "$URL/chat/completions" -d '{"messages": 1}')" 400
echo x | queue answer play 0009 2>err
has "no such request" err "has no request 0009"

# Who does not wait any more is not waited for.
curl -s --noproxy '*' -m 0.2 "$URL/chat/completions" -d '{"messages": [{"role": "user", "content": "hello"}]}'
check "a client that went away" wait_until 20 test -e play/0003.gone
done_testing
